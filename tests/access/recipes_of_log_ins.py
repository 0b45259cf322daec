"""How log-ins, accounts and the trail are asked for."""

import hashlib
from typing import Any
from uuid import uuid4

import orjson

from frontdesk.secrets import Keys
from tests.access.callers import Caller, Thing
from tests.access.recipes import Call, Make, Recipe, account_of, alone, email, person, sent, somebody
from tests.access.world import CANARIES, NEW_PASSWORD, PASSWORD, Account, Secret, World
from tests.service import SECRET

U, AUTH = "/api/v1/users", "/api/v1/auth"


def _registration(world: World) -> dict[str, Any]:
    return person(date_of_birth="1990-02-03", email=email(), password=NEW_PASSWORD)(world)


def _log_in(world: World, caller: Caller) -> Call:
    return Call(form={"username": somebody(world).email, "password": PASSWORD})


def _refresh(world: World, caller: Caller) -> Call:
    form = {"username": somebody(world).email, "password": PASSWORD}
    tokens = world.client(None).post("/api/v1/auth/token", data=form)
    return Call(json={"refresh_token": tokens.json()["refresh_token"]})


def _reset(world: World, caller: Caller) -> Call:
    token = str(uuid4())
    world.make.row(
        "password_reset",
        user_id=somebody(world).user_id,
        token_hash=hashlib.sha256(token.encode()).digest(),
        expires_at=world.start,
    )
    return Call(json={"token": token, "password": NEW_PASSWORD})


def _code(world: World, caller: Caller) -> Call:
    account = account_of(world, caller)
    code = _sent(world, account, "verification", {"channel": "email"})
    return Call(account=account, json={"channel": "email", "code": code})


def _new_address(world: World, caller: Caller) -> Call:
    account = account_of(world, caller)
    code = _sent(world, account, "address", {"email": email(), "password": PASSWORD})
    return Call(account=account, json={"code": code})


def _sent(world: World, account: Account | None, way: str, asked: dict[str, str]) -> str:
    """The code that such an account is sent."""
    if account is None:
        return "123456"
    answer = world.client(account.token).post(f"/api/v1/auth/{way}", json=asked)
    assert answer.status_code == 202, answer.text
    query = "SELECT sealed FROM outgoing_message WHERE changed_by = %s"
    row = world.make.conn.execute(query, (account.user_id,)).fetchone()
    assert row is not None
    code: str = orjson.loads(Keys(SECRET).unseal(row[0]))["parameters"]["code"]
    return code


def _session(world: World, caller: Caller) -> Call:
    account = account_of(world, caller)
    return Call({"session_id": account.session_id if account else uuid4()}, account=account)


def _user(body: Any = None) -> Make:
    return lambda world, caller: Call({"user_id": somebody(world).user_id}, json=body)


LOG_INS: dict[str, Recipe] = {
    f"POST {AUTH}/register": Recipe(sent(_registration)),
    f"POST {AUTH}/token": Recipe(_log_in),
    f"POST {AUTH}/refresh": Recipe(_refresh),
    f"POST {AUTH}/password-reset": Recipe(sent(lambda world: {"email": CANARIES[Secret.LOG_IN]["email"]})),
    f"POST {AUTH}/password-reset/confirm": Recipe(_reset),
    f"GET {AUTH}/me": Recipe(about=Thing.ACCOUNT),
    f"POST {AUTH}/logout": Recipe(alone(), Thing.ACCOUNT),
    f"POST {AUTH}/logout-everywhere": Recipe(alone(), Thing.ACCOUNT),
    f"GET {AUTH}/sessions": Recipe(about=Thing.ACCOUNT),
    f"DELETE {AUTH}/sessions/{{session_id}}": Recipe(_session, Thing.ACCOUNT),
    f"POST {AUTH}/password": Recipe(alone(old_password=PASSWORD, new_password=NEW_PASSWORD), Thing.ACCOUNT),
    f"POST {AUTH}/verification": Recipe(alone(channel="email"), Thing.ACCOUNT),
    f"POST {AUTH}/verification/confirm": Recipe(_code, Thing.ACCOUNT),
    f"POST {AUTH}/address": Recipe(
        lambda world, caller: Call(account=account_of(world, caller), json={"email": email(), "password": PASSWORD}),
        Thing.ACCOUNT,
    ),
    f"POST {AUTH}/address/confirm": Recipe(_new_address, Thing.ACCOUNT),
    f"GET {U}": Recipe(),
    f"POST {U}": Recipe(sent(lambda world: {"email": email(), "password": NEW_PASSWORD, "role": "staff"})),
    f"GET {U}/{{user_id}}": Recipe(_user()),
    f"PATCH {U}/{{user_id}}": Recipe(_user({"may_report": True})),
    "GET /api/v1/audit": Recipe(lambda world, caller: Call(query={"limit": 1000})),
    "GET /api/v1/audit (clinical)": Recipe(lambda world, caller: Call(query={"table": "medical_record"})),
    "GET /api/v1/audit (visits)": Recipe(lambda world, caller: Call(query={"table": "visit"})),
}
