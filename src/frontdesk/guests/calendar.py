"""One appointment as a file for a calendar (RFC 5545): when and where, and nothing clinical."""

import hashlib
import re
from typing import Any
from urllib.parse import urlsplit

from icalendar import Calendar, Event
from starlette.requests import Request
from starlette.responses import Response

from frontdesk.guests.words import WORDS, locale_of

MEDIA_TYPE = "text/calendar"

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_STATUS = {"held": "TENTATIVE", "cancelled": "CANCELLED", "expired": "CANCELLED"}


def of(row: dict[str, Any], language: str | None, origin: str, link: str | None = None) -> bytes:
    """The file for a row of `q.see`; `link`, if given, is the path of the page that manages it.

    The same appointment has the same UID for ever, and SEQUENCE is its version, so that a calendar that has it already
    moves or cancels its entry. Times are instants in UTC, which every calendar shows right, whatever zones it knows.
    """
    words, clinic = WORDS[locale_of(language).language], row["clinic"]
    event = Event()
    event.add("uid", f"{row['id']}@{urlsplit(origin).hostname}")
    event.add("sequence", row["version"])
    event.add("dtstamp", row["changed_at"])
    event.add("dtstart", row["start"])
    event.add("dtend", row["end"])
    event.add("status", _STATUS.get(row["status"], "CONFIRMED"))
    event.add("summary", words["summary"].format(clinic=_line(clinic["name"])))
    event.add("location", ", ".join([_line(clinic["name"]), *map(_line, (clinic["address"] or "").splitlines())]))
    told = [_line(row["provider"]), _line(clinic["phone"] or ""), origin + link if link else ""]
    event.add("description", "\n".join(filter(None, told)))
    event.add("class", "PRIVATE")
    calendar = Calendar()
    calendar.add("prodid", "-//Frontdesk//Appointments//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add_component(event)
    written: bytes = calendar.to_ical()
    return written


def _line(text: str) -> str:
    """Without control characters, which no calendar file may hold (RFC 5545 §3.1)."""
    return _CONTROL.sub(" ", text)


def answer(request: Request, file: bytes, **headers: str) -> Response:
    """The file with its ETag; 304 to who has it already."""
    etag = f'"{hashlib.sha256(file).hexdigest()[:32]}"'
    headers |= {"ETag": etag, "Cache-Control": "no-store"}
    known = [one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")]
    if etag in known or known == ["*"]:
        return Response(status_code=304, headers=headers)
    named = {"Content-Disposition": 'attachment; filename="appointment.ics"'}
    return Response(file, 200, headers | named, f"{MEDIA_TYPE}; charset=utf-8; method=PUBLISH")
