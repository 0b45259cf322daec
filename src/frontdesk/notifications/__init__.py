"""Messages about visits: what is told to whom, when, once."""
