"""Time off and extra sessions over HTTP: providers ask, the desk decides, and no visit is stranded in silence."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from frontdesk import clock
from tests.make import Make
from tests.service import Service


@dataclass(frozen=True)
class Practice:
    """One provider at one clinic, working around the clock, and those who have to do with them."""

    clinic_id: UUID
    provider_id: UUID
    provider: httpx.Client
    desk: httpx.Client
    other_desk: httpx.Client
    admin: httpx.Client

    @property
    def path(self) -> str:
        return f"/providers/{self.provider_id}/exceptions"


@pytest.fixture
def practice(service: Service, make: Make) -> Iterator[Practice]:
    clinic_id, provider_id = make.clinic(), make.provider()
    make.every_day(provider_id, clinic_id)
    tokens = (
        make.token("provider", provider_id=provider_id),
        make.token("staff", clinic_ids=(clinic_id,)),
        make.token("staff", clinic_ids=(make.clinic(),)),
        make.token("admin"),
    )
    clients = [service.client(token) for token in tokens]
    yield Practice(clinic_id, provider_id, *clients)
    for client in clients:
        client.close()


def span(start: datetime, hours: float = 4, **fields: Any) -> dict[str, Any]:
    end = start + timedelta(hours=hours)
    return {"kind": "time_off", "start": start.isoformat(), "end": end.isoformat(), **fields}


TODAY = clock.now().replace(minute=0, second=0, microsecond=0)
"""The same for all that a test asks, also when midnight comes in the middle of it."""


def ahead(days: int, hour: int = 8) -> datetime:
    return TODAY.replace(hour=hour) + timedelta(days=days)


def stranded(answer: httpx.Response) -> list[str]:
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/appointments-stranded"), answer.text
    return [item["id"] for item in answer.json()["appointments"]]


def test_a_provider_asks_and_the_desk_approves(practice: Practice, make: Make) -> None:
    visit = make.appointment(
        practice.provider_id, practice.clinic_id, make.visit_type(), ahead(4, 9), patient_id=make.patient()
    )
    asked = practice.provider.post(practice.path, json=span(ahead(4)))
    assert (asked.status_code, asked.json()["status"]) == (201, "requested"), asked.text
    path = f"{practice.path}/{asked.json()['id']}"
    assert practice.provider.patch(path, json={"status": "approved"}).status_code == 403
    assert practice.other_desk.patch(path, json={"status": "approved"}).status_code == 404
    assert stranded(practice.desk.patch(path, json={"status": "approved"})) == [str(visit)]
    assert practice.desk.get(practice.path).json()["items"][0]["status"] == "requested"
    assert practice.desk.patch(path, json={"status": "declined", "version": 7}).status_code == 412
    assert practice.desk.patch(path, json={"status": "declined"}, headers={"If-Match": '"1"'}).status_code == 200
    assert practice.desk.patch(path, json={"status": "approved"}, headers={"If-Match": '"1"'}).status_code == 412
    approved = practice.desk.patch(path, json={"status": "approved", "override_reason": "a colleague sees them"})
    assert (approved.status_code, approved.json()["version"]) == (200, 3)
    row = make.conn.execute("SELECT override_reason FROM appointment WHERE id = %s", (visit,)).fetchone()
    assert row == ("a colleague sees them",)
    assert practice.provider.delete(path).status_code == 403
    assert practice.desk.delete(path).status_code == 204
    assert practice.desk.get(practice.path).json()["items"] == []


def test_a_provider_does_not_decide(practice: Practice, make: Make) -> None:
    refused = practice.provider.post(practice.path, json=span(ahead(4), status="approved"))
    assert refused.status_code == 403
    other = f"/providers/{make.provider()}/exceptions"
    assert practice.provider.post(other, json=span(ahead(4))).status_code == 404
    assert practice.provider.get(other).status_code == 404
    asked = practice.provider.post(practice.path, json=span(ahead(4))).json()
    assert practice.provider.delete(f"{practice.path}/{asked['id']}").status_code == 204
    assert practice.provider.delete(f"{practice.path}/{asked['id']}").status_code == 404


def test_the_desk_enters_approved_time_off(practice: Practice, make: Make) -> None:
    visit = make.appointment(
        practice.provider_id, practice.clinic_id, make.visit_type(), ahead(4, 9), patient_id=make.patient()
    )
    assert stranded(practice.desk.post(practice.path, json=span(ahead(4)))) == [str(visit)]
    assert practice.desk.get(practice.path).json()["items"] == []
    # At another clinic it takes no time from this one; next to the visit it takes none either.
    elsewhere = span(ahead(4), clinic_id=str(make.clinic()))
    assert practice.admin.post(practice.path, json=elsewhere).status_code == 201
    made = practice.desk.post(practice.path, json=span(ahead(4, 10)))
    assert (made.status_code, made.json()["status"]) == (201, "approved")
    moved = practice.desk.patch(f"{practice.path}/{made.json()['id']}", json={"start": ahead(4, 9).isoformat()})
    assert stranded(moved) == [str(visit)]
    assert practice.other_desk.post(practice.path, json=span(ahead(9))).status_code == 404


def test_time_off_everywhere_concerns_every_clinic(practice: Practice, make: Make) -> None:
    make.schedule(practice.provider_id, make.clinic(), 1)
    assert practice.desk.post(practice.path, json=span(ahead(4))).status_code == 403
    assert practice.desk.post(practice.path, json=span(ahead(4), clinic_id=str(practice.clinic_id))).status_code == 201
    assert practice.admin.post(practice.path, json=span(ahead(4))).status_code == 201


def test_an_extra_session_is_not_taken_from_under_its_visits(practice: Practice, make: Make) -> None:
    make.conn.execute("DELETE FROM schedule WHERE provider_id = %s", (practice.provider_id,))
    extra = span(ahead(4, 22), 8, kind="extra_session", clinic_id=str(practice.clinic_id))
    made = practice.desk.post(practice.path, json=extra)
    assert made.status_code == 201, made.text
    visit = make.appointment(
        practice.provider_id, practice.clinic_id, make.visit_type(), ahead(5, 2), patient_id=make.patient()
    )
    path = f"{practice.path}/{made.json()['id']}"
    assert stranded(practice.desk.delete(path)) == [str(visit)]
    assert stranded(practice.desk.patch(path, json={"status": "declined"})) == [str(visit)]
    assert stranded(practice.desk.patch(path, json={"end": ahead(5, 2).isoformat()})) == [str(visit)]
    assert practice.desk.patch(path, json={"end": ahead(5, 3).isoformat()}).status_code == 200
    assert practice.desk.delete(path, params={"override_reason": "comes anyway"}).status_code == 204
    row = make.conn.execute("SELECT override_reason FROM appointment WHERE id = %s", (visit,)).fetchone()
    assert row == ("comes anyway",)


def test_the_list_is_of_a_span(practice: Practice) -> None:
    first = practice.desk.post(practice.path, json=span(ahead(20))).json()["id"]
    second = practice.desk.post(practice.path, json=span(ahead(40))).json()["id"]
    listed = practice.desk.get(
        practice.path, params={"from": ahead(19).isoformat(), "to": ahead(30).date().isoformat()}
    )
    assert [item["id"] for item in listed.json()["items"]] == [first]
    listed = practice.desk.get(practice.path, params={"from": ahead(20, 12).isoformat()})
    assert [item["id"] for item in listed.json()["items"]] == [second]
    assert practice.desk.get(practice.path, params={"from": "2031-01-01T00:00:00"}).status_code == 422
    assert practice.desk.get(practice.path, params={"from": "2031-01-02", "to": "2031-01-01"}).status_code == 422


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "holiday"},
        {"end": ahead(3).isoformat()},
        {"end": "2031-01-01T00:00:00"},
        {"start": "-infinity"},
        {"kind": "extra_session"},
        {"kind": "extra_session", "clinic_id": str(uuid4())},
        {"kind": "extra_session", "end": ahead(6).isoformat()},
        {"clinic_id": str(uuid4())},
        {"visit_type_ids": [str(uuid4())]},
        {"reason": "a\x00b"},
        {"reason": "x" * 501},
        {"status": "maybe"},
    ],
)
def test_garbage_is_422(practice: Practice, fields: dict[str, Any]) -> None:
    assert practice.admin.post(practice.path, json=span(ahead(4)) | fields).status_code == 422


def test_exactly_the_same_time_off_is_there_once(practice: Practice) -> None:
    asked = practice.provider.post(practice.path, json=span(ahead(6))).json()["id"]
    for client in (practice.provider, practice.desk):
        again = client.post(practice.path, json=span(ahead(6)))
        assert (again.status_code, again.json()["type"]) == (409, "/problems/conflict")
        assert again.json()["exception_id"] == asked
    assert practice.desk.post(practice.path, json=span(ahead(6), 3)).status_code == 201, "overlapping may be"
    here = span(ahead(6), clinic_id=str(practice.clinic_id))
    assert practice.desk.post(practice.path, json=here).status_code == 201, "of one clinic is not everywhere"
    path = f"{practice.path}/{asked}"
    assert practice.desk.patch(path, json={"status": "approved"}).status_code == 200
    assert practice.provider.post(practice.path, json=span(ahead(6))).status_code == 409
    assert practice.desk.patch(path, json={"status": "declined"}).status_code == 200
    anew = practice.provider.post(practice.path, json=span(ahead(6))).json()["id"]
    revived = practice.desk.patch(path, json={"status": "approved"})
    assert (revived.status_code, revived.json()["exception_id"]) == (409, anew)
    assert practice.desk.patch(path, json={"reason": "as before"}).status_code == 200


def test_eight_at_once_ask_for_the_same_time_off_once(practice: Practice) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: practice.provider.post(practice.path, json=span(ahead(7))), range(8)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7
    assert len(practice.desk.get(practice.path).json()["items"]) == 1
