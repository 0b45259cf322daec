"""How one asks for the pages, as a program that says nothing of what it wants, too."""

import base64
from dataclasses import replace
from typing import Any

from frontdesk import clock, demo
from frontdesk.auth import proofs, totp
from frontdesk.auth.permissions import Role
from frontdesk.auth.proofs import Purpose
from frontdesk.portal.assets import assets
from frontdesk.secrets import Keys
from tests.access.callers import Caller
from tests.access.recipes import Call, Make, Recipe, browser, of, somebody
from tests.access.recipes_of_admin import ADMIN
from tests.access.recipes_of_book import BOOK
from tests.access.recipes_of_desk import DESK
from tests.access.recipes_of_factors import FACTORS, signed
from tests.access.recipes_of_family import FAMILY_PAGES
from tests.access.recipes_of_hours import HOURS
from tests.access.recipes_of_log_ins import LOG_INS
from tests.access.recipes_of_me import ME
from tests.access.recipes_of_providers import PROVIDERS
from tests.access.recipes_of_visits import VISITS
from tests.access.world import Account, World
from tests.service import SECRET

AUTH = "/api/v1/auth"


def _form(of_api: dict[str, Recipe], name: str, **renamed: str) -> Make:
    """The same as the API is sent, as a form; `renamed`: what a field is called there."""

    def made(world: World, caller: Caller) -> Call:
        call = of_api[f"POST {AUTH}/{name}"].make(world, caller)
        fields = {renamed.get(field, field): value for field, value in (call.form or call.json).items()}
        return Call(call.path, form={field: value for field, value in fields.items() if value is not None})

    return made


def _password(world: World, caller: Caller) -> Call:
    sent: dict[str, Any] = LOG_INS[f"POST {AUTH}/password-reset/confirm"].make(world, caller).json
    return Call({"token": sent["token"]}, form={"password": sent["password"]})


def _enrolling(world: World) -> Account:
    """Somebody whose role needs a second factor and who has none yet, with the token that sets it up."""
    account = somebody(world)
    row = world.make.conn.execute("SELECT password_hash FROM user_account WHERE id = %s", (account.user_id,)).fetchone()
    assert row is not None
    token = proofs.write(Purpose.ENROLMENT, account.user_id, Role.PATIENT, row[0], Keys(SECRET))
    return replace(account, token=token)


def _app(world: World, caller: Caller) -> Call:
    token = _enrolling(world).token
    made = world.client(token).post(f"{AUTH}/factors/totp", json={})
    assert made.status_code == 201, made.text
    code = totp.code(base64.b32decode(made.json()["secret"]), totp.step_at(clock.now()))
    return Call(form={"enrolment_token": token, "code": code})


def _passkey(world: World, caller: Caller) -> Call:
    account = _enrolling(world)
    return Call(form={"enrolment_token": account.token, **signed(world, account)})


def _browser(world: World, caller: Caller) -> Call:
    told = browser(world)
    return Call(form={"endpoint": told["endpoint"], **told["keys"]})


def _demo(world: World, caller: Caller) -> Call:
    """The demo's log-ins are there."""
    known = world.make.conn.execute("SELECT FROM user_account WHERE email = ANY(%s)", [list(demo.LOGINS)]).fetchone()
    if known is None:
        world.make.demo_log_ins()
    return Call()


PAGES: dict[str, Recipe] = {
    "GET /": Recipe(),
    "GET / (as a page)": Recipe(lambda world, caller: Call(headers={"Accept": "text/html"})),
    "GET /find": Recipe(),
    "GET /providers/{provider_id}": Recipe(of(provider_id="provider")),
    "POST /language": Recipe(lambda world, caller: Call(form={"chosen": "es", "back": "/find"})),
    "GET /start": Recipe(_demo),
    **BOOK,
    "GET /static/{name}": Recipe(lambda world, caller: Call({"name": assets()["portal.css"].name})),
    **ME,
    **FAMILY_PAGES,
    **PROVIDERS,
    "GET /manifest.webmanifest": Recipe(),
    "GET /sw.js": Recipe(),
    "GET /offline": Recipe(),
    "GET /device": Recipe(),
    "GET /device/next": Recipe(),
    "POST /device/push": Recipe(_browser),
    "POST /device/push/stop": Recipe(lambda world, caller: Call(form={})),
    "GET /login": Recipe(),
    "POST /login": Recipe(_form(LOG_INS, "token", username="email")),
    "POST /login/second": Recipe(_form(FACTORS, "token/second-factor", recovery_code="code")),
    "POST /login/app": Recipe(_app),
    "POST /login/passkey": Recipe(_passkey),
    "POST /logout": Recipe(lambda world, caller: Call(form={})),
    "GET /register": Recipe(),
    "POST /register": Recipe(_form(LOG_INS, "register")),
    "GET /forgot": Recipe(),
    "POST /forgot": Recipe(_form(LOG_INS, "password-reset")),
    "GET /password/{token}": Recipe(lambda world, caller: Call({"token": "none"})),
    "POST /password/{token}": Recipe(_password),
    **DESK,
    **HOURS,
    **ADMIN,
    **VISITS,
}
