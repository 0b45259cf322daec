"""What leaves the process: one promise each, one file per implementation. PostgreSQL as the book is no port."""
