"""`make bench`: bookings and availability reads a second, beside yardsticks of the same run (docs/benchmarks.md)."""
