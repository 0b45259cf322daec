"""Access tokens: only ours, only unchanged, only until they expire."""

import base64
import json
from datetime import timedelta
from typing import Any

import jwt
import pytest

from frontdesk import clock, ids
from frontdesk.auth import tokens
from frontdesk.auth.permissions import Role
from frontdesk.errors import Unauthenticated

KEY, OTHER_KEY = b"k" * 32, b"o" * 32
LOGIN = tokens.Login(
    user_id=ids.new_id(),
    role=Role.STAFF,
    session_id=ids.new_id(),
    patient_id=None,
    provider_id=ids.new_id(),
    clinic_ids=(ids.new_id(), ids.new_id()),
)


def claims(**changes: Any) -> dict[str, Any]:
    written = tokens.write(LOGIN, KEY, timedelta(minutes=15))
    kept: dict[str, Any] = jwt.decode(written, options={"verify_signature": False})
    return {name: value for name, value in (kept | changes).items() if value is not ...}


def part(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def refused(token: str) -> None:
    with pytest.raises(Unauthenticated):
        tokens.read(token, KEY)


def test_what_is_written_is_read() -> None:
    assert tokens.read(tokens.write(LOGIN, KEY, timedelta(minutes=15)), KEY) == LOGIN


def test_a_token_dies_at_its_time() -> None:
    refused(tokens.write(LOGIN, KEY, timedelta(seconds=-1)))
    assert tokens.read(tokens.write(LOGIN, KEY, timedelta(minutes=1)), KEY).user_id == LOGIN.user_id


def test_an_unsigned_token_is_refused() -> None:
    for name in ("none", "None", "NONE"):
        refused(f"{part({'alg': name, 'typ': 'JWT'})}.{part(claims())}.")


def test_a_token_of_another_key_or_algorithm_is_refused() -> None:
    refused(tokens.write(LOGIN, OTHER_KEY, timedelta(minutes=15)))
    refused(jwt.encode(claims(), KEY * 2, algorithm="HS512"))
    assert tokens.read(jwt.encode(claims(), KEY, algorithm="HS256"), KEY) == LOGIN


def test_a_changed_token_is_refused() -> None:
    head, _, signature = tokens.write(LOGIN, KEY, timedelta(minutes=15)).split(".")
    refused(f"{head}.{part(claims(role='admin'))}.{signature}")
    refused(f"{head}.{part(claims())}.{'A' * len(signature)}")


def test_a_token_for_somebody_else_is_refused() -> None:
    refused(jwt.encode(claims(aud="other-api"), KEY, algorithm="HS256"))
    refused(jwt.encode(claims(aud=...), KEY, algorithm="HS256"))


@pytest.mark.parametrize("missing", ["exp", "sub", "sid", "role", "patient", "clinics"])
def test_a_token_without_a_claim_is_refused(missing: str) -> None:
    refused(jwt.encode(claims(**{missing: ...}), KEY, algorithm="HS256"))


@pytest.mark.parametrize(
    "changes", [{"role": "root"}, {"sub": "me"}, {"sid": "7"}, {"clinics": ["here"]}, {"clinics": None}]
)
def test_a_token_with_nonsense_is_refused(changes: dict[str, Any]) -> None:
    refused(jwt.encode(claims(**changes), KEY, algorithm="HS256"))


def test_a_token_from_the_future_is_refused() -> None:
    refused(jwt.encode(claims(iat=clock.now() + timedelta(hours=1)), KEY, algorithm="HS256"))


@pytest.mark.parametrize("text", ["", ".", "..", "a.b.c", "\x00", "é", "A" * 10_000])
def test_text_that_is_no_token_is_refused(text: str) -> None:
    refused(text)
