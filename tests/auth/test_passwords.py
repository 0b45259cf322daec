"""Passwords: what a hash is made of, and that equal-looking passwords are equal."""

import asyncio
import unicodedata

import pytest
from argon2 import extract_parameters
from pydantic import ValidationError

from frontdesk.auth import passwords
from frontdesk.auth.models import ChangeUser, NewUser, Registration
from frontdesk.auth.passwords import hash_password, hashed, verified, verify_password

PATIENT = {"email": "p@auth.test", "first_name": "Pia", "last_name": "Fall", "date_of_birth": "1990-02-28"}


def test_a_hash_is_argon2id_with_the_owasp_minimum_and_a_salt_of_its_own() -> None:
    first, second = hash_password("correct horse"), hash_password("correct horse")
    assert first.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert first != second


def test_an_account_that_does_not_exist_costs_the_same_work() -> None:
    assert extract_parameters(passwords._NOBODY) == extract_parameters(hash_password("correct horse"))


def test_only_the_right_password_is_right() -> None:
    right = hash_password("correct horse")
    assert verify_password(right, "correct horse")
    assert not verify_password(right, "correct horse ")
    assert not verify_password(right, "Correct horse")
    assert not verify_password(right, "")
    assert not verify_password(None, "correct horse")
    assert not verify_password("locked", "correct horse")


def test_keyboards_that_compose_a_letter_differently_type_the_same_password() -> None:
    composed, decomposed = (unicodedata.normalize(form, "Zürich-Öl-9") for form in ("NFC", "NFD"))
    assert composed != decomposed
    assert verify_password(hash_password(composed), decomposed)


def test_hashing_leaves_the_event_loop_free() -> None:
    async def turns_while_hashing() -> tuple[int, bool]:
        turns, work = 0, asyncio.ensure_future(hashed("correct horse"))
        while not work.done():
            turns += 1
            await asyncio.sleep(0)
        return turns, await verified(work.result(), "correct horse")

    turns, right = asyncio.run(turns_while_hashing())
    assert turns > 5  # a blocked loop would come round once or twice
    assert right


@pytest.mark.parametrize(
    "password", ["", "short77", "x" * 257, "eight\x00chars", "\ud800lone surrogate", None, 12345678]
)
def test_unusable_passwords_are_refused_without_being_repeated(password: object) -> None:
    with pytest.raises(ValidationError) as refused:
        Registration.model_validate(PATIENT | {"password": password})
    assert "input_value" not in str(refused.value)
    assert [e["loc"] for e in refused.value.errors()] == [("password",)]


def test_a_password_keeps_its_spaces_and_is_not_shown() -> None:
    body = Registration.model_validate(PATIENT | {"password": "  seven  "})
    assert body.password.get_secret_value() == "  seven  "
    assert "seven" not in repr(body)


def test_a_patient_needs_a_record_and_a_provider_too() -> None:
    for role in ("patient", "provider"):
        with pytest.raises(ValidationError, match=f"needs {role}_id"):
            NewUser.model_validate({"email": "n@auth.test", "password": "correct horse", "role": role})


@pytest.mark.parametrize("field", ["email", "password", "role", "clinic_ids", "may_report", "active"])
def test_null_is_no_change(field: str) -> None:
    with pytest.raises(ValidationError, match="cannot be null"):
        ChangeUser.model_validate({field: None})
