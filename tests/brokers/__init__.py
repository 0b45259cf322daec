"""Real brokers as processes of a test's own, killable and started again with the same data."""
