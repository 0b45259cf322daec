"""An API key opens what its scope names, as far as its account reaches; a revoked or altered one opens nothing."""

import pytest

from frontdesk.auth.permissions import SCOPES, WITHOUT_LOGIN, Role
from tests.access.every import RECIPES
from tests.access.oracle import agrees, expected
from tests.access.recipes import ask, operation_of
from tests.access.recipes_of_factors import new_key
from tests.access.walk import operations
from tests.access.world import World

pytestmark = pytest.mark.postgres("18")

OPERATIONS = operations()
DESK = "staff of the clinic"


TRIED = ("patients:read", "appointments:read", "directory:read", "appointments:book")


def test_a_key_opens_its_scope_and_nothing_else(walked: World) -> None:
    """Four keys, each with one scope, at every operation; the one that opens it last."""
    assert set(TRIED) <= set(SCOPES)
    clients = {scope: walked.client(new_key(walked, scope)["key"]) for scope in TRIED}
    caller, deviations = next(one for one in walked.callers if one.name == DESK), []
    for name, recipe in RECIPES.items():
        permission = OPERATIONS[operation_of(name)]
        if permission in WITHOUT_LOGIN:
            continue
        call = recipe.make(walked, caller)
        for scope in sorted(TRIED, key=lambda one: one == permission):
            response, asked = ask(name, call, clients[scope])
            verdict = expected(permission, caller, recipe.things, listing=recipe.listing)
            right = agrees(response.status_code, verdict) if permission == scope else response.status_code == 403
            if not right:
                deviations.append(f"{scope} at {name} ({permission}): {response.status_code} {response.text[:200]}")
            deviations += [f"{scope} at {name} tells {value!r}" for value in walked.leaked(caller, response, asked)]
    assert not deviations, "\n".join(deviations)


def test_a_key_that_is_over_opens_nothing(walked: World) -> None:
    admin = next(caller for caller in walked.callers if caller.role is Role.ADMIN)
    made = new_key(walked, *[scope for scope in SCOPES if scope in ("patients:read", "appointments:read")])
    key, path = made["key"], f"/api/v1/patients/{walked.patient}"
    walked.visit()
    assert walked.client(key).get(path).status_code == 200
    altered = [key[:-1] + ("A" if key[-1] != "A" else "B"), key[:-1], key + "A", key.swapcase()]
    assert [walked.client(other).get(path).status_code for other in altered] == [401] * len(altered)
    assert walked.client(admin).delete(f"/api/v1/api-keys/{made['id']}").status_code == 204
    assert walked.client(key).get(path).status_code == 401
