"""What schemathesis checks on every answer. All of its checks are on; what is eased says why.

One check is ours: data that fit the OpenAPI document may be refused only by a rule that JSON Schema cannot state.
"""

from functools import cache
from typing import Any

import schemathesis

SETTINGS: dict[str, Any] = {
    # 422: see `refused_only_by_rules`. 412: to the document an If-Match is any text, and seldom the right one.
    "positive_data_acceptance": {"expected-statuses": ["2xx", "3xx", "401", "403", "404", "409", "412", "422", "429"]},
    # 412: of two faults at once, the stale If-Match may be told first. 413: too large a body is not looked into.
    "negative_data_rejection": {
        "expected-statuses": ["400", "401", "403", "404", "405", "406", "409", "412", "413", "415", "422", "429"]
    },
}

EXEMPT: list[dict[str, Any]] = [
    # An answer without an end cannot be judged when it has ended: tests/live asks.
    {"include-name": "GET /api/v1/stream", "enabled": False},
    {
        # To DELETE it is a closure whose id is "public-holidays", and no UUID: 422, not 405.
        "include-name": "POST /api/v1/clinics/{clinic_id}/closures/public-holidays",
        "checks": {"unsupported_method": {"enabled": False}, "allow_header_conformance": {"enabled": False}},
    },
]

_RULES = {"value_error", "string_too_short"}
"""Pydantic's names for a refusal by a validator of ours (a pair of fields, a calendar, a time zone, an address), and of
a text that is nothing but blanks: these are stripped before it is measured.
"""


@cache
def register() -> None:
    """Add our check to those of schemathesis, once in a process."""
    schemathesis.check(refused_only_by_rules)


def refused_only_by_rules(
    ctx: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case
) -> None:
    """A 422 for data that fit the document names a rule, and not only faults that the document could have ruled out."""
    if response.status_code != 422 or case.meta is None or not case.meta.generation.mode.is_positive:
        return
    if case.meta.phase.name.value == "stateful":  # a link may fill an id with the null of an earlier answer
        return
    problem = response.json()
    faults = {error["type"] for error in problem.get("errors", ())}
    assert not faults or faults & _RULES, f"the document does not rule out {sorted(faults)}"
