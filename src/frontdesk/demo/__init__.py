"""Demo data: a clinic group of eight clinics, three months around today, the same for the same seed."""

from frontdesk.demo.accounts import LOGINS, PASSWORD, work
from frontdesk.demo.fill import NotEmpty, Summary, fill

__all__ = ["LOGINS", "PASSWORD", "NotEmpty", "Summary", "fill", "work"]
