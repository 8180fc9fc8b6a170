"""What Telnyx takes in a field, written into the field's annotation and checked in one place.

    timeout_secs: Annotated[int, Within(5, 600)] | None = None

says all there is to say: None is "not given", anything else must lie within. A `Literal` is its own
limit. `check_fields` reads the annotations of a record's class once, and refuses a value before
Telnyx would, naming the field as Telnyx does. Values stay out of the text, but for those of
enumerations: they may be telephone numbers or words.
"""

import re
from binascii import a2b_base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    TypeAlias,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from voiced.errors import LocalProtocolError


@dataclass(frozen=True, slots=True)
class Within:
    """A number in `low`..`high`; without `high` there is no upper end."""

    low: float
    high: float | None = None

    def fault(self, value: float) -> str:
        """Return what is wrong with `value`, "" when nothing is."""
        if self.high is None:
            return "" if value >= self.low else f"{value} is less than {self.low}"
        return (
            "" if self.low <= value <= self.high else f"{value} is not in {self.low}..{self.high}"
        )


@dataclass(frozen=True, slots=True)
class Length:
    """A text of `low`..`high` characters, of which one at least is to be seen."""

    low: int
    high: int

    def fault(self, value: str) -> str:
        """Return what is wrong with `value`, "" when nothing is."""
        if self.low and not value.strip():
            return "is empty"
        if not self.low <= len(value) <= self.high:
            return f"{len(value)} characters, allowed are {self.low}..{self.high}"
        return ""


@dataclass(frozen=True, slots=True)
class MadeOf:
    """A text that `pattern` matches whole; `description` says so in words."""

    pattern: str
    description: str

    def fault(self, value: str | tuple[str, ...]) -> str:
        """Return what is wrong with `value` (each, if they are several), "" when nothing is."""
        values = (value,) if isinstance(value, str) else value
        if not values or not all(values):
            return "is empty"
        good = all(re.fullmatch(self.pattern, each) for each in values)
        return "" if good else f"must be {self.description}"


@dataclass(frozen=True, slots=True)
class Base64:
    """Strict base64: what else would be refused as 90017."""

    def fault(self, value: str) -> str:
        """Return what is wrong with `value`, "" when nothing is."""
        try:
            a2b_base64(value, strict_mode=True)
        except ValueError:
            return "is not base64"
        return ""


@dataclass(frozen=True, slots=True)
class Address:
    """A URL of one of `schemes`, no longer than Telnyx takes (error 10003)."""

    schemes: tuple[str, ...]

    def fault(self, value: str) -> str:
        """Return what is wrong with `value`, "" when nothing is."""
        if not value.startswith(self.schemes):
            return f"must begin with {' or '.join(self.schemes)}"
        if not value.isprintable() or " " in value:
            return "holds a space or a control character"
        return "" if len(value) <= MAX_URL else f"{len(value)} characters, allowed are {MAX_URL}"


@dataclass(frozen=True, slots=True)
class Headers:
    """SIP headers, name to value; a line break in one would begin another header."""

    def fault(self, value: Mapping[str, str]) -> str:
        """Return what is wrong with `value`, "" when nothing is."""
        for name, text in value.items():
            if not re.fullmatch(_TOKEN, name):
                return f"{name!r} is no header name"
            if not text.isprintable():
                return f"the value of {name} holds a control character"
        return ""


Limit: TypeAlias = Within | Length | MadeOf | Base64 | Address | Headers
"""Something that a value must hold to."""

MAX_URL = 2000
MAX_SPEAK = 3000
MAX_AUTH_TOKEN = 4000

_TOKEN = r"[A-Za-z0-9\-.!%*_+`'~]+"  # RFC 3261, section 25.1
_NUMBER = r"\+[1-9]\d{1,14}(,[0-9A-DwW*#]{1,64})?"
_SIP_URI = r"sips?:[^\s@]+(@[^\s@]+)?"

Url: TypeAlias = Annotated[str, Address(("https://", "http://"))]
SocketUrl: TypeAlias = Annotated[str, Address(("wss://", "ws://"))]
State: TypeAlias = Annotated[str, Base64()]
SpokenText: TypeAlias = Annotated[str, Length(1, MAX_SPEAK)]
Name: TypeAlias = Annotated[str, Length(1, 200)]
FileName: TypeAlias = Annotated[str, Length(1, 40)]
SipHeaders: TypeAlias = Annotated[Mapping[str, str], Headers()]
SipUri: TypeAlias = Annotated[str, MadeOf(_SIP_URI, "a SIP URI (sip:user@host)")]
Destination: TypeAlias = Annotated[
    str, MadeOf(f"{_NUMBER}|{_SIP_URI}", "a number as +E.164 or a SIP URI (sip:user@host)")
]
"""A number may end in `,<keys>`, pressed once the other end has answered."""
Keys: TypeAlias = Annotated[str, MadeOf(r"[0-9A-D*#wW]+", "of 0-9, A-D, *, #, w and W")]
"""Keys to press; `w` waits half a second, `W` a whole one."""
KeySet: TypeAlias = Annotated[str, MadeOf(r"[0-9A-D*#]+", "of 0-9, A-D, * and #")]
OneKey: TypeAlias = Annotated[str, MadeOf(r"[0-9A-D*#]", "one of 0-9, A-D, * and #")]
Milliseconds: TypeAlias = Annotated[int, Within(0)]


def require(condition: bool, text: str) -> None:
    """Refuse what Telnyx would refuse."""
    if not condition:
        raise LocalProtocolError(text)


@dataclass(frozen=True, slots=True)
class Rule:
    """What one annotation says: a value among `choices`, or one of `kinds` within `limits`."""

    choices: tuple[object, ...]
    kinds: tuple[type, ...]
    limits: tuple[Limit, ...]

    def fault(self, value: Any) -> str:
        """Return what is wrong with `value`, "" when nothing is; None is never wrong."""
        if value is None or value in self.choices:
            return ""
        fits = isinstance(value, self.kinds)
        if self.choices and not fits:
            return f"{value!r} is none of {', '.join(map(str, self.choices))}"
        if not fits:
            return f"must be {self.kinds[0].__name__}, is {type(value).__name__}"
        return next((found for limit in self.limits if (found := limit.fault(value))), "")


def check_fields(record: Any, key: Callable[[str], str] = str) -> None:
    """Refuse a dataclass instance of which a field breaks its annotation.

    Args:
        record: its class and the names in its annotations must be there at run time.
        key: gives Telnyx's name of a field.

    Raises:
        LocalProtocolError: the first fault, with the field's name.
    """
    for name, rule in rules_of(type(record)).items():
        fault = rule.fault(getattr(record, name))
        require(not fault, f"{key(name)}: {fault}")


_READ: dict[type[Any], Mapping[str, Rule]] = {}


def rules_of(record: type[Any]) -> Mapping[str, Rule]:
    """Return the rule of each limited field of a record's class, from its annotations."""
    if record not in _READ:
        hints = get_type_hints(record, include_extras=True)
        rules = {item.name: _rule(hints[item.name]) for item in fields(record)}
        _READ[record] = {name: x for name, x in rules.items() if x.choices or x.limits}
    return _READ[record]


def _rule(hint: Any) -> Rule:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return Rule(choices=arguments, kinds=(), limits=())
    if origin is Annotated:
        inner = _rule(arguments[0])
        return Rule(inner.choices, inner.kinds, (*inner.limits, *arguments[1:]))
    if origin in (Union, UnionType):
        parts = [_rule(part) for part in arguments]
        return Rule(
            choices=tuple(choice for part in parts for choice in part.choices),
            kinds=tuple(kind for part in parts for kind in part.kinds),
            limits=tuple(limit for part in parts for limit in part.limits),
        )
    plain = getattr(origin or hint, "__supertype__", origin or hint)  # a NewType is its base
    kinds = {NoneType: (), float: (float, int)}.get(plain, (plain,))
    return Rule(choices=(), kinds=kinds, limits=())
