"""What each event means, without a service."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from frontdesk.live import news
from frontdesk.live.news import GONE, HOURS, OFFER, PLACE, TIMES, VISIT, News

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
VISIT_NOW = {
    "appointment_id": "a",
    "version": 2,
    "provider_id": "p",
    "clinic_id": "c",
    "patient_id": "x",
    "start": "2026-03-02T10:00:00+00:00",
    "end": "2026-03-02T10:30:00+00:00",
}
BEFORE = {
    "old_provider_id": "p",
    "old_clinic_id": "c",
    "old_start": "2026-03-02T09:30:00+00:00",
    "old_end": "2026-03-02T10:00:00+00:00",
}
STEPPED = "appointments.status-changed.v1"
MOVED = "appointments.moved.v1"


def item(topic: str, **more: Any) -> News:
    return News(position=1, topic=topic, occurred_at=NOW, payload=VISIT_NOW | more)


def times(one: News) -> list[tuple[str, str, bool]]:
    """Provider, start and whether it is free; nothing when the provider is told nothing."""
    if not one.told.get(news.provider("p")):
        return []
    data = orjson.loads(one.frame(TIMES).split(b"data: ")[1])
    return [(time["provider_id"], time["start"][11:16], time["free"]) for time in data["times"]]


@pytest.mark.parametrize(
    ("topic", "more", "told"),
    [
        ("appointments.held.v1", {"hold_expires_at": "…"}, [("p", "10:00", False)]),
        ("appointments.scheduled.v1", {}, [("p", "10:00", False)]),
        (STEPPED, {"old_status": "scheduled", "status": "confirmed"}, []),
        (STEPPED, {"old_status": "held", "status": "expired"}, [("p", "10:00", True)]),
        (STEPPED, {"old_status": "confirmed", "status": "cancelled"}, [("p", "10:00", True)]),
        (STEPPED, {"old_status": "no_show", "status": "checked_in"}, [("p", "10:00", False)]),
        (MOVED, BEFORE, [("p", "09:30", True), ("p", "10:00", False)]),
        (MOVED, BEFORE | {"old_provider_id": "q"}, [("q", "09:30", True), ("p", "10:00", False)]),
        (MOVED, {f"old_{name}": VISIT_NOW[name] for name in ("provider_id", "clinic_id", "start", "end")}, []),
    ],
)
def test_the_times_that_became_taken_or_free(topic: str, more: dict[str, Any], told: list[Any]) -> None:
    assert times(item(topic, **more)) == told


@pytest.mark.parametrize("status", ["no_show", "cancelled"])
def test_of_a_visit_that_has_begun_the_public_hears_nothing(status: str) -> None:
    begun = item(STEPPED, old_status="confirmed", status=status, start="2026-03-02T09:00:00+00:00")
    assert times(begun) == []
    assert begun.told[news.patient("x")] == VISIT


def test_changed_hours_are_told_to_those_who_watch_times() -> None:
    payload = {"owner_id": "c", "provider_ids": ["p", "q"], "clinic_ids": ["c"]}
    one = News(position=1, topic="hours.changed.v1", occurred_at=NOW, payload=payload)
    assert one.told == dict.fromkeys((news.provider("p"), news.provider("q"), news.clinic("c")), HOURS)
    assert orjson.loads(one.frame(HOURS).split(b"data: ")[1]) == {
        "hours": {"provider_ids": ["p", "q"], "clinic_ids": ["c"]}
    }


def test_whoever_it_left_is_told_no_more_than_that() -> None:
    moved = item(MOVED, **BEFORE | {"old_provider_id": "q", "old_clinic_id": "d"}, status="scheduled")
    assert {key for key, told in moved.told.items() if told == GONE} == {
        news.board("d"),
        news.own_board("d", "q"),
        news.own_list("q"),
    }
    assert orjson.loads(moved.frame(GONE).split(b"data: ")[1]) == {"gone": {"id": "a", "version": 2}}
    assert set(orjson.loads(moved.frame(GONE | VISIT).split(b"data: ")[1])) == {"appointment"}


def test_an_event_of_before_it_named_the_old_clinic() -> None:
    old = {name: value for name, value in BEFORE.items() if name != "old_clinic_id"}
    assert times(item(MOVED, **old)) == times(item(MOVED, **BEFORE))


@pytest.mark.parametrize("topic", ["appointments.moved.v2", "patients.changed.v1", "waitlist.offered.v2"])
def test_what_is_not_of_the_book_or_of_another_version_is_told_nobody(topic: str) -> None:
    assert item(topic).told == {}


def test_what_cannot_be_read_is_told_nobody_and_stands_in_nobodys_way() -> None:
    payload = {name: value for name, value in VISIT_NOW.items() if name != "clinic_id"}
    assert News(position=1, topic=MOVED, occurred_at=NOW, payload=payload).told == {}
    assert item(MOVED, start="soon").told == {}


def test_the_patient_is_named_in_nothing_that_is_told() -> None:
    one = item(MOVED, **BEFORE)
    for told in range(1, 8):
        assert b'"x"' not in one.frame(told)


ENTRY = {"entry_id": "e", "patient_id": "x"}
OFFERED = ENTRY | {"offer_id": "o", "appointment_id": "a", "provider_id": "p", "clinic_id": "c"}


def of_waitlist(topic: str, **payload: Any) -> News:
    return News(position=1, topic=f"waitlist.{topic}.v1", occurred_at=NOW, payload=payload)


def said(one: News, told: int) -> Any:
    return orjson.loads(one.frame(told).split(b"data: ")[1])


def test_an_offer_is_told_to_its_patient_and_to_the_waitlist_of_its_clinic() -> None:
    times = {"start": "2026-03-02T09:00:00Z", "end": "2026-03-02T09:30:00Z", "expires_at": "2026-03-01T09:00:00Z"}
    shown = {name: OFFERED[name] for name in ("entry_id", "appointment_id", "provider_id", "clinic_id")} | {"id": "o"}
    for topic, more, told in (
        ("offered", times, times | {"status": "standing"}),
        ("answered", {"status": "declined"}, {"status": "declined"}),
    ):
        one = of_waitlist(topic, **OFFERED, **more)
        assert one.told == {news.waiting("x"): OFFER, news.waitlist("c"): OFFER}
        assert said(one, OFFER) == {"offer": shown | told}
        assert b'"x"' not in one.frame(OFFER)


@pytest.mark.parametrize("clinics", [None, ["c", "d"]])
def test_a_place_is_told_to_its_patient_and_to_the_clinics_that_it_names(clinics: list[str] | None) -> None:
    joined = of_waitlist("joined", **ENTRY, clinic_ids=clinics, provider_id="p")
    left = of_waitlist("left", **ENTRY, clinic_ids=clinics, status="removed")
    assert joined.told == left.told == dict.fromkeys((news.waiting("x"), *map(news.waitlist, clinics or ())), PLACE)
    assert said(joined, PLACE) == {"waitlist": {"id": "e", "status": "waiting"}}
    assert said(left, PLACE) == {"waitlist": {"id": "e", "status": "removed"}}
    assert b'"x"' not in joined.frame(PLACE)
