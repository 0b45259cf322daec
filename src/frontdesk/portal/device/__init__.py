"""Frontdesk as a program on a telephone: its icon, what it shows without a network, and messages on the screen."""
