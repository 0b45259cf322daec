"""Every operation, by every caller: what is answered is what DESIGN §6 says, and nothing private is in it."""

import pytest

from tests.access.callers import Caller, Secret
from tests.access.every import RECIPES
from tests.access.oracle import Verdict, agrees, expected
from tests.access.recipes import ask, operation_of
from tests.access.recipes_of_pages import PAGES
from tests.access.walk import operations
from tests.access.world import CANARIES, World

OPERATIONS = operations()


def test_every_operation_has_a_recipe(walked: World) -> None:
    assert set(OPERATIONS) == set(map(operation_of, RECIPES)), "say in tests/access/recipes.py how it is asked for"
    paths = walked.client(None).get("/openapi.json").json()["paths"]
    documented = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    assert set(OPERATIONS) - documented == set(map(operation_of, PAGES))
    assert documented <= set(OPERATIONS)


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_the_walk(walked: World, request: pytest.FixtureRequest, name: str) -> None:
    """One operation, all callers: the verdict, no secret to whom it is not told, and somebody it works for.

    On PostgreSQL 15 somebody of each role for whom it works, and one for whom SQL finds nothing.
    """
    permission, recipe = OPERATIONS[operation_of(name)], RECIPES[name]
    verdicts = {
        caller: expected(permission, caller, recipe.things, listing=recipe.listing) for caller in walked.callers
    }
    if request.node.callspec.params["postgres"] == "15":
        verdicts = _one_of_each(verdicts)
    deviations, done = [], 0
    for caller, verdict in verdicts.items():
        call = recipe.make(walked, caller)
        client = walked.client(call.account.token if call.account else caller)
        response, asked = ask(name, call, client)
        done += not response.is_error
        if not agrees(response.status_code, verdict):
            deviations.append(f"{caller.name}: {response.status_code}, not {verdict}; {response.text[:300]}")
        deviations += [f"{caller.name} is told {value!r}" for value in walked.leaked(caller, response, asked)]
    assert not deviations, "\n".join([f"{name} ({permission})", *deviations])
    assert done, f"{name} works for nobody"


def _one_of_each(verdicts: dict[Caller, Verdict]) -> dict[Caller, Verdict]:
    """Of the callers of one role those who come first with a verdict, where that rests on what SQL finds."""
    kinds = {(caller.role, verdict is Verdict.ALLOWED): caller for caller, verdict in reversed(verdicts.items())}
    works = [caller for (_, allowed), caller in kinds.items() if allowed]
    found_out = [caller for caller, verdict in verdicts.items() if verdict in (Verdict.HIDDEN, Verdict.NOTHING_IN_IT)]
    return {caller: verdicts[caller] for caller in (*works, *found_out[:1])}


def test_the_planted_values_are_told_to_those_who_may_read_them(walked: World) -> None:
    """Or the walk would look for what is nowhere."""
    patient, admin = (next(c for c in walked.callers if c.name == name) for name in ("the patient", "admin"))
    visit = walked.visit()
    shown = {
        Secret.CONTACT: (patient, [f"patients/{walked.patient}"]),
        Secret.BOOKING: (patient, [f"appointments/{visit}"]),
        Secret.CLINICAL: (patient, [f"appointments/{walked.seen}/visit", f"patients/{walked.patient}/records"]),
        Secret.LOG_IN: (admin, [f"users/{walked.patients_user}"]),
        Secret.COLLEAGUE: (admin, [f"providers/{walked.provider}"]),
    }
    for kind, (caller, paths) in shown.items():
        told = "".join(walked.client(caller).get(f"/api/v1/{path}").text for path in paths)
        assert [value for value in CANARIES[kind].values() if value not in told] == [], kind


def test_nothing_planted_is_in_the_log(walked: World) -> None:
    log = walked.service.log_path.read_text()
    planted = [value for values in CANARIES.values() for value in values.values()]
    assert "/api/v1/patients/{patient_id}" in log
    assert [value for value in planted if value in log] == []
