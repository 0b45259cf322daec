"""What patients hear of."""

from typing import Literal

Kind = Literal[
    "confirmation",
    "change",
    "cancellation",
    "reminder_day",
    "reminder_hours",
    "status",
    "waitlist_offer",
    "running_late",
]
