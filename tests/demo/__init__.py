"""The demo: believable, whole, and the same for the same seed."""
