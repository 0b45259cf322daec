"""An authenticator app, for the tests of second factors."""

import base64
from dataclasses import dataclass
from typing import Any

import httpx

from frontdesk import clock
from frontdesk.auth import totp
from tests.auth.people import PASSWORD, bearer, log_in, tokens_of


@dataclass(frozen=True)
class Phone:
    """The app of one account, and the recovery codes that were printed."""

    secret: bytes
    recovery_codes: tuple[str, ...] = ()
    used: str = ""
    """The code that confirmed the app, which no later step shows as its own."""

    def code(self, steps_ahead: int = 0) -> str:
        """What the app shows now, or so many half minutes later."""
        return totp.code(self.secret, totp.step_at(clock.now()) + steps_ahead)

    def wrong(self) -> str:
        """A code of none of the steps around now."""
        near = {self.code(steps) for steps in range(-3, 4)}
        return next(text for text in (f"{number:06}" for number in range(10)) if text not in near)


def set_up(api: httpx.Client, headers: dict[str, str], password: str | None = PASSWORD) -> Phone:
    """An app that was set up and confirmed, with the code of now."""
    begun = api.post("/auth/factors/totp", json={"password": password} if password else {}, headers=headers)
    assert begun.status_code == 201, begun.text
    phone = Phone(base64.b32decode(begun.json()["secret"]))
    done = api.post("/auth/factors/totp/confirm", json={"code": (used := phone.code())}, headers=headers)
    assert done.status_code == 200, done.text
    return Phone(phone.secret, tuple(done.json()["recovery_codes"]), used)


def enrolled(api: httpx.Client, email: str) -> Phone:
    """The app of an account that logs in with its password for the last time."""
    return set_up(api, bearer(tokens_of(api, email)))


def factor_token(api: httpx.Client, email: str) -> str:
    """What the right password gives where it is not enough."""
    answer = log_in(api, email)
    assert (answer.status_code, answer.json()["type"]) == (401, "/problems/second-factor-required"), answer.text
    token: str = answer.json()["factor_token"]
    return token


def second(api: httpx.Client, token: str, **given: Any) -> httpx.Response:
    """The answer to the second step."""
    return api.post("/auth/token/second-factor", json={"factor_token": token} | given)
