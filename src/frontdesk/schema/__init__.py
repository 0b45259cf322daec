"""The database: `*.sql` here is today's truth, readable; `migrations/` is the road to it; a test proves them equal."""
