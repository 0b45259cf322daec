"""Visits, medical records and broken glass, from outside."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest

from tests.make import Make
from tests.service import Service

SECRET = "the-diagnosis-nobody-else-reads"
WHY = "unconscious in the emergency room"


class World:
    """A visit under way, the provider whose it is, a stranger, the patient, the desk and an admin."""

    def __init__(self, service: Service, make: Make) -> None:
        self.make = make
        self.clinic, self.provider, self.patient = make.clinic(), make.provider(), make.patient()
        start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
        columns = {"patient_id": self.patient, "status": "checked_in", "origin": "imported"}
        self.visit = make.appointment(self.provider, self.clinic, make.visit_type(), start, **columns)
        self.doctor = service.client(make.token("provider", provider_id=self.provider))
        self.stranger = service.client(make.token("provider", provider_id=make.provider()))
        self.me = service.client(make.token("patient", patient_id=self.patient))
        self.other = service.client(make.token("patient", patient_id=make.patient()))
        self.desk = service.client(make.token("staff", clinic_ids=(self.clinic,)))
        self.admin = service.client(make.token("admin"))
        self.nobody = service.client()

    @property
    def sheet(self) -> str:
        return f"/appointments/{self.visit}/visit"

    @property
    def records(self) -> str:
        return f"/patients/{self.patient}/records"

    @property
    def glass(self) -> str:
        return f"/patients/{self.patient}/break-glass"

    def write(self, **more: Any) -> httpx.Response:
        return self.doctor.patch(self.sheet, json={"diagnosis": SECRET, **more})

    def record(self, **more: Any) -> httpx.Response:
        return self.doctor.post(self.records, json={"kind": "allergy", "title": "Penicillin", "body": SECRET, **more})


@pytest.fixture
def world(service: Service, make: Make) -> World:
    return World(service, make)


def test_the_provider_writes_and_the_patient_reads(world: World) -> None:
    assert world.doctor.get(world.sheet).status_code == 404
    drug = {"medication": "Ibuprofen", "dose": "400 mg", "instructions": "after meals"}
    first = world.write(prescriptions=[drug], follow_up_on="2031-01-02")
    assert (first.status_code, first.json()["diagnosis"]) == (200, SECRET)
    second = world.doctor.patch(world.sheet, json={"notes": "slept badly"})
    assert second.json()["diagnosis"] == SECRET
    assert second.json()["prescriptions"] == [drug]
    assert world.me.get(world.sheet).json() == second.json()


def test_nobody_else_reads_or_writes(world: World) -> None:
    assert world.write().status_code == 200
    assert world.record().status_code == 201
    for client, status in (
        (world.nobody, 401),
        (world.other, 404),
        (world.stranger, 404),
        (world.desk, 403),
        (world.admin, 404),
    ):
        for path in (world.sheet, world.records):
            answer = client.get(path)
            assert (answer.status_code, SECRET in answer.text) == (status, False), path
    for client, status in ((world.nobody, 401), (world.me, 403), (world.desk, 403), (world.admin, 403)):
        assert client.patch(world.sheet, json={"notes": "x"}).status_code == status
        assert client.post(world.records, json={"kind": "note", "title": "x"}).status_code == status
    assert world.stranger.patch(world.sheet, json={"notes": "x"}).status_code == 404
    assert world.stranger.post(world.records, json={"kind": "note", "title": "x"}).status_code == 404


def test_nothing_is_written_before_the_patient_is_there(world: World, service: Service) -> None:
    place = (world.provider, world.clinic, world.make.visit_type(), datetime.now(UTC) + timedelta(days=2))
    ahead = world.make.appointment(*place, patient_id=world.patient)
    refused = world.doctor.patch(f"/appointments/{ahead}/visit", json={"notes": "x"})
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/visit-not-begun")
    assert world.doctor.patch(f"/appointments/{uuid4()}/visit", json={"notes": "x"}).status_code == 404
    assert world.doctor.patch(world.sheet, json={"note": "x"}).status_code == 422
    assert world.doctor.patch(world.sheet, json={"prescriptions": None}).status_code == 422


def test_one_of_many_who_write_at_once_wins(world: World) -> None:
    etag = world.write().headers["etag"]

    def write(number: int) -> int:
        body = {"notes": f"note {number}"}
        return world.doctor.patch(world.sheet, json=body, headers={"If-Match": etag}).status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(write, range(8)))
    assert sorted(statuses) == [200] + [412] * 7


def test_a_record_is_corrected_never_edited(world: World, db_of: psycopg.Connection) -> None:
    first = world.record().json()
    better = world.record(title="Penicillin G", replaces=first["id"])
    assert better.status_code == 201
    assert world.record(replaces=first["id"]).status_code == 409
    stranger = world.make.patient()
    assert world.record(replaces=str(uuid4())).status_code == 422
    assert world.record(appointment_id=str(other_visit(world, stranger))).status_code == 422
    told = world.me.get(world.records).json()["items"]
    assert [(one["title"], one["replaced_by"]) for one in told] == [
        ("Penicillin", better.json()["id"]),
        ("Penicillin G", None),
    ]
    assert world.me.get(world.records, params={"kind": "note"}).json()["items"] == []
    for change in ("UPDATE medical_record SET body = 'x'", "DELETE FROM medical_record"):
        with pytest.raises(psycopg.errors.RestrictViolation):
            db_of.execute(change)  # type: ignore[call-overload]


def other_visit(world: World, patient: UUID) -> UUID:
    start = datetime.now(UTC) + timedelta(days=9)
    return world.make.appointment(world.provider, world.clinic, world.make.visit_type(), start, patient_id=patient)


@pytest.fixture
def db_of(service: Service) -> Any:
    with psycopg.connect(service.dsn, autocommit=True) as conn:
        yield conn


@pytest.mark.parametrize("who", ["stranger", "admin"])
def test_broken_glass_opens_one_record_for_a_time_and_the_patient_sees_it(
    world: World, db_of: psycopg.Connection, who: str
) -> None:
    world.write()
    world.record()
    client: httpx.Client = getattr(world, who)
    for bad in (
        {},
        {"reason": "short"},
        {"reason": "    a          "},
        {"reason": WHY + "\x00"},
        {"reason": WHY, "minutes": 0},
        {"reason": WHY, "minutes": 61},
    ):
        assert client.post(world.glass, json=bad).status_code == 422
    assert client.post(f"/patients/{uuid4()}/break-glass", json={"reason": WHY}).status_code == 404
    opened = client.post(world.glass, json={"reason": WHY, "minutes": 10})
    assert opened.status_code == 201
    assert SECRET in client.get(world.sheet).text
    assert SECRET in client.get(world.records).text
    refused = 404 if who == "stranger" else 403
    assert client.patch(world.sheet, json={"notes": "x"}).status_code == refused  # it reads, it never writes
    elsewhere = world.make.patient()
    assert client.get(f"/patients/{elsewhere}/records").status_code == 404
    (seen,) = world.me.get(world.glass).json()["items"]
    assert (seen["reason"], seen["display"]) == (WHY, "Ana Lima" if who == "stranger" else "administration")
    looks = world.me.get(f"/patients/{world.patient}/accesses").json()["items"]
    assert {(look["what"], look["reason"]) for look in looks} >= {("visits:read", WHY), ("records:read", WHY)}
    told = db_of.execute(
        "SELECT payload::text FROM outbox WHERE topic = 'patients.break_glass_opened.v1' AND key = %s",
        (str(world.patient),),
    ).fetchall()
    assert len(told) == 1
    assert WHY not in told[0][0]
    expire(db_of, opened.json()["id"])
    for path in (world.sheet, world.records):
        assert client.get(path).status_code == 404


def expire(conn: psycopg.Connection, glass: str) -> None:
    """An hour passes: the row is append-only, so its trigger steps aside for the test."""
    with conn.transaction():
        conn.execute("ALTER TABLE break_glass DISABLE TRIGGER break_glass_keeps")
        conn.execute(
            "UPDATE break_glass SET opened_at = now() - interval '2 hours', expires_at = now() - interval '1 hour'"
            " WHERE id = %s",
            (glass,),
        )
        conn.execute("ALTER TABLE break_glass ENABLE TRIGGER break_glass_keeps")


def test_who_may_break_the_glass(world: World) -> None:
    for client, status in ((world.nobody, 401), (world.me, 403), (world.desk, 403)):
        assert client.post(world.glass, json={"reason": WHY}).status_code == status
    assert world.other.get(world.glass).status_code == 404
    assert world.stranger.get(world.glass).status_code == 403


def test_clinical_text_is_in_no_log_and_no_event(world: World, service: Service, db_of: psycopg.Connection) -> None:
    world.write(notes="canary-in-the-notes")
    world.record(body="canary-in-the-record")
    world.doctor.patch(world.sheet, json={"follow_up_on": "canary-as-a-date"})
    assert "canary" not in service.log_path.read_text()
    row = db_of.execute("SELECT count(*) FROM outbox WHERE payload::text LIKE '%canary%'").fetchone()
    assert row == (0,)


def test_nothing_is_written_about_a_visit_that_is_being_cancelled(world: World, service: Service) -> None:
    """Whoever cancels has not committed: the writer waits for them, and then hears that there is no visit."""
    with psycopg.connect(service.dsn) as desk, ThreadPoolExecutor(1) as pool:
        desk.execute("UPDATE appointment SET status = 'cancelled', changed_at = now() WHERE id = %s", (world.visit,))
        writing = pool.submit(world.write)
        while True:  # until the writer waits for this row
            waits = desk.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
            ).fetchone()
            if waits != (0,) or writing.done():
                break
        assert not writing.done()
        desk.commit()
        answer = writing.result()
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/visit-not-begun")
