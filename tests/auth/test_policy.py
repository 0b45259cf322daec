"""Which passwords are refused, and that the rest is nobody's business."""

import unicodedata

import pytest
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from frontdesk.auth.policy import MIN_LENGTH, demand, weakness
from frontdesk.demo.accounts import LOGINS
from frontdesk.demo.accounts import PASSWORD as DEMO_PASSWORD
from frontdesk.errors import InvalidRequest

PIA = ("pia.fall@clinic.test", "Pia", "Fall")


def test_every_common_password_that_is_long_enough_is_refused() -> None:
    common = [word for word in FREQUENCY_LISTS["passwords"] if len(word) >= MIN_LENGTH]
    assert len(common) > 10_000
    assert [word for word in common if weakness(word) is None or weakness(word.upper()) is None] == []


@pytest.mark.parametrize(
    "password",
    [
        "Frontdesk",
        "frontdesk2026!",
        "pia.fall@clinic.test",
        "Pia.Fall",
        "PiaFall1990",
        "1.Pia-Fall",
        "aaaaaaaaaaaaaaaa",
        "abababababab",
        unicodedata.normalize("NFKD", "ｐassword１２３"),  # full-width letters
    ],
)
def test_what_an_attacker_tries_first_is_refused(password: str) -> None:
    assert weakness(password, *PIA) is not None
    with pytest.raises(InvalidRequest) as refused:
        demand(password, *PIA, field="password")
    assert password not in str(refused.value.body())
    assert refused.value.body()["errors"][0]["loc"] == ["body", "password"]


@pytest.mark.parametrize(
    "password",
    ["correct horse", "Pia Fall rides to Zürich", "xkqzvbnw", "93817264", "пароль для врача", "🙂🙃😉😀 smile"],
)
def test_no_composition_is_asked(password: str) -> None:
    assert weakness(password, *PIA) is None


def test_the_demo_may_keep_its_password() -> None:
    assert all(weakness(DEMO_PASSWORD, email) is None for email in LOGINS)


def test_an_unknown_owner_forbids_nothing() -> None:
    assert weakness("correct horse", None, None, "") is None
