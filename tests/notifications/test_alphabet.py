"""Text messages keep to the alphabet of the network where they can, and say the same where they cannot."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontdesk.notifications.alphabet import GSM, in_gsm
from frontdesk.notifications.language import LANGUAGES
from frontdesk.notifications.preview import SECRETS, example
from frontdesk.notifications.render import ACCOUNT_KINDS, KINDS, render, render_account


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_message_of_ours_leaves_the_alphabet(language: str) -> None:
    texts = [render(kind, "sms", example(kind, language)).text for kind in KINDS]
    texts += [render_account(kind, "sms", language, SECRETS).text for kind in ACCOUNT_KINDS]
    assert [text for text in texts if not GSM.issuperset(text)] == []


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("Está reservada – sábado", "Esta reservada - sabado"),
        ("¿Mañana, señor Müller, a las 3 € à Ålesund?", "¿Mañana, señor Müller, a las 3 € à Ålesund?"),
        ("Łódź, mañana está", "Łódź, mañana está"),
        ("está 👩", "está 👩"),
        ("está en https://clínica.example/m/á", "está en https://clínica.example/m/á"),
        ("está en https://clinica.example/m/a", "esta en https://clinica.example/m/a"),
        ("", ""),
    ],
)
def test_accents_go_only_if_nothing_else_is_in_the_way(written: str, sent: str) -> None:
    assert in_gsm(written) == sent


@given(st.text())
def test_what_is_in_the_alphabet_stays_and_folding_twice_changes_nothing(text: str) -> None:
    folded = in_gsm(text)
    assert folded == text or GSM.issuperset(folded)
    assert in_gsm(folded) == folded


@given(st.text(st.sampled_from(sorted(GSM))))
def test_a_text_in_the_alphabet_is_sent_as_it_is(text: str) -> None:
    assert in_gsm(text) == text


def test_a_push_message_keeps_its_accents() -> None:
    assert "está" in render("confirmation", "push", example("confirmation", "es")).text
