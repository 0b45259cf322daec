"""The book: holds, bookings, moves and the steps of a visit. Why it cannot double-book is told in ARCHITECTURE.md."""
