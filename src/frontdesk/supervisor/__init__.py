"""`frontdesk run`: our own PostgreSQL and Valkey, the server workers and the background worker, kept alive together."""
