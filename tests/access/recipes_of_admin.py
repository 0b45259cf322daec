"""How one asks for the pages of admins, and sends their forms."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

from tests.access.callers import Caller
from tests.access.recipes import Call, Make, Recipe, somebody
from tests.access.world import NEW_PASSWORD, World


def form(fields: Callable[[World], dict[str, Any]], **names: str) -> Make:
    """A form about the world's own things."""
    return lambda world, caller: Call(
        {name: getattr(world, what) for name, what in names.items()},
        form={name: str(value) for name, value in fields(world).items()},
    )


def account(**fields: str) -> Make:
    """About an account that nobody else uses."""
    return lambda world, caller: Call({"user_id": somebody(world).user_id}, form=fields or None)


def email() -> str:
    return f"{uuid4()}@walked.test"


def changed(world: World, caller: Caller) -> Call:
    return account(email=email(), role="staff", active="on")(world, caller)


ADMIN: dict[str, Recipe] = {
    "GET /admin": Recipe(),
    "GET /admin/users": Recipe(),
    "GET /admin/users/new": Recipe(),
    "POST /admin/users": Recipe(form(lambda world: {"email": email(), "password": NEW_PASSWORD, "role": "staff"})),
    "GET /admin/users/{user_id}": Recipe(account()),
    "POST /admin/users/{user_id}": Recipe(changed),
    "POST /admin/users/{user_id}/factors": Recipe(account()),
    "GET /admin/audit": Recipe(),
    "GET /admin/system": Recipe(),
    "GET /admin/settings": Recipe(),
}
