"""Written English as it is said: numbers, dates, money, telephone numbers, abbreviations. Pure.

An ordered table of patterns, the more special first; each replaces what it knows by words, in which
the later ones find nothing. What none knows is left to the synthesizer.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from voiced.spoken_text import numbers as say
from voiced.spoken_text.markdown import without_marks

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_MONTH = "|".join(f"{name[:3]}(?:{name[3:]})?" for name in _MONTHS) + "|Sept"
_MONEY = {"$": ("dollar", "cent"), "£": ("pound", "penny"), "€": ("euro", "cent")}
_SCALES = {"k": "thousand", "m": "million", "bn": "billion", "b": "billion"}
_UNITS = {
    "km": "kilometers", "kg": "kilograms", "cm": "centimeters", "mm": "millimeters", "mph":
    "miles per hour", "lbs": "pounds", "oz": "ounces", "ft": "feet", "hrs": "hours", "hr": "hour",
    "mins": "minutes", "min": "minutes", "secs": "seconds", "°F": "degrees Fahrenheit", "°C":
    "degrees Celsius", "GB": "gigabytes", "MB": "megabytes",
}  # fmt: skip
_ABBREVIATIONS = {
    "Dr.": "Doctor", "Mr.": "Mister", "Mrs.": "Missus", "Ms.": "Miz", "Prof.": "Professor", "Ave.":
    "Avenue", "Blvd.": "Boulevard", "Rd.": "Road", "Apt.": "Apartment", "Dept.": "Department",
    "Ext.": "extension", "ext.": "extension", "approx.": "approximately", "appt.": "appointment",
    "Appt.": "Appointment", "vs.": "versus", "etc.": "et cetera", "e.g.": "for example", "i.e.":
    "that is", "Inc.": "Incorporated", "Corp.": "Corporation", "Ltd.": "Limited", "Jr.": "Junior",
    "Sr.": "Senior", "Mon.": "Monday", "Tue.": "Tuesday", "Wed.": "Wednesday", "Thu.": "Thursday",
    "Fri.": "Friday", "Sat.": "Saturday", "Sun.": "Sunday",
}  # fmt: skip
_NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"


class Speaker:
    """Turns texts into what is given to a synthesizer."""

    def __init__(self, pronunciations: Mapping[str, str] | None = None) -> None:
        """Make one that says each word (or phrase) of `pronunciations` as it stands there."""
        self._words = {word.lower(): said for word, said in (pronunciations or {}).items()}
        longest_first = sorted(self._words, key=len, reverse=True)
        either = "|".join(map(re.escape, longest_first))
        self._pattern = re.compile(rf"(?<!\w)(?:{either})(?!\w)", re.IGNORECASE) if either else None

    def __call__(self, text: str) -> str:
        """Return `text` as it is said."""
        if self._pattern is not None:
            text = self._pattern.sub(lambda found: self._words[found[0].lower()], text)
        return for_the_ear(text)


def for_the_ear(text: str) -> str:
    """Return `text` as it is said.

    >>> for_the_ear("**Dr. Lee** is in on 11/5/2026 at 2:30 pm: $12.50.")
    'Doctor Lee is in on November fifth, twenty twenty-six at two thirty p.m.: twelve dollars and \
fifty cents.'
    """
    text = without_marks(text)
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return re.sub(r"[ \t]+", " ", text).strip()


def _money(found: re.Match[str]) -> str:
    unit, cents = _MONEY[found["sign"]]
    whole, _, fraction = found["amount"].replace(",", "").partition(".")
    if found["scale"]:
        scale = _SCALES.get(found["scale"].lower(), found["scale"].lower())
        return f"{say.decimal(found['amount'])} {scale} {unit}s"
    words = f"{say.cardinal(int(whole))} {unit}{'' if int(whole) == 1 else 's'}"
    n_cents = int(fraction.ljust(2, "0")[:2] or 0)
    if not n_cents:
        return words
    small = f"{say.cardinal(n_cents)} {_coins(cents, n_cents)}"
    return small if int(whole) == 0 else f"{words} and {small}"


def _coins(name: str, n: int) -> str:
    if n == 1:
        return name
    return "pence" if name == "penny" else f"{name}s"


def _date(month: int, day: int, year: str | None) -> str:
    words = f"{_MONTHS[month - 1]} {say.ordinal(day)}"
    return f"{words}, {say.year(int(year))}" if year else words


def _iso_date(found: re.Match[str]) -> str:
    return _date(int(found[2]), int(found[3]), found[1])


def _us_date(found: re.Match[str]) -> str:
    return _date(int(found[1]), int(found[2]), found[3])


def _named_date(found: re.Match[str]) -> str:
    month = next(i for i, name in enumerate(_MONTHS, 1) if name.startswith(found["month"][:3]))
    return _date(month, int(found["day"]), found["year"])


def _time(found: re.Match[str]) -> str:
    hours, minutes = int(found["hours"]), int(found["minutes"] or 0)
    half = found["half"]
    if not half:
        return say.clock(hours, minutes)
    words = say.clock(hours, minutes) if minutes else say.cardinal(hours)
    return f"{words} {half[0].lower()}.m."


def _phone(found: re.Match[str]) -> str:
    groups = re.findall(r"\d+", found[0])
    if len(groups) == 1:  # +13125550100
        number = groups[0]
        head = number[: len(number) - 10]
        groups = [part for part in (head, number[-10:-7], number[-7:-4], number[-4:]) if part]
    words = ", ".join(say.digits(group) for group in groups)
    return f"plus {words}" if found[0].startswith("+") else words


def _long_number(found: re.Match[str]) -> str:
    return say.digits(found[0])


def _rule(pattern: str, replacement: str | Callable[[re.Match[str]], str]) -> _Rule:
    return re.compile(pattern), replacement


_Rule = tuple[re.Pattern[str], "str | Callable[[re.Match[str]], str]"]

_RULES: tuple[_Rule, ...] = (
    _rule(r"\+\d[\d\s().-]{6,}\d|(?<!\w)(?:1[-. ])?\(?\d{3}\)?[-. ]\d{3}[-. ]\d{4}\b", _phone),
    _rule(
        rf"(?P<sign>[$£€])(?P<amount>{_NUMBER})"
        r"(?: ?(?P<scale>thousand|million|billion|k|m|bn|b)\b)?(?!\d)",
        _money,
    ),
    _rule(r"\b(\d{4})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])\b", _iso_date),
    _rule(r"\b(0?[1-9]|1[0-2])/(0?[1-9]|[12]\d|3[01])/(\d{4})\b", _us_date),
    _rule(
        rf"\b(?P<month>{_MONTH})\.? (?P<day>[12]\d|3[01]|0?[1-9])(?:st|nd|rd|th)?"
        r"(?:,? (?P<year>[12]\d{3}))?\b(?![:,]\d)",
        _named_date,
    ),
    _rule(r"\b24/7\b", "twenty-four seven"),
    _rule(
        r"\b(?P<hours>[01]?\d|2[0-3]):(?P<minutes>[0-5]\d)(?! ?[AaPp]\.?[Mm])(?P<half>)\b", _time
    ),
    _rule(
        r"\b(?P<hours>1[0-2]|0?[1-9])(?::(?P<minutes>[0-5]\d))? ?(?P<half>[AaPp]\.?[Mm]\b\.?)",
        _time,
    ),
    _rule(r"\bNo\. (?=\d)", "number "),
    _rule(r"\bSt\. (?=[A-Z])", "Saint "),
    _rule(r"(?<=\w )St\.(?=\s|$|,)", "Street"),
    _rule(
        rf"(?<!\w)(?:{'|'.join(map(re.escape, _ABBREVIATIONS))})(?!\w)",
        lambda found: _ABBREVIATIONS[found[0]],
    ),
    _rule(r"(?<=\d) ?%", " percent"),
    _rule(r" ?& ?", " and "),
    _rule(r"\bw/(?= ?\w)", "with "),
    _rule(
        rf"(?<=\d) ?({'|'.join(sorted(_UNITS, key=len, reverse=True))})\b",
        lambda found: f" {_UNITS[found[1]]}",
    ),
    _rule(r"(?<=\d)\s?[–-]\s?(?=\d{1,3}\b)", " to "),
    _rule(r"\b(\d{1,4})(?:st|nd|rd|th)\b", lambda found: say.ordinal(int(found[1]))),
    _rule(r"(?<![\w.,])(?:0\d+|\d{7,})(?![\w]|[.,]\d)", _long_number),
    _rule(r"(?<=\b[Ii]n )(1[1-9]\d\d|20\d\d)(?![\w,]|\.\d)", lambda found: say.year(int(found[1]))),
    _rule(r"(?<![\w.,])-(?=\d)", "minus "),
    _rule(rf"(?<![\w.,])(?:{_NUMBER})(?!\w|[.,]\d)", lambda found: say.decimal(found[0])),
)
