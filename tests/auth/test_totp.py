"""Codes by the RFC's own test vectors, and which of them count when."""

from datetime import UTC, datetime, timedelta

import pytest

from frontdesk.auth import totp

SECRET = b"12345678901234567890"  # RFC 6238, appendix B
NOW = datetime(2026, 11, 21, 9, 0, 10, tzinfo=UTC)
STEP = totp.step_at(NOW)


@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        (59, "94287082"),
        (1111111109, "07081804"),
        (1111111111, "14050471"),
        (1234567890, "89005924"),
        (2000000000, "69279037"),
        (20000000000, "65353130"),
    ],
)
def test_the_vectors_of_rfc_6238(seconds: int, code: str) -> None:
    step = totp.step_at(datetime.fromtimestamp(seconds, UTC))
    assert totp.code(SECRET, step, digits=8) == code
    assert totp.code(SECRET, step) == code[2:]


@pytest.mark.parametrize("ahead", [-1, 0, 1])
def test_a_code_counts_in_its_step_and_beside_it(ahead: int) -> None:
    assert totp.step_of(SECRET, totp.code(SECRET, STEP + ahead), NOW, after=0) == STEP + ahead


@pytest.mark.parametrize("ahead", [-2, 2, 100])
def test_a_code_does_not_count_at_another_time(ahead: int) -> None:
    assert totp.step_of(SECRET, totp.code(SECRET, STEP + ahead), NOW, after=0) is None


def test_a_step_that_was_used_and_those_before_it_do_not_count() -> None:
    assert totp.step_of(SECRET, totp.code(SECRET, STEP), NOW, after=STEP) is None
    assert totp.step_of(SECRET, totp.code(SECRET, STEP - 1), NOW, after=STEP) is None
    assert totp.step_of(SECRET, totp.code(SECRET, STEP + 1), NOW, after=STEP) == STEP + 1
    later = NOW + timedelta(seconds=totp.PERIOD_S)
    assert totp.step_of(SECRET, totp.code(SECRET, STEP + 1), later, after=STEP) == STEP + 1


@pytest.mark.parametrize("given", ["", "12345", "1234567", "abcdef", "１２３４５６"])
def test_what_is_no_code_is_none(given: str) -> None:
    assert totp.step_of(SECRET, given, NOW, after=0) is None


def test_the_uri_for_the_app() -> None:
    assert totp.uri(SECRET, "a b@clinic.test", "Front desk") == (
        "otpauth://totp/Front%20desk:a%20b%40clinic.test"
        "?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Front+desk&period=30&digits=6"
    )
