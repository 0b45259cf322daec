"""How second factors and API keys are asked for. An authenticator app is set up through the service itself."""

import base64
import json
from typing import Any

from frontdesk import clock, ids
from frontdesk.auth import totp
from frontdesk.auth.permissions import Role
from tests.access.callers import Caller, Thing
from tests.access.recipes import Call, Recipe, account_of, somebody
from tests.access.world import PASSWORD, Account, World
from tests.auth.authenticator import Authenticator

AUTH, KEYS = "/api/v1/auth", "/api/v1/api-keys"


def _begun(world: World, account: Account | None) -> str:
    """The code of an app that is about to be confirmed."""
    if account is None:
        return "000000"
    made = world.client(account.token).post(f"{AUTH}/factors/totp", json={"password": PASSWORD})
    assert made.status_code == 201, made.text
    return totp.code(base64.b32decode(made.json()["secret"]), totp.step_at(clock.now()))


def _guarded(world: World, account: Account | None) -> list[str]:
    """The recovery codes of a log-in with an app."""
    if account is None:
        return ["0" * 16]
    code = _begun(world, account)
    done = world.client(account.token).post(f"{AUTH}/factors/totp/confirm", json={"code": code})
    assert done.status_code == 200, done.text
    codes: list[str] = done.json()["recovery_codes"]
    return codes


def _set_up(world: World, caller: Caller) -> Call:
    return Call(account=account_of(world, caller), json={"password": PASSWORD})


def _confirm(world: World, caller: Caller) -> Call:
    account = account_of(world, caller)
    return Call(account=account, json={"code": _begun(world, account)})


def _remove(world: World, caller: Caller) -> Call:
    account = account_of(world, caller)
    code, *_ = _guarded(world, account)
    return Call(account=account, json={"password": PASSWORD, "recovery_code": code})


def _renew(world: World, caller: Caller) -> Call:
    account = account_of(world, caller)
    _guarded(world, account)
    return Call(account=account, json={"password": PASSWORD})


def _second_step(world: World, caller: Caller) -> Call:
    account = somebody(world)
    code, *_ = _guarded(world, account)
    asked = world.client(None).post(f"{AUTH}/token", data={"username": account.email, "password": PASSWORD})
    return Call(json={"factor_token": asked.json()["factor_token"], "recovery_code": code})


def _reset(world: World, caller: Caller) -> Call:
    account = somebody(world)
    _guarded(world, account)
    return Call({"user_id": account.user_id})


def _asked(world: World, account: Account | None) -> dict[str, Any]:
    """The question that a new passkey answers."""
    if account is None:
        return {"challenge_id": str(ids.new_id())}
    asked = world.client(account.token).post(f"{AUTH}/factors/passkeys/options", json={"password": PASSWORD})
    assert asked.status_code == 200, asked.text
    question: dict[str, Any] = asked.json()
    return question


def _passkey(world: World, account: Account | None) -> dict[str, Any]:
    """The body that registers a passkey."""
    question = _asked(world, account)
    made = _authenticator(world).create(question["options"]) if account else {}
    return {"name": "Key ring", "challenge_id": question["challenge_id"], "credential": made}


def _authenticator(world: World) -> Authenticator:
    return Authenticator(f"http://localhost:{world.service.port}")


def _new_passkey(world: World, caller: Caller) -> Call:
    account = account_of(world, caller)
    return Call(account=account, json=_passkey(world, account))


def signed(world: World, account: Account | None) -> dict[str, str]:
    """The same as a form."""
    return {
        name: said if isinstance(said, str) else json.dumps(said) for name, said in _passkey(world, account).items()
    }


def _drop_passkey(world: World, caller: Caller) -> Call:
    account = account_of(world, caller)
    if account is None:
        return Call({"passkey_id": ids.new_id()}, account=account, json={"password": PASSWORD})
    made = world.client(account.token).post(f"{AUTH}/factors/passkeys", json=_passkey(world, account))
    assert made.status_code == 201, made.text
    return Call({"passkey_id": made.json()["id"]}, account=account, json={"password": PASSWORD})


def _passkey_step(world: World, caller: Caller) -> Call:
    account = somebody(world)
    made = world.client(account.token).post(f"{AUTH}/factors/passkeys", json=_passkey(world, account))
    assert made.status_code == 201, made.text
    asked = world.client(None).post(f"{AUTH}/token", data={"username": account.email, "password": PASSWORD})
    return Call(json={"factor_token": asked.json()["factor_token"]})


def new_key(world: World, *scopes: str, **more: Any) -> dict[str, Any]:
    """An API key that an admin issues, at the clinic."""
    admin = next(caller for caller in world.callers if caller.role is Role.ADMIN)
    body = {"name": "walk", "scopes": list(scopes), "role": "staff", "clinic_ids": [str(world.clinic)], **more}
    made = world.client(admin).post(KEYS, json=body)
    assert made.status_code == 201, made.text
    issued: dict[str, Any] = made.json()
    return issued


def _key(world: World, caller: Caller) -> Call:
    return Call({"key_id": new_key(world, "patients:read")["id"]})


def _issue(world: World, caller: Caller) -> Call:
    return Call(json={"name": "walk", "scopes": ["patients:read"], "clinic_ids": [str(world.clinic)]})


FACTORS: dict[str, Recipe] = {
    f"GET {AUTH}/factors": Recipe(about=Thing.ACCOUNT),
    f"POST {AUTH}/factors/totp": Recipe(_set_up, Thing.ACCOUNT),
    f"POST {AUTH}/factors/totp/confirm": Recipe(_confirm, Thing.ACCOUNT),
    f"POST {AUTH}/factors/totp/remove": Recipe(_remove, Thing.ACCOUNT),
    f"POST {AUTH}/factors/recovery-codes": Recipe(_renew, Thing.ACCOUNT),
    f"POST {AUTH}/factors/passkeys/options": Recipe(_set_up, Thing.ACCOUNT),
    f"POST {AUTH}/factors/passkeys": Recipe(_new_passkey, Thing.ACCOUNT),
    f"POST {AUTH}/factors/passkeys/{{passkey_id}}/remove": Recipe(_drop_passkey, Thing.ACCOUNT),
    f"POST {AUTH}/token/second-factor/passkey-options": Recipe(_passkey_step),
    f"POST {AUTH}/token/second-factor": Recipe(_second_step),
    "DELETE /api/v1/users/{user_id}/factors": Recipe(_reset),
    f"GET {KEYS}": Recipe(),
    f"POST {KEYS}": Recipe(_issue),
    f"GET {KEYS}/{{key_id}}": Recipe(_key),
    f"DELETE {KEYS}/{{key_id}}": Recipe(_key),
}
