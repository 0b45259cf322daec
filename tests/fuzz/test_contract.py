"""Schemathesis against /openapi.json of the running service: no 5xx, no undocumented status, no schema violation.

Minutes. FRONTDESK_TEST_FUZZ_EXAMPLES (default 6) makes it as long as one likes.
"""

import pytest

from tests.fuzz.conftest import Fuzzed

ROLES = ("anonymous", "patient", "provider", "admin")
ENOUGH = 10_000
GUARDED = {
    "POST /api/v1/auth/password",
    "POST /api/v1/auth/address",
    "POST /api/v1/auth/address/confirm",
    "POST /api/v1/auth/verification/confirm",
    "POST /api/v1/auth/factors/passkeys",
    "POST /api/v1/auth/factors/passkeys/options",
    "POST /api/v1/auth/factors/passkeys/{passkey_id}/remove",
    "POST /api/v1/auth/factors/recovery-codes",
    "POST /api/v1/auth/factors/totp",
    "POST /api/v1/auth/factors/totp/confirm",
    "POST /api/v1/auth/factors/totp/remove",
    "POST /api/v1/auth/token/second-factor",
    "POST /api/v1/auth/token/second-factor/passkey-options",
}
"""Wrong guesses are counted: before a right one comes, so many others did that it is not heard any more. Nor does
anybody make up what an authenticator signs."""

pytestmark = pytest.mark.timeout(3600)


@pytest.mark.parametrize("role", ROLES)
def test_the_service_keeps_its_contract(fuzzed: Fuzzed, role: str) -> None:
    """Every check of schemathesis, as each of these callers."""
    outcome = fuzzed(role)
    complaints = "\n\n".join(f"{': '.join(what)}\n{told}" for what, told in outcome.complaints.items())
    assert not complaints, f"as {role}:\n\n{complaints}\n\n{outcome.table()}"


def test_every_operation_was_answered_by_success_too(fuzzed: Fuzzed) -> None:
    """What only ever hears 404 or 422 is not tested."""
    outcomes = [fuzzed(role) for role in ROLES]
    operations = set().union(*(outcome.answers for outcome in outcomes))
    never = operations.difference(GUARDED, *(outcome.succeeded() for outcome in outcomes))
    assert operations
    assert not never, f"never 2xx: {sorted(never)}"


def test_there_were_enough_cases(fuzzed: Fuzzed) -> None:
    cases = {role: fuzzed(role).cases for role in ROLES}
    assert sum(cases.values()) >= ENOUGH, cases
