"""Export and erasure, from outside; what was erased is looked for in every column of the database."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
from psycopg import sql

from frontdesk import ids
from tests.audit.trail import Trail
from tests.make import Make
from tests.service import Service


class Somebody:
    """A patient whose every value is a word of its own, and a visit a while ago with notes about it."""

    def __init__(self, make: Make, *, ago: timedelta | None) -> None:
        self.mark = uuid4().hex[:12]
        self.contact = {
            name: f"{name}-{self.mark}"
            for name in ("phone", "address", "national_id", "insurance_provider", "insurance_member_id", "external_ref")
        }
        self.email = f"mail-{self.mark}@example.test"
        self.names = {"first_name": f"First{self.mark}", "last_name": f"Last{self.mark}"}
        self.clinical = f"clinical-{self.mark}"
        self.id = make.patient(email=self.email, **self.contact, **self.names)
        self.token = make.token("patient", patient_id=self.id)
        found = make.conn.execute(
            "UPDATE user_account SET email = %s WHERE patient_id = %s RETURNING id",
            (f"login-{self.mark}@example.test", self.id),
        ).fetchone()
        assert found is not None
        self.user = found[0]
        self.visit: UUID | None = None
        if ago is not None:
            start = datetime.now(UTC).replace(microsecond=0) - ago
            place = (make.provider(), make.clinic(), make.visit_type())
            self.visit = make.appointment(
                *place, start, patient_id=self.id, status="completed", origin="imported", reason=f"why-{self.mark}"
            )
            make.conn.execute(
                "INSERT INTO visit (appointment_id, notes, diagnosis, changed_by, request_id)"
                " VALUES (%s, %s, %s, %s, %s)",
                (self.visit, self.clinical, self.clinical, ids.SYSTEM, ids.SYSTEM),
            )
            make.row(
                "medical_record",
                patient_id=self.id,
                kind="note",
                title=self.clinical,
                body=self.mark,
                recorded_on=start.date(),
                created_at=start,
            )
            opened = {"opened_at": start, "expires_at": start + timedelta(hours=1)}
            make.row("break_glass", patient_id=self.id, user_id=self.user, reason=f"emergency {self.mark}", **opened)


def places(conn: psycopg.Connection, text: str) -> set[str]:
    """The tables that hold `text` in any column of any row."""
    tables = conn.execute(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    ).fetchall()
    found = set()
    for (table,) in tables:
        query = sql.SQL("SELECT FROM {} AS t WHERE t::text ILIKE %s LIMIT 1").format(sql.Identifier(table))
        if conn.execute(query, (f"%{text}%",)).fetchone() is not None:
            found.add(table)
    return found


@pytest.fixture
def admin(service: Service, make: Make) -> httpx.Client:
    return service.client(make.token("admin"))


def erase(admin: httpx.Client, who: Somebody, **headers: str) -> httpx.Response:
    url = f"/patients/{who.id}/erasures"
    return admin.post(url, json={"reason": "asked in person, passport seen"}, headers=headers)


def test_an_export_holds_everything(service: Service, make: Make, admin: httpx.Client) -> None:
    who = Somebody(make, ago=timedelta(days=30))
    admin.get(f"/patients/{who.id}")
    me = service.client(who.token)
    told = me.get(f"/patients/{who.id}/export")
    assert told.status_code == 200
    for value in (*who.contact.values(), *who.names.values(), who.email, who.clinical, f"why-{who.mark}"):
        assert value in told.text
    body = told.json()
    assert body["clinical"] == "included"
    assert [visit["visit"]["notes"] for visit in body["appointments"]] == [who.clinical]
    assert [(record["title"], record["body"]) for record in body["records"]] == [(who.clinical, who.mark)]
    assert [glass["reason"] for glass in body["broken_glass"]] == [f"emergency {who.mark}"]
    assert body["appointments"][0]["history"][0]["to_status"] == "completed"
    assert [account["email"] for account in body["accounts"]] == [f"login-{who.mark}@example.test"]
    assert "administration" in [access["display"] for access in body["accesses"]]
    for secret in ("password", "refresh", "token", "meeting", "hash"):
        assert secret not in told.text.lower()


def test_a_page_to_read_escapes_what_people_wrote(service: Service, make: Make) -> None:
    who = Somebody(make, ago=timedelta(days=30))
    make.conn.execute("UPDATE patient SET address = '<script>alert(1)</script>' WHERE id = %s", (who.id,))
    page = service.client(who.token).get(f"/patients/{who.id}/export", params={"form": "html"})
    assert page.headers["content-type"].startswith("text/html")
    assert "<script" not in page.text
    assert "&lt;script&gt;" in page.text
    assert who.clinical in page.text
    assert page.headers["cache-control"] == "no-store"


def test_who_may_export_and_erase(service: Service, make: Make, admin: httpx.Client) -> None:
    who, other = Somebody(make, ago=timedelta(days=30)), Somebody(make, ago=None)
    assert service.client(other.token).get(f"/patients/{who.id}/export").status_code == 404
    assert service.client().get(f"/patients/{who.id}/export").status_code == 401
    for role in ("staff", "provider"):
        link: dict[str, Any] = {"provider_id": make.provider()} if role == "provider" else {}
        assert service.client(make.token(role, **link)).get(f"/patients/{who.id}/export").status_code == 403
    assert service.client(who.token).post(f"/patients/{who.id}/erasures", json={"reason": "me"}).status_code == 403
    told = admin.get(f"/patients/{who.id}/export")
    assert told.json()["clinical"] == "withheld"
    assert who.clinical not in told.text
    assert admin.post(f"/patients/{who.id}/erasures", json={"reason": " "}).status_code == 422
    assert admin.post(f"/patients/{uuid4()}/erasures", json={"reason": "nobody"}).status_code == 404


def test_within_the_retention_the_clinical_record_stays(service: Service, make: Make, admin: httpx.Client) -> None:
    who = Somebody(make, ago=timedelta(days=30))
    answer = erase(admin, who)
    assert answer.status_code == 201
    told = answer.json()
    assert told["scope"] == "contact"
    assert datetime.fromisoformat(told["keep_until"]) > datetime.now(UTC) + timedelta(days=3600)
    assert {"email", "phone", "address", "national_id"} <= set(told["removed"]["patient"]["columns"])
    for value in (*who.contact.values(), who.email, f"login-{who.mark}"):
        assert places(make.conn, value) == set(), value
    assert places(make.conn, who.clinical) >= {"visit"}
    assert "patient" in places(make.conn, who.names["last_name"])
    assert service.client(who.token).get("/auth/me").status_code == 401
    assert admin.get(f"/patients/{who.id}/erasures").json()["items"] == [told]


def test_after_it_nothing_is_left_and_the_chain_verifies(db: psycopg.Connection, tmp_path: Path) -> None:
    """Every value in every column of every table: gone, and the trail still holds together."""
    make, trail = Make(db), Trail(db, tmp_path)
    who = Somebody(make, ago=timedelta(days=4000))
    trail.seal()
    db.execute("SELECT * FROM erase_patient(%s, %s, 'old', interval '3650 days', %s, %s)", (uuid4(), who.id, *stamp()))
    assert places(db, who.mark) == set()
    trail.seal()
    assert trail.faults() == []
    again = db.execute(
        "SELECT scope, keep_until FROM erase_patient(%s, %s, 'old', interval '3650 days', %s, %s)",
        (uuid4(), who.id, *stamp()),
    ).fetchone()
    assert again == ("everything", None)
    assert db.execute("SELECT count(*) FROM appointment WHERE id = %s", (who.visit,)).fetchone() == (1,)


def test_who_has_visits_ahead_is_not_forgotten(service: Service, make: Make, admin: httpx.Client) -> None:
    who = Somebody(make, ago=timedelta(days=30))
    place = (make.provider(), make.clinic(), make.visit_type())
    ahead = make.appointment(*place, datetime.now(UTC) + timedelta(days=3), patient_id=who.id)
    refused = erase(admin, who)
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/visits-ahead")
    assert admin.post(f"/appointments/{ahead}/cancel", json={"reason": "moves away"}).status_code == 200
    assert erase(admin, who).status_code == 201


def test_nobody_erases_over_a_change_they_have_not_seen(make: Make, admin: httpx.Client) -> None:
    who = Somebody(make, ago=None)
    assert erase(admin, who, **{"If-Match": '"99"'}).status_code == 412
    assert erase(admin, who, **{"If-Match": '"1"'}).json()["scope"] == "everything"


def waits(make: Make, who: Somebody, **entry: Any) -> UUID:
    """A place on the waitlist."""
    wish = {"visit_type_id": make.visit_type(), "provider_id": make.provider(), "urgency": "normal"}
    return make.row("waitlist_entry", patient_id=who.id, reason=f"wish-{who.mark}", **{**wish, **entry})


def test_an_export_holds_what_they_waited_for_and_were_offered(service: Service, make: Make) -> None:
    who, start = Somebody(make, ago=None), datetime.now(UTC).replace(microsecond=0) + timedelta(days=3)
    clinic, provider = make.clinic(), make.provider(first_name="Wanda")
    entry = waits(make, who, provider_id=provider, clinic_ids=[clinic], weekdays=[1, 3], appointment_id=who.visit)
    waits(make, Somebody(make, ago=None))
    until = datetime.now(UTC) + timedelta(minutes=30)
    held = {"patient_id": who.id, "status": "held", "hold_client": "waitlist", "hold_expires_at": until}
    hold = make.appointment(provider, clinic, make.visit_type(), start, **held)
    make.row("waitlist_offer", entry_id=entry, appointment_id=hold, freed_at=start, expires_at=until)
    make.conn.execute("UPDATE appointment SET status = 'cancelled' WHERE id = %s", (hold,))
    told = service.client(who.token).get(f"/patients/{who.id}/export")
    assert told.status_code == 200, told.text
    (place,) = told.json()["waitlist"]
    assert (place["id"], place["status"], place["reason"]) == (str(entry), "waiting", f"wish-{who.mark}")
    assert (place["provider"], place["weekdays"], len(place["clinics"])) == ("Wanda Lima", [1, 3], 1)
    (offer,) = place["offers"]
    assert (offer["status"], datetime.fromisoformat(offer["start"])) == ("declined", start)
    page = service.client(who.token).get(f"/patients/{who.id}/export", params={"form": "html"}).text
    assert f"wish-{who.mark}" in page
    assert "The waitlist" in page


@pytest.mark.parametrize("ago", [timedelta(days=30), None])
def test_who_is_forgotten_waits_no_more_and_nobody_knows_for_what(
    make: Make, admin: httpx.Client, ago: timedelta | None
) -> None:
    who = Somebody(make, ago=ago)
    here, over = waits(make, who), waits(make, who, status="booked")
    removed = erase(admin, who).json()["removed"]
    assert removed["waitlist_entry"] == {"rows": 2, "columns": ["reason"]}
    assert places(make.conn, f"wish-{who.mark}") == set()
    left = make.conn.execute("SELECT id, status FROM waitlist_entry WHERE patient_id = %s", (who.id,)).fetchall()
    assert dict(left) == {here: "removed", over: "booked"}


def stamp() -> tuple[UUID, UUID]:
    return ids.SYSTEM, ids.new_id()
