"""JSON from providers: an object or a fault, never something else. Pure."""

from __future__ import annotations

import json
from typing import Any


def parsed(text: str | bytes) -> dict[str, Any]:
    """Return the JSON object in `text`.

    Raises:
        ValueError: it is no JSON, or no object; the text says so without repeating it.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("a message that is no JSON") from None
    if not isinstance(value, dict):
        kind = type(value).__name__
        raise ValueError(f"a message that is no JSON object but {kind}")  # noqa: TRY004
    return value


def is_json(value: Any) -> bool:
    """Say whether a value can be sent as JSON: TOML has dates, inf and nan, JSON has not."""
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return False
    return True
