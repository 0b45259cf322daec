"""From the message to the page: the link in a mail opens, and what it changes is what the next mail tells."""

from datetime import datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from icalendar import Calendar

from frontdesk import clock
from tests.make import Make
from tests.notifications.posting import link_in, until, working
from tests.notifications.sink import Sink
from tests.service import Service

pytestmark = pytest.mark.postgres("18")


def _entry(file: str | bytes) -> tuple[str, int, datetime, str]:
    (entry,) = Calendar.from_ical(file).walk("VEVENT")
    return str(entry["uid"]), int(entry["sequence"]), entry["dtstart"].dt, str(entry["status"])


def test_a_link_from_a_mail_moves_and_cancels_and_the_calendar_follows(
    database: str, db: psycopg.Connection, tmp_path: Path
) -> None:
    make, sink, service = Make(db), Sink(), Service(database, tmp_path, workers=1)
    clinic, provider, visit_type = make.clinic("Europe/Madrid"), make.provider(), make.visit_type()
    make.every_day(provider, clinic)
    patient = make.patient(email="pat@post.test", language="es")
    noon = clock.now().replace(hour=12, minute=0, second=0, microsecond=0) + timedelta(days=3)
    sink.open()
    service.start()
    try:
        with working(service, sink, tmp_path):
            me, guest = service.client(make.token("patient", patient_id=patient)), service.client()
            guest.base_url = service.url
            place = {"provider_id": str(provider), "visit_type_id": str(visit_type), "clinic_id": str(clinic)}
            assert me.post("/appointments", json=place | {"start": noon.isoformat()}).status_code == 201
            changes = [
                ("/move", {"start": (noon + timedelta(hours=1)).isoformat()}),
                ("/cancel", {}),
            ]
            entries = []
            for number in range(3):
                until(lambda count=number + 1: len(sink.messages) == count)  # type: ignore[misc]
                mail = sink.messages[number]
                (invited,) = [part for part in mail.walk() if part.get_content_type() == "text/calendar"]
                link = link_in(sink.messages[0])
                entries.append(_entry(invited.get_content()))
                assert _entry(guest.get(f"{link}/calendar.ics").content) == entries[-1]
                if number < 2:
                    path, body = changes[number]
                    assert guest.post(link + path, json=body).status_code == 200
    finally:
        service.stop()
        sink.close()
    assert link_in(sink.messages[0]) == link_in(sink.messages[1]), "a message that is written again has the same link"
    assert len({uid for uid, *_ in entries}) == 1
    assert [tuple(rest) for _, *rest in entries] == [
        (1, noon, "CONFIRMED"),
        (2, noon + timedelta(hours=1), "CONFIRMED"),
        (3, noon + timedelta(hours=1), "CANCELLED"),
    ]
