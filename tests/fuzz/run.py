"""One run of schemathesis as one caller: what it sends, which checks judge the answers, what came of it."""

import os
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import schemathesis
from schemathesis.engine import events, from_schema

from frontdesk.auth.permissions import PERMISSIONS, Role
from tests.access.walk import operations
from tests.fuzz import checks
from tests.fuzz.aim import aimed
from tests.fuzz.world import Known, World
from tests.service import Service

MOST_EXAMPLES = int(os.environ.get("FRONTDESK_TEST_FUZZ_EXAMPLES", "6"))
"""Generated requests an operation, positive and negative; besides them, by those who are let in, the boundary values of
every field."""

_LUCK = 0.8
"""How often a field takes a value that we know to be good."""


@dataclass
class Outcome:
    """The answers of one run by operation, and every complaint once, with a request that repeats it."""

    answers: dict[str, Counter[int]] = field(default_factory=dict)
    complaints: dict[tuple[str, str, str], str] = field(default_factory=dict)

    @property
    def cases(self) -> int:
        return sum(count.total() for count in self.answers.values())

    def table(self) -> str:
        """Operations and how often each status was answered."""
        lines = (f"{name:75} {dict(sorted(count.items()))}" for name, count in sorted(self.answers.items()))
        return "\n".join(lines)

    def succeeded(self) -> set[str]:
        """Operations that were answered 2xx at least once."""
        return {name for name, count in self.answers.items() if any(200 <= status < 300 for status in count)}


def fuzz(service: Service, world: World, role: str) -> Outcome:
    """Send it all, one request after the other."""
    checks.register()
    config = _config(world, role)
    schema = schemathesis.openapi.from_url(f"{service.url}/openapi.json", config=config, timeout=60)
    outcome = Outcome()
    with aimed(world):
        for event in from_schema(schema).execute():
            if isinstance(event, events.ScenarioFinished):
                _note(outcome, event)
            elif isinstance(event, events.NonFatalError):
                outcome.complaints["error", event.label, event.info.title] = event.info.message
            elif isinstance(event, events.FatalError):
                raise event.exception
    return outcome


def _note(outcome: Outcome, event: events.ScenarioFinished) -> None:
    for case_id, interaction in event.recorder.interactions.items():
        if interaction.response is not None:
            operation = event.recorder.cases[case_id].value.operation.label
            outcome.answers.setdefault(operation, Counter())[interaction.response.status_code] += 1
    for results in event.recorder.checks.values():
        for result in results:
            if result.failure_info is not None:
                failure = result.failure_info.failure
                told = f"{failure.message}\n{result.failure_info.code_sample}"
                outcome.complaints.setdefault((result.name, str(failure.operation), failure.title), told)


def _barred(role: str) -> list[str]:
    """Operations that refuse this role before they read what it sent: boundary values would all hear the same."""
    return [name for name, permission in operations().items() if not PERMISSIONS[permission].get(Role(role))]


def _config(world: World, role: str) -> schemathesis.Config:
    dictionaries: dict[str, Any] = {}
    parameters = _bind(dictionaries, world.known, "any")
    of_operations: list[dict[str, Any]] = [
        {"include-name": name, "parameters": _bind(dictionaries, known, name)} for name, known in world.known_of.items()
    ]
    headers = {} if world.token is None else {"headers": _bearer(world.token)}
    of_operations.append({"include-name": _barred(role), "phases": {"coverage": {"enabled": False}}})
    of_operations += [{"include-name": name, "headers": _bearer(token)} for name, token in world.token_of.items()]
    return schemathesis.Config.from_dict(
        {
            "seed": 20_261_121,
            "generation": {
                "deterministic": True,
                "max-examples": MOST_EXAMPLES,
                "database": "none",
                "no-shrink": True,
            },
            "dictionaries": dictionaries,
            "parameters": parameters,
            "checks": checks.SETTINGS,
            "operations": [*of_operations, *checks.EXEMPT],
            **headers,
        }
    )


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _bind(dictionaries: dict[str, Any], known: Known, whose: str) -> dict[str, Any]:
    """Bindings of each known field wherever it may occur; the values go into `dictionaries`."""
    bound: dict[str, Any] = {}
    for name, values in known.items():
        key = f"{name} of {whose}"
        dictionaries[key] = {"values": [value if isinstance(value, int) else str(value) for value in values]}
        for place in ("header",) if name == "if-match" else ("path", "query", "body"):
            bound[f"{place}.{name}"] = {"dictionary": key, "probability": _LUCK}
    return bound
