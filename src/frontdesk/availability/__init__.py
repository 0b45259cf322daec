"""When a provider can be booked: working time minus closures, minus what is booked, on the grid (ADR-0008)."""
