"""Live updates: what happens in the book, told to whoever watches while it happens."""
