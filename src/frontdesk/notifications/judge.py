"""May a message leave? Asked right before it does, of the visit as it is then."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

GIVE_UP_AFTER = timedelta(days=1)
LONGEST_PAUSE = timedelta(hours=1)

_AHEAD = ("scheduled", "confirmed")
_REMINDERS = ("reminder_day", "reminder_hours")


@dataclass(frozen=True, slots=True)
class Verdict:
    """`skip` says why it must not leave; `wait_until` says from when on it may. Neither: it may leave now."""

    skip: str | None = None
    wait_until: datetime | None = None


def judge(row: dict[str, Any]) -> Verdict:
    """Judge a row of `hold`. What is no longer true, wanted or in time is skipped; quiet hours are waited for."""
    reminder = row["kind"] in _REMINDERS
    if not still_true(row):
        return Verdict(skip="superseded")
    if row["start_at"] <= row["now"]:
        return Verdict(skip="past")
    if not row["active"]:
        return Verdict(skip="inactive")
    if row["channel"] not in row["channels"]:
        return Verdict(skip="no-consent")
    if reminder and row["channel"] not in row["reminders"]:
        return Verdict(skip="unsubscribed")
    if row["kind"] == "reminder_day" and row["last_reminder_at"] and row["last_reminder_at"] <= row["now"]:
        return Verdict(skip="too-late")  # the other reminder speaks
    # A mail makes no noise: what has happened is told by mail at any hour.
    if row["quiet_over"] > row["now"] and (reminder or row["channel"] != "email"):
        if row["quiet_over"] < row["start_at"]:
            return Verdict(wait_until=row["quiet_over"])
        if reminder:
            return Verdict(skip="quiet-hours")
    return Verdict()


def still_true(row: dict[str, Any]) -> bool:
    match row["kind"]:
        case "cancellation":
            return bool(row["visit_status"] == "cancelled")
        case "status":
            return bool(row["visit_status"] == "confirmed" and row["visit_version"] <= row["version"])
        case _:
            # A later version in which only the room or the reason changed leaves it true.
            return bool(row["visit_status"] in _AHEAD and row["visit_version"] <= row["version"])


def next_try(row: dict[str, Any]) -> datetime | None:
    """When to try again what did not leave: after 1, 2, 4 … minutes. None: never, it would come too late."""
    at: datetime = row["now"] + min(timedelta(minutes=1) * 2 ** min(row["attempts"] - 1, 10), LONGEST_PAUSE)
    return at if at < min(row["due_at"] + GIVE_UP_AFTER, row["start_at"]) else None
