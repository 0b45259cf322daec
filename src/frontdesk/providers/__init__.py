"""Providers: who they are, their weekly schedules and the exceptions from them."""
