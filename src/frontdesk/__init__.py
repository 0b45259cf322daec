"""Frontdesk: the appointment book and patient-flow system of a clinic group."""

__version__ = "0.1.0"
