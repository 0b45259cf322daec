"""What an event means to those who watch: whom it concerns, and what each of them is told. Never who the patient is."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
import structlog

log = structlog.get_logger(__name__)

Key = tuple[str, str] | tuple[str, str, str]
"""Something that can be watched: its kind, and the ids it is about."""

TIMES, VISIT, GONE, HOURS, OFFER, PLACE = 1, 2, 4, 8, 16, 32
"""What somebody is told: which times became taken or free; the appointment as it now is; that it is theirs no more;
whose working time changed; a time that is offered to somebody who waits; a place on the waitlist."""

_DEAD = {"cancelled", "no_show", "expired"}  # these claim no time
_VISIT = ("status", "version", "provider_id", "clinic_id", "start", "end")
_OFFER = ("entry_id", "appointment_id", "provider_id", "clinic_id")
_OFFERED = ("start", "end", "expires_at")
_NAMES = {TIMES: "times", HOURS: "hours", VISIT: "appointment", OFFER: "offer", PLACE: "waitlist"}


def provider(provider_id: UUID | str) -> Key:
    """The times of a provider."""
    return ("provider", str(provider_id))


def clinic(clinic_id: UUID | str) -> Key:
    """The times of all providers at a clinic."""
    return ("clinic", str(clinic_id))


def board(clinic_id: UUID | str) -> Key:
    """All appointments at a clinic."""
    return ("board", str(clinic_id))


def own_board(clinic_id: UUID | str, provider_id: UUID | str) -> Key:
    """The appointments of one provider at a clinic."""
    return ("board", str(clinic_id), str(provider_id))


def own_list(provider_id: UUID | str) -> Key:
    """The appointments of one provider."""
    return ("list", str(provider_id))


def patient(patient_id: UUID | str) -> Key:
    """The appointments of one patient."""
    return ("patient", str(patient_id))


def waitlist(clinic_id: UUID | str) -> Key:
    """Who waits for a clinic, and is offered its times."""
    return ("waitlist", str(clinic_id))


def waiting(patient_id: UUID | str) -> Key:
    """What one patient waits for, and is offered."""
    return ("waiting", str(patient_id))


class News:
    """One event of the outbox. `told` says who is told what; what is told is written once for all who are told it."""

    __slots__ = ("_frames", "_parts", "position", "told")

    def __init__(self, *, position: int, topic: str, occurred_at: datetime, payload: dict[str, Any]) -> None:
        self.position = position
        self.told: dict[Key, int] = {}
        self._parts: dict[int, Any] = {}
        self._frames: dict[int, bytes] = {}
        if topic.endswith(".v1"):
            try:
                if topic.startswith("appointments."):
                    self._read(payload, occurred_at)
                elif topic.startswith("hours."):
                    self._read_hours(payload)
                elif topic.startswith(("waitlist.offered.", "waitlist.answered.")):
                    self._read_offer(payload)
                elif topic.startswith("waitlist."):
                    self._read_place(payload)
            except (
                KeyError,
                TypeError,
                ValueError,
            ):  # one that cannot be read must not stand in the way of those behind it
                self.told.clear()
                log.warning("live_event_not_understood", topic=topic, position=position)

    def _read(self, payload: dict[str, Any], occurred_at: datetime) -> None:
        now = {field: payload[field] for field in ("provider_id", "clinic_id", "start", "end")}
        was = {field: payload.get(f"old_{field}", value) for field, value in now.items()}
        # Of what has begun nobody can book anything, and that it became free would tell all that somebody did not come.
        if times := [time for time in _times(payload, was, now) if datetime.fromisoformat(time["start"]) > occurred_at]:
            self._parts[TIMES] = times
            for time in times:
                self.told |= {provider(time["provider_id"]): TIMES, clinic(time["clinic_id"]): TIMES}
        shown = {"status": "held" if "hold_expires_at" in payload else "scheduled"} | payload
        self._parts[VISIT] = {"id": payload["appointment_id"]} | {field: shown[field] for field in _VISIT}
        self._parts[GONE] = {"id": payload["appointment_id"], "version": payload["version"]}
        self.told |= dict.fromkeys(_lists(**was), GONE) | dict.fromkeys(_lists(**now), VISIT)
        if payload["patient_id"]:
            self.told[patient(payload["patient_id"])] = VISIT

    def _read_hours(self, payload: dict[str, Any]) -> None:
        providers, clinics = payload["provider_ids"], payload["clinic_ids"]
        self._parts[HOURS] = {"provider_ids": providers, "clinic_ids": clinics}
        self.told |= dict.fromkeys([*map(provider, providers), *map(clinic, clinics)], HOURS)

    def _read_offer(self, payload: dict[str, Any]) -> None:
        shown = {"id": payload["offer_id"], "status": payload.get("status", "standing")}
        times = _OFFERED if "expires_at" in payload else ()
        self._parts[OFFER] = shown | {field: payload[field] for field in (*_OFFER, *times)}
        self.told = dict.fromkeys((waiting(payload["patient_id"]), waitlist(payload["clinic_id"])), OFFER)

    def _read_place(self, payload: dict[str, Any]) -> None:
        self._parts[PLACE] = {"id": payload["entry_id"], "status": payload.get("status", "waiting")}
        clinics = map(waitlist, payload["clinic_ids"] or ())
        self.told = dict.fromkeys((waiting(payload["patient_id"]), *clinics), PLACE)

    def frame(self, told: int) -> bytes:
        """The event as it is sent to somebody who is told this much."""
        if told not in self._frames:
            names = _NAMES | ({} if told & VISIT else {GONE: "gone"})
            data = {name: self._parts[part] for part, name in names.items() if told & part}
            self._frames[told] = b"id: %d\nevent: change\ndata: %b\n\n" % (self.position, orjson.dumps(data))
        return self._frames[told]


def _times(payload: dict[str, Any], was: dict[str, Any], now: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What became free, then what became taken."""
    if was != now:
        yield was | {"free": True}
        yield now | {"free": False}
        return
    if "old_start" in payload:  # another room, at the same time
        return
    old, new = payload.get("old_status"), payload.get("status")
    if old is None or (old in _DEAD) != (new in _DEAD):
        yield now | {"free": new in _DEAD}


def _lists(provider_id: str, clinic_id: str, **_: str) -> list[Key]:
    return [board(clinic_id), own_board(clinic_id, provider_id), own_list(provider_id)]


def ready(position: int) -> bytes:
    """The first words of a stream: from here on everything is told."""
    return b"retry: 3000\nid: %d\nevent: ready\ndata: {}\n\n" % position


def reset(position: int) -> bytes:
    """Something was missed: whoever hears this reads anew what they show."""
    return b"id: %d\nevent: reset\ndata: {}\n\n" % position


def beat(position: int) -> bytes:
    """A sign of life. Without data a browser tells its page nothing, but remembers the id."""
    return b":\nid: %d\n\n" % position


EXPIRED = b"event: expired\ndata: {}\n\n"
"""The access token is over: refresh it and come back."""

ENDED = b"event: ended\ndata: {}\n\n"
"""The session is over, or a permission that this stream needs."""
