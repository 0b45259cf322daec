"""`python -m tests.scan`, part of `make lint`: known holes in what we install, secrets in what we publish."""
