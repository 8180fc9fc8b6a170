"""Text as a synthesizer for English can read it: plain ASCII, one line. Pure."""

from __future__ import annotations

import re
import unicodedata

_SPELLED = str.maketrans(
    {
        "‘": "'",
        "’": "'",
        "ʼ": "'",
        "“": '"',
        "”": '"',
        "„": '"',
        "–": " - ",
        "—": " - ",
        "−": "-",
        "…": "...",
        "€": " euros ",
        "£": " pounds ",
        "°": " degrees ",
        "×": " times ",
        "½": " and a half ",
        "ß": "ss",
        "æ": "ae",
        "Æ": "Ae",
        "œ": "oe",
        "Œ": "Oe",
        "ø": "o",
        "Ø": "O",
        "ł": "l",
        "Ł": "L",
        "đ": "d",
        "Đ": "D",
    }
)


def plain_text(text: str) -> str:
    """Return `text` in printable ASCII: typographic signs spelled, accents off, the rest dropped.

    "" when nothing is left that could be spoken (a letter or a digit).

    >>> plain_text("Zoë’s café — 20 °C…")
    "Zoe's cafe - 20 degrees C..."
    """
    decomposed = unicodedata.normalize("NFKD", text.translate(_SPELLED))
    ascii_only = decomposed.encode("ascii", "ignore").decode("ascii")
    printable = re.sub(r"[\x00-\x20\x7f]+", " ", ascii_only).strip()
    return printable if any(character.isalnum() for character in printable) else ""
