"""The alphabet of text messages: with one letter outside of it, a message has room for 70 characters instead of 160."""

import unicodedata

GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà^{}\\[~]|€"
)
"""The basic character set of 3GPP TS 23.038 §6.2.1, with its extension (each of which takes the room of two)."""

_DRAWN_OTHERWISE = str.maketrans({"–": "-", "—": "-", "‘": "'", "’": "'", "“": '"', "”": '"', "…": "...", "·": "."})


def in_gsm(text: str) -> str:
    """The text without the accents and dashes that the alphabet lacks, if nothing else is in the way; else as it is.

    Spanish is understood without them, and costs a third. A link stays as it is: it would lead elsewhere.
    """
    folded = " ".join(word if "://" in word else "".join(map(_folded, word)) for word in text.split(" "))
    return folded if GSM.issuperset(folded) else text


def _folded(letter: str) -> str:
    if letter in GSM:
        return letter
    apart = unicodedata.normalize("NFKD", letter.translate(_DRAWN_OTHERWISE))
    return "".join(part for part in apart if not unicodedata.combining(part))
