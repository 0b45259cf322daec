"""Pages to log in, out and on: session, second factor, registration, forgotten password."""
