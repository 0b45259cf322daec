"""Who waits for a time, and how a time that becomes free finds its next patient by itself (docs/waitlist.md)."""
