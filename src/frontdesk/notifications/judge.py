"""May a message leave? Asked right before it does, of the visit as it is then."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

GIVE_UP_AFTER = timedelta(days=1)
LONGEST_PAUSE = timedelta(hours=1)
TO_ANSWER = timedelta(minutes=1)
"""Whoever hears of an offer later than that before it ends cannot take it any more."""

_AHEAD = ("scheduled", "confirmed")
_REMINDERS = ("reminder_day", "reminder_hours")


@dataclass(frozen=True, slots=True)
class Verdict:
    """`skip` says why it must not leave; `wait_until` says from when on it may. Neither: it may leave now."""

    skip: str | None = None
    wait_until: datetime | None = None


def judge(row: dict[str, Any]) -> Verdict:
    """Judge a row of `hold`. What is no longer true, wanted or in time is skipped; quiet hours are waited for."""
    reminder, offer = row["kind"] in _REMINDERS, row["kind"] == "waitlist_offer"
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
    if offer and row["now"] >= _last_moment(row):
        return Verdict(skip="too-late")
    # A mail makes no noise: what has happened is told by mail at any hour.
    if row["quiet_over"] > row["now"] and (reminder or row["channel"] != "email"):
        if row["quiet_over"] < _last_moment(row):
            return Verdict(wait_until=row["quiet_over"])
        if reminder or offer:  # nobody is woken for what they may decline; a mail about it has come
            return Verdict(skip="quiet-hours")
    return Verdict()


def still_true(row: dict[str, Any]) -> bool:
    match row["kind"]:
        case "cancellation":
            return bool(row["visit_status"] == "cancelled")
        case "status":
            return bool(row["visit_status"] == "confirmed" and row["visit_version"] <= row["version"])
        case "waitlist_offer":
            return row["offered_until"] is not None
        case _:
            # A later version in which only the room or the reason changed leaves it true.
            return bool(row["visit_status"] in _AHEAD and row["visit_version"] <= row["version"])


def next_try(row: dict[str, Any]) -> datetime | None:
    """When to try again what did not leave: after 1, 2, 4 … minutes. None: never, it would come too late."""
    at: datetime = row["now"] + min(timedelta(minutes=1) * 2 ** min(row["attempts"] - 1, 10), LONGEST_PAUSE)
    return at if at < min(row["due_at"] + GIVE_UP_AFTER, _last_moment(row)) else None


def _last_moment(row: dict[str, Any]) -> datetime:
    """Until when the message is of use: the visit begins, or nobody could answer the offer any more."""
    until: datetime = row["start_at"]
    return min(until, row["offered_until"] - TO_ANSWER) if row["kind"] == "waitlist_offer" else until
