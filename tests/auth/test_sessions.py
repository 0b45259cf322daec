"""Sessions over HTTP: seen by their owner, ended one by one or all at once; and two refreshes at the same time."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import httpx
import psycopg
import pytest

from frontdesk import ids
from tests.auth.people import bearer, new_email, registered, tokens_of

pytestmark = pytest.mark.postgres("18")


def test_one_sees_where_one_is_logged_in(api: httpx.Client, patient: str) -> None:
    here, there = tokens_of(api, patient), tokens_of(api, patient)
    there = api.post("/auth/refresh", json={"refresh_token": there["refresh_token"]}).json()
    page = api.get("/auth/sessions", headers=bearer(here)).json()
    assert page["next_cursor"] is None
    first, second = page["items"]
    assert (first["current"], second["current"]) == (True, False)
    assert first["refreshed_at"] is None
    times = [datetime.fromisoformat(second[name]) for name in ("created_at", "refreshed_at", "expires_at")]
    assert times == sorted(times)
    assert all(at.tzinfo for at in times)
    assert first["acts_for"] is None
    assert set(first) == {"id", "acts_for", "created_at", "refreshed_at", "expires_at", "current"}


def test_sessions_come_in_pages(api: httpx.Client, patient: str) -> None:
    tokens = [tokens_of(api, patient) for _ in range(5)][-1]
    seen, cursor = [], ""
    while cursor is not None:
        page = api.get(f"/auth/sessions?limit=2{cursor and '&cursor=' + cursor}", headers=bearer(tokens)).json()
        seen += [one["id"] for one in page["items"]]
        cursor = page["next_cursor"]
    assert len(seen) == len(set(seen)) == 5


def test_one_session_is_ended_from_another(api: httpx.Client, patient: str) -> None:
    here, there = tokens_of(api, patient), tokens_of(api, patient)
    other = next(one for one in api.get("/auth/sessions", headers=bearer(here)).json()["items"] if not one["current"])
    assert api.delete(f"/auth/sessions/{other['id']}", headers=bearer(here)).status_code == 204
    assert api.get("/auth/me", headers=bearer(there)).status_code == 401
    assert api.post("/auth/refresh", json={"refresh_token": there["refresh_token"]}).status_code == 401
    assert api.delete(f"/auth/sessions/{other['id']}", headers=bearer(here)).status_code == 404
    assert len(api.get("/auth/sessions", headers=bearer(here)).json()["items"]) == 1


def test_nobody_sees_or_ends_a_stranger_s_session(api: httpx.Client, patient: str, admin: dict[str, str]) -> None:
    tokens = tokens_of(api, patient)
    (mine,) = api.get("/auth/sessions", headers=bearer(tokens)).json()["items"]
    other = new_email()
    assert api.post("/auth/register", json=registered(other)).status_code == 201
    for stranger in (bearer(tokens_of(api, other)), admin):
        assert mine["id"] not in api.get("/auth/sessions", headers=stranger).text
        assert api.delete(f"/auth/sessions/{mine['id']}", headers=stranger).status_code == 404
    assert api.get("/auth/me", headers=bearer(tokens)).status_code == 200


def test_logout_everywhere_ends_all_sessions_of_this_account_alone(
    api: httpx.Client, patient: str, admin: dict[str, str], written: psycopg.Connection
) -> None:
    sessions = [tokens_of(api, patient) for _ in range(3)]
    assert api.post("/auth/logout-everywhere", headers=bearer(sessions[0])).status_code == 204
    for tokens in sessions:
        assert api.get("/auth/me", headers=bearer(tokens)).status_code == 401
        assert api.post("/auth/refresh", json={"refresh_token": tokens["refresh_token"]}).status_code == 401
    assert api.get("/auth/me", headers=admin).status_code == 200
    query = (
        "SELECT bool_and(s.revoked_at IS NOT NULL AND s.changed_by = u.id) AS ended"
        " FROM login_session s JOIN user_account u ON u.id = s.user_id WHERE u.email = %s"
    )
    assert written.execute(query, (patient,)).fetchone() == {"ended": True}


@pytest.mark.postgres("18", "15")
def test_two_tabs_that_refresh_with_one_key_get_one_answer(api: httpx.Client, patient: str) -> None:
    """What a browser does that may refresh twice at once: no grace is needed, and no session is lost."""
    for _ in range(5):
        body = {"refresh_token": tokens_of(api, patient)["refresh_token"]}
        key = {"Idempotency-Key": str(ids.new_id())}
        with ThreadPoolExecutor(8) as tabs:
            answers = list(
                tabs.map(lambda _, body=body, key=key: api.post("/auth/refresh", json=body, headers=key), range(8))
            )
        assert [answer.status_code for answer in answers] == [200] * 8
        (told,) = {answer.text for answer in answers}
        refreshed = api.post("/auth/refresh", json={"refresh_token": answers[0].json()["refresh_token"]})
        assert refreshed.status_code == 200, told


def test_a_stolen_token_ends_the_family_however_late_it_comes_back(api: httpx.Client, patient: str) -> None:
    stolen = tokens_of(api, patient)["refresh_token"]
    newest = stolen
    for _ in range(4):
        newest = api.post("/auth/refresh", json={"refresh_token": newest}).json()["refresh_token"]
    with ThreadPoolExecutor(8) as thieves:
        answers = list(
            thieves.map(lambda _: api.post("/auth/refresh", json={"refresh_token": stolen}).status_code, range(8))
        )
    assert answers == [401] * 8
    assert api.post("/auth/refresh", json={"refresh_token": newest}).status_code == 401
