"""What containers are made of, as far as it can be read without any."""
