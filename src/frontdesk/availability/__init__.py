"""When a provider can be booked: working time minus closures, minus what is booked, on the grid (DESIGN of the rules: ADR-0008)."""
