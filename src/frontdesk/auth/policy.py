"""Which passwords are refused, after NIST SP 800-63B §5.1.1.2: short ones and those that an attacker tries first.

No rule of composition and no expiry: they make people choose worse. The list of common passwords is that of zxcvbn
(30,000, of which 11,600 are long enough to matter), looked up offline.
"""

import unicodedata
from functools import cache

from frontdesk.errors import InvalidRequest

MIN_LENGTH = 8
MAX_LENGTH = 256  # so that nobody makes us digest megabytes

_SERVICE = "frontdesk"
_FEWEST_CHARACTERS = 4  # different ones: "aaaaaaaa" and "abababab" are in every attacker's list, however long


class Guessable(ValueError):
    """A password that nobody may choose."""


def normalized(password: str) -> str:
    """One form for the same characters, however a keyboard composes them (NIST SP 800-63B §5.1.1.2)."""
    return unicodedata.normalize("NFKC", password)


def weakness(password: str, *about: str | None) -> str | None:
    """Why nobody may choose this password, or None. `about` is what is known of its owner: e-mail address, names."""
    folded = normalized(password).casefold()
    if folded in _common():
        return "is one of the most common passwords; choose another"
    if len(set(folded)) < _FEWEST_CHARACTERS:
        return "repeats a few characters; choose another"
    if _forms(folded) & _known(about):
        return "is a name or an address that others know; choose another"
    return None


def demand(password: str, *about: str | None, field: str) -> None:
    """Raise InvalidRequest, as the validation of a body does, when nobody may choose this password."""
    fault = weakness(password, *about)
    if fault is not None:
        errors = [{"loc": ["body", field], "message": f"Value error, {fault}", "type": "value_error"}]
        raise InvalidRequest("Correct the fields named in errors.", errors=errors)


@cache
def _common() -> frozenset[str]:
    from zxcvbn.frequency_lists import FREQUENCY_LISTS  # noqa: PLC0415  # 0.2 s at each start, of any command

    return frozenset(word for word in map(str.casefold, FREQUENCY_LISTS["passwords"]) if len(word) >= MIN_LENGTH)


def _forms(word: str) -> set[str]:
    """A word, and its letters alone: "Frontdesk 2026!" is "frontdesk" for those who guess."""
    return {word, "".join(character for character in word if character.isalpha())} - {""}


def _known(about: tuple[str | None, ...]) -> set[str]:
    words = [normalized(word).casefold() for word in about if word]
    names = [word for word in words if "@" not in word]
    mailboxes = [word.partition("@")[0] for word in words if "@" in word]
    return set().union(*map(_forms, [*words, *mailboxes, "".join(names), _SERVICE]))
