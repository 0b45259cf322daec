"""A token that is not what it says opens nothing, at any operation; nor does one whose session has ended."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from frontdesk.auth.permissions import IMPERSONAL, JUDGED, WITHOUT_LOGIN, Role
from tests.access.callers import Caller
from tests.access.every import RECIPES
from tests.access.forged import FORGED
from tests.access.oracle import Verdict, agrees, expected
from tests.access.recipes import Recipe, ask, operation_of
from tests.access.walk import operations
from tests.access.world import Account, World

pytestmark = pytest.mark.postgres("18")

OPERATIONS = operations()
PUBLIC_TRIES = ("expired", "alg none", "with a role that was not signed")
OTHERS = sorted(set(FORGED) - set(PUBLIC_TRIES))


def _somebody_allowed(world: World, permission: str, recipe: Recipe) -> Caller:
    """Whoever may do this, by a log-in; the desk first, because it overrides rules that stand in others' way."""
    return next(
        caller
        for caller in sorted(world.callers, key=lambda one: one.role is not Role.STAFF)
        if caller.role is not Role.ANONYMOUS and expected(permission, caller, recipe.things) is Verdict.ALLOWED
    )


@pytest.mark.parametrize(("turn", "name"), list(enumerate(sorted(RECIPES))))
def test_no_forged_token_opens_anything(walked: World, turn: int, name: str) -> None:
    """401, and at the public doors what somebody without a log-in hears. The true token then does what it should.

    Three forgeries ask everywhere, and of the others each operation meets the next four: each asks some thirty times.
    """
    permission, recipe = OPERATIONS[operation_of(name)], RECIPES[name]
    caller = _somebody_allowed(walked, permission, recipe)
    nobody = walked.callers[0]
    call = recipe.make(walked, caller)
    account = call.account or walked.accounts[caller.name]
    deviations = []
    # Public doors hash passwords, which takes its time: what they make of a bad token, three of them tell.
    others = () if permission in WITHOUT_LOGIN else (OTHERS[(4 * turn + n) % len(OTHERS)] for n in range(4))
    tried = (*PUBLIC_TRIES, *others)
    for forgery in tried:
        headers = {**call.headers, "Authorization": f"Bearer {FORGED[forgery](account)}"}
        if permission in WITHOUT_LOGIN:
            call = recipe.make(walked, nobody)
        response, asked = ask(name, replace(call, headers=headers), walked.client(None))
        right = response.status_code < 400 if permission in WITHOUT_LOGIN else response.status_code == 401
        if not right:
            deviations.append(f"{forgery}: {response.status_code} {response.text[:200]}")
        deviations += [f"{forgery}: told {value!r}" for value in walked.leaked(nobody, response, asked)]
    assert not deviations, "\n".join([f"{name} ({permission})", *deviations])
    if permission in WITHOUT_LOGIN:
        call = recipe.make(walked, caller)
    response, _ = ask(name, call, walked.client(account.token))
    assert agrees(response.status_code, Verdict.ALLOWED), response.text


def _log_out(world: World, account: Account) -> None:
    assert world.client(account.token).post("/api/v1/auth/logout").status_code == 204


def _log_out_everywhere(world: World, account: Account) -> None:
    assert world.client(account.token).post("/api/v1/auth/logout-everywhere").status_code == 204


def _deactivate(world: World, account: Account) -> None:
    _change(world, account, {"active": False})


def _demote(world: World, account: Account) -> None:
    """Another role, and back: the session stays ended."""
    role = account.login.role.value
    _change(world, account, {"role": "admin" if role == "staff" else "staff"})
    _change(world, account, {"role": role})


def _change(world: World, account: Account, change: dict[str, object]) -> None:
    admin = next(caller for caller in world.callers if caller.role is Role.ADMIN)
    response = world.client(admin).patch(f"/api/v1/users/{account.user_id}", json=change)
    assert response.status_code == 200, response.text


ENDS: tuple[Callable[[World, Account], None], ...] = (_log_out, _log_out_everywhere, _deactivate, _demote)


@pytest.fixture(scope="module")
def ended(walked: World) -> dict[Caller, list[Account]]:
    """Of every caller a log-in for each way to end, ended so. Their tokens have not yet expired."""
    sessions = {caller: [walked.account(caller) for _ in ENDS] for caller in walked.callers[1:]}
    for accounts in sessions.values():
        for end, account in zip(ENDS, accounts, strict=True):
            assert walked.client(account.token).get("/api/v1/auth/me").status_code == 200
            end(walked, account)
    return sessions


def _depends_on_the_session(name: str) -> bool:
    permission = OPERATIONS[operation_of(name)]
    return permission not in IMPERSONAL or permission in JUDGED


@pytest.mark.parametrize("name", sorted(filter(_depends_on_the_session, RECIPES)))
def test_no_ended_session_opens_anything(walked: World, ended: dict[Caller, list[Account]], name: str) -> None:
    """Of nobody whom it was open to: 401 wherever the database is asked for anybody's rows, and where what a patient
    hears depends on who they are. Sessions of all four ends ask, each caller's by another one."""
    permission, recipe = OPERATIONS[operation_of(name)], RECIPES[name]
    callers = [
        caller
        for caller in ended
        if (permission not in IMPERSONAL or caller.role is Role.PATIENT)
        and expected(permission, caller, recipe.things) is Verdict.ALLOWED
    ]
    assert callers
    # Each end has its turn, also where fewer callers than ends are allowed.
    turns = [(callers[n % len(callers)], n % len(ENDS)) for n in range(max(len(callers), len(ENDS)))]
    call, nobody, deviations = recipe.make(walked, callers[0]), walked.callers[0], []
    for caller, end in turns:
        response, asked = ask(name, call, walked.client(ended[caller][end].token))
        how = f"{caller.name}, {ENDS[end].__name__}"
        if response.status_code != 401:
            deviations.append(f"{how}: {response.status_code} {response.text[:200]}")
        deviations += [f"{how}: told {value!r}" for value in walked.leaked(nobody, response, asked)]
    assert not deviations, "\n".join([f"{name} ({permission})", *deviations])


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("staff of the clinic", {"clinic_ids": []}),
        ("staff where the patient is registered", {"clinic_ids": []}),
        ("the patient", {"patient_id": "other"}),
        ("the patient's provider", {"provider_id": "other_provider"}),
    ],
)
def test_what_was_taken_from_an_account_is_gone_at_once(walked: World, name: str, change: dict[str, object]) -> None:
    """The token still says it for some minutes; the database does not believe it."""
    caller = next(one for one in walked.callers if one.name == name)
    account = walked.account(caller)
    path = f"/api/v1/patients/{walked.patient}"
    assert walked.client(account.token).get(path).status_code == 200
    taken = {
        key: value if isinstance(value, list) else str(getattr(walked, str(value))) for key, value in change.items()
    }
    _change(walked, account, taken)
    for asked in (path, f"{path}/appointments", "/api/v1/patients", "/api/v1/appointments"):
        response = walked.client(account.token).get(asked)
        assert response.status_code in (200, 401, 404)
        others = (
            walked.callers[0]
            if name == "the patient"
            else next(c for c in walked.callers if c.name == "staff of no clinic")
        )
        assert walked.leaked(others, response, asked) == []
    assert walked.client(account.token).get(path).status_code in (401, 404)
