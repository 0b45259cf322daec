"""The visit as a calendar's entry (RFC 5545, RFC 5546): when and where, and nothing clinical."""

from collections.abc import Iterable
from datetime import datetime
from urllib.parse import quote, urlsplit
from uuid import UUID

from icalendar import Calendar, Event, vCalAddress, vText

from frontdesk import phones
from frontdesk.notifications.facts import Facts
from frontdesk.notifications.language import one_line
from frontdesk.settings import settings

KINDS = ("confirmation", "change", "cancellation")
"""Messages that calendars follow; the others change nothing in one."""

_OF_AN_ADDRESS = "@!#$&'*+/=^`{|}"  # stand for themselves; all else that is no letter or digit is escaped (RFC 6068)
_SUMMARY = {"en": "Appointment at {clinic}", "es": "Cita en {clinic}"}


def invitation(facts: Facts, language: str) -> str:
    """The visit as an invitation from the clinic, or as its end."""
    cancelled = facts.status == "cancelled"
    place = facts.join_url if facts.telehealth else ", ".join(filter(None, [facts.clinic, facts.address]))
    phone = facts.clinic_phone and phones.said(facts.clinic_phone, facts.country, None)
    entry = entry_of(
        facts.appointment_id,
        version=facts.version,
        changed_at=facts.changed_at,
        start=facts.start,
        end=facts.end,
        status="CANCELLED" if cancelled else "CONFIRMED",
        clinic=facts.clinic,
        place=place or facts.clinic,
        told=[facts.provider, phone, None if cancelled else facts.manage_url],
        language=language,
    )
    organizer = vCalAddress(f"mailto:{_address(settings().mail_from)}")
    organizer.params["cn"] = vText(one_line(facts.clinic).replace('"', "'"))
    entry.add("organizer", organizer)
    if facts.email:
        guest = vCalAddress(f"mailto:{quote(facts.email, safe=_OF_AN_ADDRESS)}")
        guest.params["partstat"], guest.params["rsvp"] = vText("ACCEPTED"), vText("FALSE")
        entry.add("attendee", guest)
    return file_of(entry, "CANCEL" if cancelled else "REQUEST").decode()


def entry_of(
    appointment_id: UUID,
    *,
    version: int,
    changed_at: datetime,
    start: datetime,
    end: datetime,
    status: str,
    clinic: str,
    place: str,
    told: Iterable[str | None],
    language: str,
) -> Event:
    """The entry of a visit, wherever it is read; `status` is the calendar's word for it, `told` are lines of text.

    A visit has the same UID for ever, and SEQUENCE is its version, so a calendar moves or removes the entry it has, and
    ignores what comes late. Times are instants in UTC, which every calendar shows right, whatever zones it knows.
    """
    entry = Event()
    entry.add("uid", f"{appointment_id}@{urlsplit(settings().origin).hostname}")
    entry.add("sequence", version)
    entry.add("dtstamp", changed_at)
    entry.add("dtstart", start)
    entry.add("dtend", end)
    entry.add("status", status)
    entry.add("summary", one_line(_SUMMARY[language].format(clinic=clinic)))
    entry.add("class", "PRIVATE")
    entry.add("location", one_line(place))
    entry.add("description", "\n".join(filter(None, map(one_line, filter(None, told)))))
    return entry


def file_of(entry: Event, method: str) -> bytes:
    """The file around one entry; `method` is what its reader is to do with it (RFC 5546)."""
    file = Calendar()
    file.add("prodid", "-//Frontdesk//Appointments//EN")
    file.add("version", "2.0")
    file.add("method", method)
    file.add_component(entry)
    written: bytes = file.to_ical()
    return written


def _address(sender: str) -> str:
    return sender.rpartition("<")[2].rstrip("> ")
