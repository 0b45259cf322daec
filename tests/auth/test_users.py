"""The management of accounts, over HTTP."""

from typing import Any

import httpx
import pytest
from psycopg import Connection
from psycopg.rows import DictRow

from frontdesk import ids
from tests.auth.people import PASSWORD, bearer, log_in, new_email, registered, tokens_of

pytestmark = pytest.mark.postgres("18")

Headers = dict[str, str]
Database = Connection[DictRow]


def made(api: httpx.Client, admin: Headers, **fields: Any) -> dict[str, Any]:
    body = {"email": new_email(), "password": PASSWORD, "role": "staff"} | fields
    answer = api.post("/users", json=body, headers=admin)
    assert answer.status_code == 201, answer.text
    user: dict[str, Any] = answer.json()
    return user


def changed(api: httpx.Client, admin: Headers, user: dict[str, Any], **fields: Any) -> httpx.Response:
    return api.patch(f"/users/{user['id']}", json=fields, headers=admin)


def test_only_admins_manage_users(api: httpx.Client, admin: Headers, patient: str) -> None:
    staff = made(api, admin)
    for email in (patient, staff["email"]):
        headers = bearer(tokens_of(api, email))
        body = {"email": new_email(), "password": PASSWORD, "role": "admin"}
        assert api.post("/users", json=body, headers=headers).status_code == 403
        assert api.get("/users", headers=headers).status_code == 403
        assert api.get(f"/users/{staff['id']}", headers=headers).status_code == 403
        assert api.patch(f"/users/{staff['id']}", json={"role": "admin"}, headers=headers).status_code == 403
    assert api.get(f"/users/{staff['id']}", headers=admin).json() == staff


def test_an_account_is_made_with_its_role_and_clinics(api: httpx.Client, admin: Headers, clinics: list[str]) -> None:
    user = made(api, admin, clinic_ids=[*clinics, clinics[0]], may_report=True)
    assert (user["role"], user["clinic_ids"], user["may_report"]) == ("staff", sorted(clinics), True)
    assert "password" not in " ".join(user)
    assert api.get("/auth/me", headers=bearer(tokens_of(api, user["email"]))).json() == user


@pytest.mark.parametrize(
    "fault",
    [
        {"role": "anonymous"},
        {"role": "root"},
        {"role": "patient"},
        {"role": "provider"},
        {"patient_id": str(ids.ANONYMOUS)},
        {"clinic_ids": [str(ids.ANONYMOUS)]},
        {"email": "nul\x00@auth.test"},
        {"password": "short77"},
        {"may_manage": True},
    ],
)
def test_a_faulty_account_is_422(api: httpx.Client, admin: Headers, fault: dict[str, Any]) -> None:
    body = {"email": new_email(), "password": PASSWORD, "role": "staff"} | fault
    answer = api.post("/users", json=body, headers=admin)
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid-request"), answer.text
    assert PASSWORD not in answer.text


def test_an_address_in_use_is_409(api: httpx.Client, admin: Headers, patient: str) -> None:
    body = {"email": patient.upper(), "password": PASSWORD, "role": "staff"}
    assert api.post("/users", json=body, headers=admin).json()["type"] == "/problems/email-taken"
    answer = changed(api, admin, made(api, admin), email=patient)
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/email-taken")


def test_a_repeated_creation_is_one(api: httpx.Client, admin: Headers) -> None:
    body = {"email": new_email(), "password": PASSWORD, "role": "staff"}
    headers = admin | {"Idempotency-Key": str(ids.new_id())}
    first, again = (api.post("/users", json=body, headers=headers) for _ in range(2))
    assert (first.status_code, again.json()) == (201, first.json())
    assert api.post("/users", json=body | {"role": "admin"}, headers=headers).status_code == 422


def test_only_what_is_given_changes(api: httpx.Client, admin: Headers, clinics: list[str]) -> None:
    user = made(api, admin, clinic_ids=clinics)
    after = changed(api, admin, user, may_report=True).json()
    kept = {"may_report": True, "version": 2, "changed_at": after["changed_at"]}
    assert after == user | kept
    after = changed(api, admin, user, clinic_ids=clinics[1:]).json()
    assert (after["clinic_ids"], after["version"]) == (clinics[1:], 3)
    assert changed(api, admin, user).json() == after


def test_versions_guard_a_change(api: httpx.Client, admin: Headers) -> None:
    user = made(api, admin)
    stale = api.patch(f"/users/{user['id']}", json={"active": False}, headers=admin | {"If-Match": '"7"'})
    assert (stale.status_code, stale.json()["version"]) == (412, 1)
    assert changed(api, admin, user, active=False, version=7).status_code == 412
    answer = api.patch(f"/users/{user['id']}", json={"may_report": True}, headers=admin | {"If-Match": '"1"'})
    assert (answer.status_code, answer.headers["etag"]) == (200, '"2"')


@pytest.mark.parametrize("field", ["email", "password", "role", "clinic_ids", "may_report", "active"])
def test_null_where_there_must_be_a_value_is_422(api: httpx.Client, admin: Headers, field: str) -> None:
    assert changed(api, admin, made(api, admin), **{field: None}).status_code == 422


def test_a_role_needs_its_record(api: httpx.Client, admin: Headers) -> None:
    user = made(api, admin)
    answer = changed(api, admin, user, role="patient")
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid-request")
    assert "patient_id" in answer.json()["detail"]
    registered_user = api.post("/auth/register", json=registered(new_email())).json()
    answer = changed(api, admin, user, role="patient", patient_id=registered_user["patient_id"])
    assert (answer.status_code, answer.json()["patient_id"]) == (200, registered_user["patient_id"])
    assert changed(api, admin, answer.json(), patient_id=None).status_code == 422


@pytest.mark.parametrize("change", [{"role": "admin"}, {"active": False}, {"password": "another horse"}])
def test_a_change_of_standing_ends_the_sessions(api: httpx.Client, admin: Headers, change: dict[str, Any]) -> None:
    user = made(api, admin)
    tokens = [tokens_of(api, user["email"]) for _ in range(2)]
    assert changed(api, admin, user, **change).status_code == 200
    for pair in tokens:
        assert api.post("/auth/refresh", json={"refresh_token": pair["refresh_token"]}).status_code == 401
        assert api.get("/auth/me", headers=bearer(pair)).status_code == 401
    again = log_in(api, user["email"], change.get("password", PASSWORD))
    assert again.status_code == (401 if "active" in change else 200)


def test_another_change_does_not_end_them(api: httpx.Client, admin: Headers) -> None:
    user = made(api, admin)
    pair = tokens_of(api, user["email"])
    assert changed(api, admin, user, may_report=True, role="staff", active=True).status_code == 200
    assert api.post("/auth/refresh", json={"refresh_token": pair["refresh_token"]}).status_code == 200


def test_a_refreshed_token_speaks_of_today(api: httpx.Client, admin: Headers, clinics: list[str]) -> None:
    user = made(api, admin)
    pair = tokens_of(api, user["email"])
    assert changed(api, admin, user, clinic_ids=clinics).status_code == 200
    pair = api.post("/auth/refresh", json={"refresh_token": pair["refresh_token"]}).json()
    assert api.get("/auth/me", headers=bearer(pair)).json()["clinic_ids"] == sorted(clinics)


def test_a_list_is_complete_and_in_order(api: httpx.Client, admin: Headers) -> None:
    mine = [made(api, admin)["id"] for _ in range(3)]
    seen: list[str] = []
    query: dict[str, Any] = {"limit": 2, "role": "staff", "active": True}
    while True:
        page = api.get("/users", params=query, headers=admin).json()
        assert len(page["items"]) <= 2
        assert all(user["role"] == "staff" for user in page["items"])
        seen += [user["id"] for user in page["items"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert seen == sorted(set(seen))
    assert set(mine) <= set(seen)


def test_the_unknown_is_404(api: httpx.Client, admin: Headers) -> None:
    assert api.get(f"/users/{ids.new_id()}", headers=admin).status_code == 404
    assert changed(api, admin, {"id": str(ids.new_id())}, active=False).status_code == 404


def test_the_trail_names_the_admin_and_holds_no_secret(
    api: httpx.Client, admin: Headers, clinics: list[str], written: Database
) -> None:
    user = made(api, admin, clinic_ids=clinics)
    changed(api, admin, user, password="another horse", clinic_ids=[])
    log_in(api, user["email"], "another horse")
    me = api.get("/auth/me", headers=admin).json()["id"]
    trail = written.execute(
        "SELECT table_name, action, actor::text, old::text AS was, new::text AS is_now FROM audit_entry"
        " WHERE row_id = %s OR (table_name = 'login_session' AND new ->> 'user_id' = %s)",
        (user["id"], user["id"]),
    ).fetchall()
    steps = {(entry["table_name"], entry["action"], entry["actor"]) for entry in trail}
    assert steps == {
        ("user_account", "INSERT", me),
        ("user_account", "UPDATE", me),
        ("user_clinic", "INSERT", me),
        ("user_clinic", "DELETE", me),
        ("login_session", "INSERT", user["id"]),
    }
    kept = "".join(str(entry["was"]) + str(entry["is_now"]) for entry in trail)
    assert "argon2" not in kept
    assert "refresh_hash" not in kept
