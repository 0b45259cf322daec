"""The visit as a calendar's entry (RFC 5545, RFC 5546): when and where, and nothing clinical."""

import re
from urllib.parse import urlsplit

from icalendar import Calendar, Event, vCalAddress, vText

from frontdesk.notifications.facts import Facts
from frontdesk.settings import settings

KINDS = ("confirmation", "change", "cancellation")
"""Messages that calendars follow; the others change nothing in one."""

_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]+")
_SUMMARY = {"en": "Appointment at {clinic}", "es": "Cita en {clinic}"}


def invitation(facts: Facts, language: str) -> str:
    """The entry as an invitation from the clinic, or as its end.

    A visit has the same UID for ever, and SEQUENCE is its version, so a calendar moves or removes the entry it has, and
    ignores what comes late. Times are instants in UTC, which every calendar shows right, whatever zones it knows.
    """
    cancelled = facts.status == "cancelled"
    entry = Event()
    entry.add("uid", f"{facts.appointment_id}@{urlsplit(settings().origin).hostname}")
    entry.add("sequence", facts.version)
    entry.add("dtstamp", facts.changed_at)
    entry.add("dtstart", facts.start)
    entry.add("dtend", facts.end)
    entry.add("status", "CANCELLED" if cancelled else "CONFIRMED")
    entry.add("summary", _line(_SUMMARY[language].format(clinic=facts.clinic)))
    entry.add("class", "PRIVATE")
    place = facts.join_url if facts.telehealth else ", ".join(filter(None, [facts.clinic, *_lines(facts.address)]))
    entry.add("location", _line(place or facts.clinic))
    told = [facts.provider, facts.clinic_phone, None if cancelled else facts.manage_url]
    entry.add("description", "\n".join(_line(line) for line in told if line))
    organizer = vCalAddress(f"mailto:{_address(settings().mail_from)}")
    organizer.params["cn"] = vText(_line(facts.clinic).replace('"', "'"))
    entry.add("organizer", organizer)
    if facts.email:
        guest = vCalAddress(f"mailto:{facts.email}")
        guest.params["partstat"], guest.params["rsvp"] = vText("ACCEPTED"), vText("FALSE")
        entry.add("attendee", guest)
    file = Calendar()
    file.add("prodid", "-//Frontdesk//Appointments//EN")
    file.add("version", "2.0")
    file.add("method", "CANCEL" if cancelled else "REQUEST")
    file.add_component(entry)
    written: bytes = file.to_ical()
    return written.decode()


def _line(text: str) -> str:
    """Without control characters, which no calendar file may hold (RFC 5545 §3.1)."""
    return _CONTROL.sub(" ", text.replace("\n", " "))


def _lines(text: str | None) -> list[str]:
    return (text or "").splitlines()


def _address(sender: str) -> str:
    return sender.rpartition("<")[2].rstrip("> ")
