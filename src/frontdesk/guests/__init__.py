"""Whoever has the link to one appointment: sees, confirms, moves or cancels it without an account."""
