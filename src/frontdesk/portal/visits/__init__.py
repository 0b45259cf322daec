"""What patients see and do of their own: visits, places on the waitlist, offers."""
