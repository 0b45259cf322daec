"""Any text where a credential, a cursor, a version or an id belongs: never a 5xx, a traceback, or another's data.

FRONTDESK_TEST_EXAMPLES=5000 tries as many of each; by default 60.
"""

import base64
import os
import string
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import httpx
import jwt
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.access.callers import Caller
from tests.access.every import RECIPES
from tests.access.forged import KEY, sealed
from tests.access.recipes import operation_of
from tests.access.world import World

pytestmark = pytest.mark.postgres("18")

EXAMPLES = int(os.environ.get("FRONTDESK_TEST_EXAMPLES", "60"))
strangely = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="FRONTDESK_TEST_EXAMPLES" not in os.environ,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

# What may stand in a header line at all: the client and the server refuse the rest before we see it.
_line = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_categories=["Cc"]), max_size=300)
headers = _line.map(str.strip).map(lambda text: text.encode("latin-1"))
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4),
    max_leaves=6,
)
CLAIMS = ("aud", "iat", "exp", "nbf", "sub", "sid", "role", "patient", "provider", "clinics", "iss", "jti")
claims = st.dictionaries(st.sampled_from(CLAIMS), json_values | st.just([5]), min_size=1, max_size=2)
cursors = (
    words
    | st.binary(max_size=90).map(lambda raw: base64.urlsafe_b64encode(raw).decode())
    | json_values.map(lambda value: base64.urlsafe_b64encode(_json(value)).decode().rstrip("="))
)


def _json(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS) if not _too_big(value) else b"[]"


def _too_big(value: Any) -> bool:
    try:
        orjson.dumps(value)
    except orjson.JSONEncodeError:
        return True
    return False


def judge(world: World, caller: Caller, response: httpx.Response, asked: str = "") -> None:
    """What holds of every answer."""
    assert response.status_code < 500, response.text
    assert "Traceback" not in response.text
    assert 'File "' not in response.text
    assert world.leaked(caller, response, asked) == []


def callers(world: World) -> dict[str, Caller]:
    return {caller.name: caller for caller in world.callers}


@given(value=headers, scheme=st.sampled_from([b"Bearer ", b"bearer  ", b"Basic ", b""]))
@strangely
def test_any_text_as_a_token(walked: World, value: bytes, scheme: bytes) -> None:
    nobody, client = walked.callers[0], walked.client(None)
    sent = {"Authorization": (scheme + value).strip()}
    for path in (f"patients/{walked.patient}", "auth/me", "appointments", "users", "clinics"):
        response = client.get(f"/api/v1/{path}", headers=sent)
        judge(walked, nobody, response)
        assert response.status_code == 401 or (path == "clinics" and not sent["Authorization"])


@given(said=claims)
@strangely
def test_any_claims_in_a_token_that_we_signed(walked: World, said: dict[str, Any]) -> None:
    """As a later version might write it, or one whose key has leaked: refused, or what it says, never a crash."""
    account = walked.accounts["another patient"]
    true = jwt.decode(account.token, options={"verify_signature": False})
    token = sealed({"alg": "HS256"}, {**true, **said}, KEY)
    for path in ("auth/me", f"patients/{walked.patient}", f"providers/{walked.provider}", "appointments"):
        response = walked.client(None).get(f"/api/v1/{path}", headers={"Authorization": f"Bearer {token}"})
        judge(walked, callers(walked)["another patient"], response)


@given(place=st.integers(0, 10_000), replaced=st.sampled_from(string.ascii_letters + string.digits + "-_.=+/ "))
@strangely
def test_a_token_with_one_letter_changed(walked: World, place: int, replaced: str) -> None:
    true = walked.accounts["the patient"].token
    place %= len(true)
    changed = true[:place] + replaced + true[place + 1 :]
    response = walked.client(None).get("/api/v1/auth/me", headers={"Authorization": f"Bearer {changed.strip()}"})
    # The last letter of a signature holds bits that mean nothing.
    assert response.status_code == 401 or _decoded(changed) == _decoded(true)


def _decoded(token: str) -> list[bytes]:
    return [base64.urlsafe_b64decode(part.strip() + "==") for part in token.split(".")]


LISTS = sorted(
    name
    for name in RECIPES
    if name.startswith("GET ") and name == operation_of(name) and name.endswith(("s", "}/rooms", "/audit"))
)


@given(data=st.data(), cursor=cursors)
@strangely
def test_any_text_as_a_cursor(walked: World, data: st.DataObject, cursor: str) -> None:
    """Of every list, asked by people who stand outside."""
    name = data.draw(st.sampled_from(LISTS))
    caller = data.draw(st.sampled_from([walked.callers[2], walked.callers[6], walked.callers[10], walked.callers[12]]))
    call = RECIPES[name].make(walked, caller)
    path = name.split(" ")[1].format(**call.path)
    response = walked.client(caller).get(path, params={**call.query, "cursor": cursor})
    judge(walked, caller, response, f"{response.request.url}")


HEADERS: dict[str, Callable[[World, Caller, bytes], httpx.Response]] = {
    "If-Match": lambda world, caller, value: world.client(caller).patch(
        f"/api/v1/patients/{world.patient}", json={"preferences": {}}, headers={b"If-Match": value}
    ),
    "Idempotency-Key": lambda world, caller, value: world.client(caller).post(
        f"/api/v1/appointments/{world.seen}/cancel", json={"reason": "x"}, headers={b"Idempotency-Key": value}
    ),
    "X-Request-Id": lambda world, caller, value: world.client(caller).get(
        f"/api/v1/patients/{world.patient}", headers={b"X-Request-Id": value}
    ),
    "X-Hold-Token": lambda world, caller, value: world.client(caller).delete(
        f"/api/v1/holds/{world.seen}", headers={b"X-Hold-Token": value}
    ),
    "Cookie": lambda world, caller, value: world.client(None).post(
        "/api/v1/auth/refresh",
        json={"refresh_token": value.decode("latin-1")[:200] or "x"},
        headers={b"Cookie": b"frontdesk_device=" + value},
    ),
}


@pytest.mark.parametrize("header", HEADERS)
@given(value=headers)
@strangely
def test_any_text_in_a_header(walked: World, header: str, value: bytes) -> None:
    for name in ("the patient", "another patient", "staff of another clinic"):
        caller = callers(walked)[name]
        judge(walked, caller, HEADERS[header](walked, caller, value), value.decode("latin-1"))


@given(data=st.data(), text=words.filter(lambda text: text.strip("./") != ""))
@strangely
def test_any_text_as_an_id(walked: World, data: st.DataObject, text: str) -> None:
    """Of every operation with an id in its path, by somebody who may do much, and somebody who may do little."""
    name = data.draw(st.sampled_from(sorted({operation_of(name) for name in RECIPES if "_id}" in name})))
    caller = data.draw(st.sampled_from([walked.callers[2], walked.callers[12]]))
    method, path = name.split(" ")
    ids = {part[1:-1]: quote(text, safe="") for part in path.split("/") if part.startswith("{")}
    response = walked.client(caller).request(method, path.format(**ids), json={})
    judge(walked, caller, response, text)


def test_anothers_idempotency_key_answers_nothing_of_theirs(walked: World) -> None:
    """The same key and the same body, by everybody: only who sent it first is answered it again, while logged in."""
    patient, provider = callers(walked)["the patient"], callers(walked)["the patient's provider"]
    account = walked.account(patient)
    visit = walked.visit()
    path, body, key = f"/api/v1/appointments/{visit}/confirm", {}, {"Idempotency-Key": "one for all"}
    first = walked.client(account.token).post(path, json=body, headers=key)
    assert first.status_code == 200
    assert walked.client(account.token).post(path, json=body, headers=key).json() == first.json()
    for caller in walked.callers:
        response = walked.client(caller).post(path, json=body, headers=key)
        judge(walked, caller, response, path)
        assert response.status_code != 200, caller.name
    assert walked.client(provider).get(f"/api/v1/appointments/{visit}").status_code == 200
    assert walked.client(account.token).post("/api/v1/auth/logout").status_code == 204
    assert walked.client(account.token).post(path, json=body, headers=key).status_code == 401
