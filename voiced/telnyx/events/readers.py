"""How the fields of an event's payload are read.

What we decide on is read strictly: a wrong type refuses the webhook. What we only show (`loose_`)
is read as far as it can be: a call does not fail for a header.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, TypeAlias

from voiced.errors import RemoteProtocolError
from voiced.telnyx import _fields

if TYPE_CHECKING:
    from datetime import datetime

    from voiced.telnyx.events.base import CallEvent

PAYLOAD = "webhook: data.payload"
"""Where the fields are, in errors."""

Payload: TypeAlias = Mapping[str, Any]
Read: TypeAlias = Callable[[Payload], Any]
Table: TypeAlias = Mapping[str, "tuple[type[CallEvent], Mapping[str, Read]]"]
"""An event's type, its record, and how the record's own fields are read."""

Pairs: TypeAlias = tuple[tuple[str, str], ...]


def text(key: str) -> Read:
    """Read a text that must be there."""
    return lambda payload: _fields.text_in(payload, key, PAYLOAD)


def optional(key: str, default: str = "") -> Read:
    """Read a text, or take `default`."""
    return lambda payload: _fields.optional_text_in(payload, key, PAYLOAD, default)


def time(key: str) -> Read:
    """Read a time, None when it is absent."""
    return lambda payload: _fields.optional_time_in(payload, key, PAYLOAD)


def number(key: str, top: int) -> Read:
    """Read a whole number of 0..`top`, 0 when it is absent."""
    return lambda payload: _fields.integer_in(payload, key, PAYLOAD, default=0, top=top)


def urls(key: str) -> Read:
    """Read addresses by their kind; those that are null are left out, all when there are none."""

    def read(payload: Payload) -> Mapping[str, str]:
        if payload.get(key) is None:
            return {}
        path = f"{PAYLOAD}.{key}"
        given = _fields.object_in(payload, key, PAYLOAD)
        return {kind: _fields.text_in(given, kind, path) for kind, url in given.items() if url}

    return read


def loose_text(key: str) -> Read:
    """Read a text; anything else is ""."""

    def read(payload: Payload) -> str:
        value = payload.get(key)
        return value if isinstance(value, str) else ""

    return read


def loose_time(key: str) -> Read:
    """Read a time; anything else is None."""

    def read(payload: Payload) -> datetime | None:
        try:
            return _fields.optional_time_in(payload, key, PAYLOAD)
        except RemoteProtocolError:
            return None

    return read


def loose_flag(key: str) -> Read:
    """Read a boolean; anything else is None."""

    def read(payload: Payload) -> bool | None:
        value = payload.get(key)
        return value if isinstance(value, bool) else None

    return read


def loose_number(key: str) -> Read:
    """Read a number, also one written as text; anything else is None."""
    return lambda payload: finite(payload.get(key))


def finite(value: object) -> float | None:
    """Return a number that may be written as text, None for anything else."""
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def decimal(value: object) -> Decimal | None:
    """Return an amount written as text (or as a number), None for anything else."""
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        return None
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return None
    return amount if amount.is_finite() else None


def pairs(key: str) -> Read:
    """Read a list of `{name, value}`, as SIP headers come; what is no such pair is left out."""

    def read(payload: Payload) -> Pairs:
        named = [(item.get("name"), item.get("value")) for item in objects(key, payload)]
        return tuple((n, v) for n, v in named if isinstance(n, str) and isinstance(v, str))

    return read


def texts(key: str) -> Read:
    """Read a list of texts; what is none is left out."""
    return lambda payload: tuple(x for x in _list(key, payload) if isinstance(x, str))


def objects(key: str, payload: Payload) -> list[dict[str, Any]]:
    """Return a list of objects; what is none is left out."""
    return [item for item in _list(key, payload) if isinstance(item, dict)]


def _list(key: str, payload: Payload) -> list[Any]:
    value = payload.get(key)
    return value if isinstance(value, list) else []
