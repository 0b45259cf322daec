"""An appointment as a calendar reads it, by a link and by a log-in."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from icalendar import Calendar

from frontdesk import ids
from frontdesk.guests import calendar
from frontdesk.notifications.language import one_line
from frontdesk.settings import settings as app_settings
from tests.guests.conftest import CLINICAL, SECRETS, House

pytestmark = pytest.mark.postgres("18")


def _event(file: bytes) -> dict[str, object]:
    parsed = Calendar.from_ical(file)
    (event,) = parsed.walk("VEVENT")
    told: dict[str, object] = {name.lower(): str(event[name]) for name in event if not name.startswith("DT")}
    return told | {name: event[name].dt for name in ("DTSTART", "DTEND", "DTSTAMP")}


def test_by_the_link(house: House) -> None:
    link = house.link(9, patient=house.patient(language="es"))
    answer = link.get("/calendar.ics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/calendar; charset=utf-8")
    assert answer.headers["cache-control"] == "no-store"
    event = _event(answer.content)
    assert (event["DTSTART"], event["DTEND"]) == (house.at(9), house.at(9.5))
    assert (event["status"], event["sequence"], event["class"]) == ("CONFIRMED", "1", "PRIVATE")
    assert str(event["summary"]).startswith("Cita en Clinic ")
    assert str(event["location"]).endswith(", Calle Mayor 7, Madrid")
    assert str(event["description"]).endswith(link.path)
    assert [value for value in (*map(str, SECRETS.values()), CLINICAL) if value in answer.text] == []


def test_one_entry_that_moves_and_is_cancelled(house: House) -> None:
    link = house.link(9)
    files = [link.get("/calendar.ics").content]
    for path, body in (("/move", {"start": house.at(10).isoformat()}), ("/confirm", None), ("/cancel", None)):
        assert link.post(path, json=body).status_code == 200
        files.append(link.get("/calendar.ics").content)
    events = [_event(file) for file in files]
    assert len({event["uid"] for event in events}) == 1
    assert [event["sequence"] for event in events] == ["1", "2", "3", "4"]
    assert [event["status"] for event in events] == ["CONFIRMED"] * 3 + ["CANCELLED"]
    assert [event["DTSTART"] for event in events] == [house.at(9), *[house.at(10)] * 3]


def test_for_everybody_who_may_see_it(house: House) -> None:
    link = house.link(9)
    path = f"/appointments/{link.visit}/calendar.ics"
    may = {"patient": {"patient_id": link.patient}, "provider": {"provider_id": house.provider}, "admin": {}}
    for role, who in may.items():
        client = house.service.client(house.make.token(role, **who))
        answer = client.get(path)
        assert answer.status_code == 200, role
        assert "/m/" not in answer.text  # the link is the patient's
        assert _event(answer.content)["uid"] == _event(link.get("/calendar.ics").content)["uid"]
    stranger = house.service.client(house.make.token("patient", patient_id=house.patient()))
    assert stranger.get(path).status_code == 404
    assert house.guest.get(f"/api/v1{path}").status_code == 401


@pytest.mark.parametrize("by", ["link", "log-in"])
def test_unchanged_is_not_sent_again(house: House, by: str) -> None:
    link = house.link(9)
    me = house.service.client(house.make.token("patient", patient_id=link.patient))
    base = str(house.service.url)
    url = f"{base}{link.path}/calendar.ics" if by == "link" else f"/appointments/{link.visit}/calendar.ics"
    etag = me.get(url).headers["etag"]
    for known in (etag, f'"other", W/{etag}', "*"):
        again = me.get(url, headers={"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    assert me.get(url, headers={"If-None-Match": '"other"'}).status_code == 200
    assert link.post("/confirm").status_code == 200
    assert me.get(url, headers={"If-None-Match": etag}).status_code == 200


@settings(max_examples=200, deadline=None)
@given(
    texts=st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=90), min_size=4, max_size=4),
    start=st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)
def test_any_text_stays_text(texts: list[str], start: datetime) -> None:
    name, address, phone, provider = texts
    start = start.replace(microsecond=0)
    row = {
        "id": ids.new_id(),
        "version": 3,
        "changed_at": start,
        "start": start,
        "end": start + timedelta(minutes=30),
        "status": "scheduled",
        "country": None,
        "provider": provider,
        "clinic": {"name": name, "address": address, "phone": phone},
    }
    file = calendar.of(row, "en", "/m/token")
    assert all(len(line) <= 75 for line in file.split(b"\r\n"))
    event = _event(file)
    assert (event["DTSTART"], event["DTEND"]) == (start, start + timedelta(minutes=30))
    assert event["summary"] == one_line(f"Appointment at {name}")
    assert str(event["description"]).splitlines()[-1] == f"{app_settings().origin}/m/token"
    assert not re.search(rb"[\x00-\x09\x0b\x0c\x0e-\x1f\x7f]", file)
    assert event["uid"] == f"{row['id']}@localhost"
