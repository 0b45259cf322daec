"""Accounts for the tests of log-in."""

from typing import Any

import httpx

from frontdesk import ids

PASSWORD = "correct horse"


def new_email() -> str:
    """An address nobody else has."""
    return f"u{ids.new_id().hex}@auth.test"


def registered(email: str, **more: str) -> dict[str, Any]:
    """The body of a registration."""
    return {
        "email": email,
        "password": PASSWORD,
        "first_name": "Pia",
        "last_name": "Fall",
        "date_of_birth": "1990-02-28",
    } | more


def log_in(api: httpx.Client, email: str, password: str = PASSWORD) -> httpx.Response:
    """The answer to a log-in."""
    return api.post("/auth/token", data={"username": email, "password": password})


def tokens_of(api: httpx.Client, email: str) -> dict[str, str]:
    """The tokens of a new session."""
    answer = log_in(api, email)
    assert answer.status_code == 200, answer.text
    tokens: dict[str, str] = answer.json()
    return tokens


def bearer(tokens: dict[str, str]) -> dict[str, str]:
    """The header of a request with a log-in."""
    return {"Authorization": f"Bearer {tokens['access_token']}"}
