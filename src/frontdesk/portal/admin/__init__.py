"""What admins see: accounts, the directory, the trail, and how the service is."""
