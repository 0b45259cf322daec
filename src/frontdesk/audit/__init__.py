"""The trail: who did what to which row, who looked at whom, and that nobody has altered what it says."""
