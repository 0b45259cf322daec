"""What providers see and do: their day, their week, and time off that they ask for."""
