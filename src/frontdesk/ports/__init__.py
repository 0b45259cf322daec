"""What leaves the process: one protocol each, one implementation a file."""
