"""When providers work: their week with a preview of what a change comes to, and what differs from it."""
