"""Rivals: many requests at once against the real service with two workers, and the database alone against SQL."""
