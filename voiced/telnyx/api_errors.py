"""What a refusal says: its body read, and the error that it amounts to. Pure."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from voiced.errors import CallGone, CommandFailed
from voiced.telnyx.error_codes import explain

if TYPE_CHECKING:
    from collections.abc import Mapping

CALL_ENDED = "90018"

_REMEDIES = {
    401: "check TELNYX_API_KEY",
    403: "check TELNYX_API_KEY and what the account may do",
    404: "check telnyx.api_base and telnyx.connection_id",
}
_NUMBER = re.compile(r"\+?\d{7,}")


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


def refusal(action: str, status: int, body: bytes) -> CommandFailed:
    """Return the error that a status other than 2xx means; its text ends in what can be done.

    Args:
        action: what was refused.
        status: of the answer.
        body: of the answer, whoever wrote it.
    """
    errors = parse_errors(status, body)
    codes = [error.code for error in errors]
    reason = "; ".join(_describe(error) for error in errors[:3])
    if status < 400:
        reason += " - redirects are not followed; check telnyx.api_base"
    elif remedy := _remedy(codes, status):
        reason += f" - {remedy}"
    if CALL_ENDED in codes:
        return CallGone(action, reason, status=status, code=CALL_ENDED)
    return CommandFailed(action, reason, status=status, code=codes[0])


def _remedy(codes: list[str], status: int) -> str:
    """Return what the operator can do: by code, for status where the codes say nothing."""
    meanings = [explain(code, status=status) for code in codes]
    remedies = [meaning.remedy for meaning in meanings if meaning and meaning.remedy != "nothing"]
    return remedies[0] if remedies else _REMEDIES.get(status, "")


def _describe(error: ApiError) -> str:
    """Return one line for `error`, without telephone numbers."""
    text = " ".join(part for part in (error.code, error.title) if part)
    if error.detail:
        text += f": {error.detail}"
    if error.pointer:
        text += f" (at {error.pointer})"
    return _NUMBER.sub("...", text)[:500]
