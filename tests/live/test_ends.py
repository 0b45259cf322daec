"""A stream ends with the right to it: the token, the session, the account, the clinic."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import jwt
import pytest

from frontdesk import ids
from frontdesk.auth import tokens
from frontdesk.secrets import Keys
from tests.live.world import Place, Watch, Watcher
from tests.service import SECRET

pytestmark = pytest.mark.postgres("18")

KEY = Keys(SECRET).tokens


def login_of(token: str) -> tokens.Login:
    return tokens.read(token, KEY)


def ends_with(watcher: Watcher, name: str) -> None:
    watcher.until(watcher.over.is_set)
    assert [event.name for event in watcher.events] == [name]


def test_with_the_access_token(place: Place, watch: Watch) -> None:
    short = tokens.write(login_of(place.staff), KEY, timedelta(seconds=10))  # long enough to open a stream with
    ends_with(watch(f"board={place.clinic}", short), "expired")
    with pytest.raises(jwt.ExpiredSignatureError):
        jwt.decode(short, KEY, algorithms=["HS256"], audience="frontdesk-api")
    assert watch(f"board={place.clinic}", short).status == 401


def _log_out(place: Place, login: tokens.Login) -> None:
    token = tokens.write(login, KEY, timedelta(minutes=1))
    assert place.service.client(token).post("/auth/logout").status_code == 204


def _deactivate(place: Place, login: tokens.Login) -> None:
    place.make.conn.execute("UPDATE user_account SET active = false WHERE id = %s", (login.user_id,))


def _take_clinic(place: Place, login: tokens.Login) -> None:
    with place.make.conn.transaction():
        place.make.conn.execute(f"SET LOCAL frontdesk.actor = '{ids.SYSTEM}'")
        place.make.conn.execute(f"SET LOCAL frontdesk.request_id = '{ids.SYSTEM}'")
        place.make.conn.execute(
            "DELETE FROM user_clinic WHERE user_id = %s AND clinic_id = %s", (login.user_id, login.clinic_ids[0])
        )


@pytest.mark.parametrize("end", [_log_out, _deactivate, _take_clinic])
def test_with_the_right_to_it(place: Place, watch: Watch, end: Callable[[Place, tokens.Login], None]) -> None:
    stays = watch(f"board={place.clinic}", place.make.token("staff", clinic_ids=(place.clinic,)))
    goes = watch(f"board={place.clinic}", place.staff)
    end(place, login_of(place.staff))
    ends_with(goes, "ended")
    assert watch(f"board={place.clinic}", place.staff).status == 401
    place.book(0)
    assert len(stays.heard(1)) == 1
    assert not stays.over.is_set()


def test_not_with_another_clinic(place: Place, watch: Watch) -> None:
    """Who loses a clinic keeps the streams of the others."""
    token = place.make.token("staff", clinic_ids=(place.elsewhere, place.clinic))
    stays, goes = watch(f"board={place.clinic}", token), watch(f"board={place.elsewhere}", token)
    _take_clinic(place, login_of(token))
    ends_with(goes, "ended")
    place.book(0)
    assert len(stays.heard(1)) == 1


def test_with_an_api_key_that_is_revoked_and_a_key_hears_what_its_scopes_allow(place: Place, watch: Watch) -> None:
    desk = place.service.client(place.admin)
    board = f"board={place.clinic}"
    keys = {}
    for scopes in (("availability:read",), ("appointments:read", "availability:read")):
        body = {"name": "a screen", "scopes": scopes, "clinic_ids": [str(place.clinic)]}
        made = desk.post("/api-keys", json=body)
        assert made.status_code == 201, made.text
        keys[len(scopes)] = made.json()
    assert watch(board, keys[1]["key"]).status == 403
    assert watch(f"clinic_id={place.clinic}", keys[1]["key"]).status == 200
    screen = watch(board, keys[2]["key"])
    assert desk.delete(f"/api-keys/{keys[2]['id']}").status_code == 204
    ends_with(screen, "ended")


def test_with_the_guardianship(place: Place, watch: Watch) -> None:
    """Who acts for a patient hears what the patient would, and nothing of their own, until that is over."""
    make = place.make
    guardian = make.patient()
    family = make.row("guardianship", guardian_id=guardian, patient_id=place.patient)
    own = login_of(make.token("patient", patient_id=guardian))
    until = datetime.now(UTC) + timedelta(hours=1)
    session = {"user_id": own.user_id, "refresh_hash": b"none", "expires_at": until, "acts_for": place.patient}
    acts = {"session_id": make.row("login_session", **session), "patient_id": place.patient, "guardian_id": guardian}
    token = tokens.write(replace(own, **acts), KEY, timedelta(hours=1))
    hears = watch("mine=true", token)
    place.book(0, patient=guardian)
    booked = place.book(1)
    (event,) = hears.heard(1)
    assert booked["id"] in json.dumps(event.data)
    make.conn.execute("UPDATE guardianship SET until_on = current_date - 1 WHERE id = %s", (family,))
    hears.until(hears.over.is_set)
    assert [one.name for one in hears.events][1:] == ["ended"]
    assert watch("mine=true", token).status == 401
