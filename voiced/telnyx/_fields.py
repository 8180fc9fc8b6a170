"""Strict reading of JSON from the other end, shared by webhooks and media messages.

Every function raises RemoteProtocolError and names the field by its dotted path. Texts of errors
never hold a value: it may be a telephone number.
"""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NoReturn

from voiced.errors import RemoteProtocolError

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_DEPTH = 32
"""Nesting of a JSON document that is kept whole; Telnyx's own go to 6."""


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:20]} is out of range")
    return number


# One decoder for all: `json.loads` with arguments would build a new one at each call.
_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite)


def parse_object(text: str, what: str) -> dict[str, Any]:
    """Return the JSON object in `text`; `what` names the document in errors."""
    try:
        value = _decode(text)
    except RecursionError:
        raise RemoteProtocolError(f"{what}: nested too deeply") from None
    except ValueError as error:  # JSONDecodeError, and int() of more than 4300 digits
        reason = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
        raise RemoteProtocolError(f"{what}: not JSON ({reason})") from None
    if not isinstance(value, dict):
        raise RemoteProtocolError(f"{what}: must be a JSON object, not {kind(value)}")
    return value


def _decode(text: str) -> Any:
    if text.startswith("{"):
        value, end = _DECODER.raw_decode(text)  # without the search for white space at either end
        if end == len(text):
            return value
    return _DECODER.decode(text)


def check_printable(document: Mapping[str, Any], text: str, what: str) -> None:
    r"""Refuse a `document` that could not be written out again as UTF-8.

    JSON can spell half of a surrogate pair (`"\ud800"`), which no encoder takes: it would fail
    later, in a log line. Only an escape in the `text` can bring one in.
    """
    if "\\ud" not in text and "\\uD" not in text:
        return
    try:
        json.dumps(document, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise RemoteProtocolError(f"{what}: holds half of a surrogate pair") from None


def check_depth(document: Mapping[str, Any], text: str, what: str) -> None:
    """Refuse nesting beyond MAX_DEPTH, for documents that travel on and are serialised again."""
    if text.count("{") + text.count("[") <= MAX_DEPTH:
        return
    level: list[Any] = [document]
    for _ in range(MAX_DEPTH):
        inside = (item.values() if isinstance(item, dict) else item for item in level)
        level = [part for items in inside for part in items if isinstance(part, dict | list)]
        if not level:
            return
    raise RemoteProtocolError(f"{what}: nested more than {MAX_DEPTH} deep")


def kind(value: object) -> str:
    """Return what a JSON value is, in JSON's words."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case list():
            return "an array"
        case _:
            return "an object"


def wrong(path: str, wanted: str, value: object) -> RemoteProtocolError:
    """Return the error for a field of the wrong type."""
    found = "missing" if value is None else kind(value)
    return RemoteProtocolError(f"{path}: must be {wanted}, is {found}")


def object_in(fields: Mapping[str, Any], key: str, path: str) -> dict[str, Any]:
    """Return the object under `key`; it must be there."""
    value = fields.get(key)
    if not isinstance(value, dict):
        raise wrong(f"{path}.{key}", "an object", value)
    return value


def text_in(fields: Mapping[str, Any], key: str, path: str) -> str:
    """Return the string under `key`; it must be there and not empty."""
    value = fields.get(key)
    if not isinstance(value, str) or not value:
        raise wrong(f"{path}.{key}", "a non-empty string", value)
    return value


def optional_text_in(fields: Mapping[str, Any], key: str, path: str, default: str = "") -> str:
    """Return the string under `key`, or `default` when it is absent, null or empty."""
    value = fields.get(key)
    if value is None or value == "":
        return default
    if not isinstance(value, str):
        raise wrong(f"{path}.{key}", "a string", value)
    return value


def integer_in(
    fields: Mapping[str, Any], key: str, path: str, *, default: int | None = None, top: int
) -> int:
    """Return the number under `key`, 0..`top`, written as a number or as a string of digits.

    Absent or null gives `default`; without a default that is an error.
    """
    value = fields.get(key)
    if value is None and default is not None:
        return default
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 20:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise wrong(f"{path}.{key}", "a whole number", value)
    if not 0 <= value <= top:
        raise RemoteProtocolError(f"{path}.{key}: must lie in 0..{top}")
    return value


def optional_time_in(fields: Mapping[str, Any], key: str, path: str) -> datetime | None:
    """Return the ISO 8601 time under `key` (UTC when it names no zone), None when absent."""
    value = fields.get(key)
    if value is None:
        return None
    if not isinstance(value, str):
        raise wrong(f"{path}.{key}", "an ISO 8601 time", value)
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        raise RemoteProtocolError(f"{path}.{key}: is not an ISO 8601 time") from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)
