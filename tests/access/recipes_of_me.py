"""The pages of one's own account and record: they name nobody, so nobody sees another's."""

from dataclasses import replace

from tests.access.callers import Caller, Thing
from tests.access.recipes import Call, Make, Recipe, account_of
from tests.access.recipes_of_factors import FACTORS, signed
from tests.access.recipes_of_log_ins import LOG_INS
from tests.access.world import PASSWORD, World

AUTH = "/api/v1/auth"


def _form(**fields: str) -> Make:
    """Of a version that is not there: what the patient has to hide stays."""
    return lambda world, caller: Call(form={"version": "9999999", **fields})


def _typed(operation: str) -> Recipe:
    """What a program sends as JSON, sent as a form."""
    make = {**FACTORS, **LOG_INS}[f"POST {AUTH}/{operation}"].make

    def form(world: World, caller: Caller) -> Call:
        call = make(world, caller)
        code = call.json.get("code") or call.json.get("recovery_code")  # a page has one field for both
        return replace(call, form={**call.json, "code": code or ""}, json=None)

    return Recipe(form, Thing.ACCOUNT)


def _asked(world: World, caller: Caller) -> Call:
    return Call(account=account_of(world, caller), form={"name": "Key ring", "password": PASSWORD})


def _new_passkey(world: World, caller: Caller) -> Call:
    account = account_of(world, caller)
    return Call(account=account, form=signed(world, account))


ME: dict[str, Recipe] = {
    "GET /me": Recipe(about=Thing.ACCOUNT),
    "POST /me/sessions/{session_id}/end": Recipe(LOG_INS[f"DELETE {AUTH}/sessions/{{session_id}}"].make, Thing.ACCOUNT),
    "POST /me/logout-everywhere": Recipe(
        lambda world, caller: Call(form={}, account=account_of(world, caller)), Thing.ACCOUNT
    ),
    "GET /me/password": Recipe(about=Thing.ACCOUNT),
    "POST /me/password": _typed("password"),
    "GET /me/address": Recipe(about=Thing.ACCOUNT),
    "POST /me/address": _typed("address"),
    "POST /me/address/confirm": _typed("address/confirm"),
    "GET /me/factors": Recipe(about=Thing.ACCOUNT),
    "POST /me/factors/app": _typed("factors/totp"),
    "POST /me/factors/app/confirm": _typed("factors/totp/confirm"),
    "POST /me/factors/app/remove": _typed("factors/totp/remove"),
    "POST /me/factors/codes": _typed("factors/recovery-codes"),
    "POST /me/factors/passkeys": Recipe(_asked, Thing.ACCOUNT),
    "POST /me/factors/passkeys/confirm": Recipe(_new_passkey, Thing.ACCOUNT),
    "POST /me/factors/passkeys/{passkey_id}/remove": _typed("factors/passkeys/{passkey_id}/remove"),
    "GET /me/details": Recipe(),
    "POST /me/details": Recipe(_form(phone="+49 30 5550123987")),
    "GET /me/messages": Recipe(),
    "POST /me/messages": Recipe(_form(channels="email")),
    "GET /me/accesses": Recipe(),
    "GET /me/export": Recipe(),
}
