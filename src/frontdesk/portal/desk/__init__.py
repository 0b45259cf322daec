"""The pages of the front desk: the day of a clinic, its patients, its calendar, and whoever waits."""
