"""How a search text becomes parameters of a query over names."""

import re
from typing import TypedDict

_FUZZY_FROM = 4
"""Shorter texts resemble too much: trigrams of three letters find half the town."""

_INDEXED_FROM = 3
"""Within a word, the trigram index finds three letters and more; fewer only where a word begins."""

_MOST_WORDS = 8


class NameSearch(TypedDict):
    """LIKE patterns, not yet folded. All None when there is no name to search for."""

    name_like: str | None  # the longest word, anywhere in the name; a short one where the name begins
    name_like_too: str | None  # a short word where another part of the name begins
    words: list[str] | None  # all of them must occur somewhere
    like_name: str | None  # the text itself, for a search by resemblance


def of_name(text: str | None) -> NameSearch:
    """The parameters that find names like `text`."""
    parts = (text or "").split()[:_MOST_WORDS]
    if not parts:
        return NameSearch(name_like=None, name_like_too=None, words=None, like_name=None)
    escaped = [re.sub(r"([\\%_])", r"\\\1", part) for part in parts]
    longest, whole = max(parts, key=len), " ".join(parts)
    within = len(longest) >= _INDEXED_FROM
    pattern = escaped[parts.index(longest)]
    return NameSearch(
        name_like=f"%{pattern}%" if within else f"{pattern}%",
        name_like_too=None if within else f"% {pattern}%",
        words=[f"%{part}%" for part in escaped],
        like_name=whole if len(whole) >= _FUZZY_FROM else None,
    )
