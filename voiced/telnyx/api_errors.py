"""The body of a refusal, read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiError:
    """One fault that Telnyx names; `code` is text ("90018"), `pointer` a JSON pointer or ""."""

    code: str
    title: str
    detail: str = ""
    pointer: str = ""


def parse_errors(status: int, body: bytes) -> tuple[ApiError, ...]:
    """Read the body of a refusal. Never raises, and always gives at least one error.

    Where the body is not Telnyx's (a proxy's page, nothing), the one error has no code and says
    the HTTP status.
    """
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    listed = document.get("errors") if isinstance(document, dict) else None
    items = listed if isinstance(listed, list) else []
    found = [_api_error(item) for item in items if isinstance(item, dict)]
    return tuple(found) or (ApiError(code="", title=f"HTTP status {status}"),)


def _api_error(item: Mapping[str, Any]) -> ApiError:
    def text(value: object) -> str:
        return str(value) if isinstance(value, str | int) else ""

    source = item.get("source")
    return ApiError(
        code=text(item.get("code")),
        title=text(item.get("title")),
        detail=text(item.get("detail")),
        pointer=text(source.get("pointer")) if isinstance(source, dict) else "",
    )
