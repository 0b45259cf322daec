"""What people hear of."""

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
"""Of a visit, to its patient."""

AccountKind = Literal["verification-code", "password-reset", "password-changed", "address-changed", "address-taken"]
"""Of a log-in, to its owner: whoever asks for one (`ports.notifications.Message`) names it so."""
