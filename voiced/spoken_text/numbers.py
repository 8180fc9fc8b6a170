"""Numbers in English words. Pure."""

from __future__ import annotations

_SMALL = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS = ["x", "x", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_SCALES = ((10**12, "trillion"), (10**9, "billion"), (10**6, "million"), (1000, "thousand"))
_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}

LARGEST = 10**15 - 1
"""Beyond, a number is read digit by digit."""


def cardinal(n: int) -> str:
    """Return 0 to `LARGEST` in words: `cardinal(121)` is "one hundred twenty-one"."""
    if n < 20:
        return _SMALL[n]
    if n < 100:
        tens, ones = divmod(n, 10)
        return f"{_TENS[tens]}-{_SMALL[ones]}" if ones else _TENS[tens]
    if n < 1000:
        hundreds, rest = divmod(n, 100)
        return _joined(f"{_SMALL[hundreds]} hundred", rest)
    scale, name = next(pair for pair in _SCALES if n >= pair[0])
    many, rest = divmod(n, scale)
    return _joined(f"{cardinal(many)} {name}", rest)


def _joined(head: str, rest: int) -> str:
    return f"{head} {cardinal(rest)}" if rest else head


def ordinal(n: int) -> str:
    """Return 0 to `LARGEST` as an ordinal: `ordinal(22)` is "twenty-second"."""
    words = cardinal(n)
    cut = max(words.rfind(" "), words.rfind("-")) + 1
    last = words[cut:]
    if last in _ORDINALS:
        return words[:cut] + _ORDINALS[last]
    return words[:-1] + "ieth" if last.endswith("y") else words + "th"


def year(n: int) -> str:
    """Return a year, 1 to 9999, as it is said: 1984, 2005, 2026."""
    century, rest = divmod(n, 100)
    if n < 1000 or 2000 <= n < 2010 or (rest == 0 and century % 10 == 0):
        return cardinal(n)
    if rest == 0:
        return f"{cardinal(century)} hundred"
    return f"{cardinal(century)} {_minutes(rest)}"


def clock(hours: int, minutes: int) -> str:
    """Return a time of day as it is said: "nine o'clock", "seven oh five"."""
    if minutes == 0:
        return f"{cardinal(hours)} o'clock"
    return f"{cardinal(hours)} {_minutes(minutes)}"


def _minutes(n: int) -> str:
    return cardinal(n) if n >= 10 else f"oh {cardinal(n)}"


def digits(text: str) -> str:
    """Return the digits of `text` one by one."""
    return " ".join(_SMALL[int(char)] for char in text if char.isdecimal() and char.isascii())


def decimal(text: str) -> str:
    """Return a number as it is written, with commas and a point, in words."""
    whole, _, fraction = text.replace(",", "").partition(".")
    words = cardinal(int(whole)) if int(whole or 0) <= LARGEST else digits(whole)
    return f"{words} point {digits(fraction)}" if fraction else words
