"""Time off at short notice: which visits it displaces, and other times for each of them (docs/sick-day.md)."""
