"""How a search text becomes parameters of a query over names."""

import re

_FUZZY_FROM = 4
"""Shorter texts resemble too much: trigrams of three letters find half the town."""

_MOST_WORDS = 8


def of_name(text: str | None) -> dict[str, str | list[str] | None]:
    """`words`: all must occur, as LIKE patterns without their `%`; `name_part`: the longest of them, for the index.

    `like_name`: the text itself for a search by resemblance, None when it is too short. All None without a text.
    """
    parts = (text or "").split()[:_MOST_WORDS]
    if not parts:
        return {"name_part": None, "words": None, "like_name": None}
    escaped = [re.sub(r"([\\%_])", r"\\\1", part) for part in parts]
    whole = " ".join(parts)
    return {
        "name_part": max(escaped, key=len),
        "words": escaped,
        "like_name": whole if len(whole) >= _FUZZY_FROM else None,
    }
