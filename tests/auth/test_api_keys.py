"""API keys over HTTP: made by admins, bounded by account and scopes, ended at once."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import psycopg
import pytest
from psycopg.rows import DictRow

from frontdesk import clock, db, ids
from frontdesk.auth import sessions
from frontdesk.auth.permissions import SCOPES
from frontdesk.settings import Settings
from tests.auth.conftest import make_user
from tests.auth.people import PASSWORD, bearer, log_in, new_email, tokens_of
from tests.make import Make
from tests.service import Service

pytestmark = pytest.mark.postgres("18")

Headers = dict[str, str]
Written = psycopg.Connection[DictRow]


def issued(api: httpx.Client, admin: Headers, *scopes: str, **fields: Any) -> dict[str, Any]:
    body = {"name": "Laboratory", "scopes": list(scopes or ("patients:read",))} | fields
    answer = api.post("/api-keys", json=body, headers=admin)
    assert answer.status_code == 201, answer.text
    key: dict[str, Any] = answer.json()
    return key


def with_key(key: dict[str, Any]) -> Headers:
    return {"Authorization": f"Bearer {key['key']}"}


def registered_at(make: Make, clinic: str) -> str:
    patient = make.patient()
    make.conn.execute(
        "INSERT INTO patient_clinic (patient_id, clinic_id, changed_by, request_id) VALUES (%s, %s, %s, %s)",
        (patient, clinic, ids.SYSTEM, ids.SYSTEM),
    )
    return str(patient)


def test_a_key_opens_what_its_scopes_and_clinics_allow(
    api: httpx.Client, admin: Headers, clinics: list[str], make: Make
) -> None:
    here, there = registered_at(make, clinics[0]), registered_at(make, clinics[1])
    key = issued(api, admin, "patients:read", clinic_ids=clinics[:1])
    assert key["key"].startswith(key["prefix"])
    assert (len(key["prefix"]), key["role"], key["clinic_ids"], key["active"]) == (11, "staff", clinics[:1], True)
    for headers in (with_key(key), {"X-API-Key": key["key"]}):
        assert api.get(f"/patients/{here}", headers=headers).json()["id"] == here
        assert api.get(f"/patients/{there}", headers=headers).status_code == 404
        refused = api.get("/appointments", headers=headers)
        assert (refused.status_code, refused.json()["type"]) == (403, "/problems/forbidden")
        assert "appointments:read" in refused.json()["detail"]


@pytest.mark.parametrize("path", ["/clinics", "/auth/me", "/users", "/api-keys"])
def test_a_key_opens_nothing_without_its_scope(api: httpx.Client, admin: Headers, path: str) -> None:
    assert api.get(path, headers=with_key(issued(api, admin))).status_code == 403


def test_a_key_books_like_anybody_else(api: httpx.Client, admin: Headers, make: Make) -> None:
    clinic, provider, kind = make.clinic(), make.provider(), make.visit_type()
    make.every_day(provider, clinic)
    patient = registered_at(make, str(clinic))
    key = issued(api, admin, "appointments:book", clinic_ids=[str(clinic)])
    start = clock.now().replace(minute=0, second=0, microsecond=0) + timedelta(days=3)
    body = {
        "provider_id": str(provider),
        "visit_type_id": str(kind),
        "clinic_id": str(clinic),
        "patient_id": patient,
        "start": start.isoformat(),
    }
    headers = with_key(key) | {"Idempotency-Key": str(ids.new_id())}
    first, again = (api.post("/appointments", json=body, headers=headers) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201), first.text
    assert first.json() == again.json()
    by = make.conn.execute("SELECT changed_by FROM appointment WHERE id = %s", (first.json()["id"],)).fetchone()
    assert by is not None
    assert str(by[0]) == key["user_id"]


def test_a_key_is_shown_once_and_its_account_has_no_password(
    api: httpx.Client, admin: Headers, written: Written
) -> None:
    key = issued(api, admin)
    secret = key.pop("key")
    assert api.get(f"/api-keys/{key['id']}", headers=admin).json() == key
    listed = api.get("/api-keys", params={"user_id": key["user_id"]}, headers=admin)
    assert listed.json() == {"items": [key], "next_cursor": None}
    account = api.get(f"/users/{key['user_id']}", headers=admin).json()
    assert account["email"].endswith(".invalid")
    for password in ("", PASSWORD, secret):
        assert log_in(api, account["email"], password or "none").status_code == 401
    kept = written.execute(
        "SELECT (SELECT string_agg(to_jsonb(k)::text, '') FROM api_key k)"
        " || (SELECT string_agg(to_jsonb(s)::text, '') FROM login_session s)"
        " || (SELECT string_agg(to_jsonb(a)::text, '') FROM audit_entry a) AS text"
    ).fetchone()
    assert kept is not None
    assert secret[: len(key["prefix"])] in kept["text"]
    assert secret[len(key["prefix"]) :] not in kept["text"]


def test_a_revoked_key_opens_nothing_at_once(api: httpx.Client, admin: Headers) -> None:
    key = issued(api, admin)
    assert api.get("/patients", headers=with_key(key)).status_code == 200
    for _ in range(2):
        assert api.delete(f"/api-keys/{key['id']}", headers=admin).status_code == 204
    refused = api.get("/patients", headers=with_key(key))
    assert (refused.status_code, refused.json()["type"]) == (401, "/problems/unauthenticated")
    told = api.get(f"/api-keys/{key['id']}", headers=admin).json()
    assert told["active"] is False
    assert told["revoked_at"]


def test_an_expired_key_and_one_of_an_inactive_account_open_nothing(
    api: httpx.Client, admin: Headers, written: Written
) -> None:
    expired, orphaned = issued(api, admin), issued(api, admin)
    written.execute("UPDATE login_session SET expires_at = now() WHERE id = %s", (expired["id"],))
    assert api.patch(f"/users/{orphaned['user_id']}", json={"active": False}, headers=admin).status_code == 200
    for key in (expired, orphaned):
        assert api.get("/patients", headers=with_key(key)).status_code == 401
        assert api.get(f"/api-keys/{key['id']}", headers=admin).json()["active"] is False


def test_a_key_of_an_account_that_exists_is_bounded_by_its_role(
    service: Service, api: httpx.Client, admin: Headers
) -> None:
    user = str(make_user(service.dsn, email=new_email(), role="staff"))
    assert issued(api, admin, "patients:read", user_id=user)["user_id"] == user
    too_much = {"name": "Lab", "scopes": ["patients:read", "visits:read"], "user_id": user}
    answer = api.post("/api-keys", json=too_much, headers=admin)
    assert (answer.status_code, "visits:read" in answer.json()["detail"]) == (422, True)
    mighty = str(make_user(service.dsn, email=new_email()))
    key = issued(api, admin, "directory:write", user_id=mighty)
    assert api.post("/specialties", json={"name": f"S {mighty}"}, headers=with_key(key)).status_code == 201
    assert api.patch(f"/users/{mighty}", json={"role": "staff"}, headers=admin).status_code == 200
    assert api.post("/specialties", json={"name": f"T {mighty}"}, headers=with_key(key)).status_code == 401


@pytest.mark.parametrize(
    "fault",
    [
        {"scopes": []},
        {"scopes": ["everything"]},
        {"scopes": ["users:manage"]},
        {"scopes": ["api-keys:manage"]},
        {"scopes": ["account"]},
        {"scopes": ["break-glass:open"]},
        {"scopes": ["directory:write"]},  # more than staff may
        {"expires_at": "2020-01-01T00:00:00Z"},
        {"expires_at": "2199-01-01T00:00:00Z"},
        {"role": "admin"},
        {"user_id": str(ids.ANONYMOUS)},
        {"user_id": str(ids.ANONYMOUS), "role": "staff"},
        {"clinic_ids": [str(ids.ANONYMOUS)]},
    ],
)
def test_a_key_that_cannot_be_is_refused_whole(
    api: httpx.Client, admin: Headers, written: Written, fault: dict[str, Any]
) -> None:
    def counted() -> DictRow | None:
        return written.execute("SELECT count(*) FROM user_account WHERE email LIKE '%.invalid'").fetchone()

    before = counted()
    answer = api.post("/api-keys", json={"name": "Lab", "scopes": ["patients:read"]} | fault, headers=admin)
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid-request")
    assert counted() == before


def test_only_admins_manage_keys(service: Service, api: httpx.Client, admin: Headers) -> None:
    email = new_email()
    make_user(service.dsn, email=email, role="staff")
    staff, key = bearer(tokens_of(api, email)), issued(api, admin, *set(SCOPES) & {"patients:read"})
    for headers in (staff, with_key(key)):
        body = {"name": "Mine", "scopes": ["patients:read"]}
        assert api.post("/api-keys", json=body, headers=headers).status_code == 403
        assert api.get("/api-keys", headers=headers).status_code == 403
        assert api.get(f"/api-keys/{key['id']}", headers=headers).status_code == 403
        assert api.delete(f"/api-keys/{key['id']}", headers=headers).status_code == 403
    assert api.delete(f"/api-keys/{ids.new_id()}", headers=admin).status_code == 404


@pytest.mark.parametrize("key", ["fd_", "fd_none", "none"])
def test_what_is_no_key_opens_nothing_and_bars_no_log_in(api: httpx.Client, patient: str, key: str) -> None:
    for headers in ({"Authorization": f"Bearer {key}"}, {"X-API-Key": key}):
        assert api.get("/clinics", headers=headers).status_code == 401
        form = {"username": patient, "password": PASSWORD}
        assert api.post("/auth/token", data=form, headers=headers).status_code == 200


def test_a_key_beside_a_token_is_refused(api: httpx.Client, admin: Headers) -> None:
    key = issued(api, admin)["key"]
    assert api.get("/patients", headers=admin | {"X-API-Key": key}).status_code == 401


def test_use_is_noted_once_an_hour_and_audited(api: httpx.Client, admin: Headers, written: Written) -> None:
    key = issued(api, admin)
    for _ in range(3):
        api.get("/patients", headers=with_key(key))
    first = api.get(f"/api-keys/{key['id']}", headers=admin).json()["last_used_at"]
    assert first
    written.execute(
        "UPDATE api_key SET last_used_at = last_used_at - interval '61 minutes' WHERE id = %s", (key["id"],)
    )
    api.get("/patients", headers=with_key(key))
    assert api.get(f"/api-keys/{key['id']}", headers=admin).json()["last_used_at"] > first
    lines = written.execute(
        "SELECT action, actor::text FROM audit_entry WHERE table_name = 'api_key' AND row_id = %s ORDER BY id",
        (key["id"],),
    ).fetchall()
    assert [line["action"] for line in lines] == ["INSERT", "UPDATE", "UPDATE", "UPDATE"]
    assert lines[0]["actor"] != key["user_id"] == lines[1]["actor"]


def test_old_keys_do_not_stop_the_purge_of_sessions(
    service: Service, api: httpx.Client, admin: Headers, written: Written, patient: str
) -> None:
    key = issued(api, admin)
    assert log_in(api, patient).status_code == 200
    session = written.execute(
        "SELECT s.id FROM login_session s JOIN user_account u ON u.id = s.user_id WHERE email = %s", (patient,)
    ).fetchone()
    assert session is not None
    written.execute(
        "UPDATE login_session SET expires_at = now() - interval '60 days' WHERE id = ANY (%s)",
        ([key["id"], str(session["id"])],),
    )

    async def purge() -> None:
        async with await db.connect(Settings(), service.dsn) as conn:
            while await sessions.purge(conn):
                pass

    asyncio.run(purge())
    left = written.execute(
        "SELECT id::text FROM login_session WHERE id = ANY (%s)", ([key["id"], str(session["id"])],)
    ).fetchall()
    assert [row["id"] for row in left] == [key["id"]]
