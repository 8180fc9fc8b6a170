"""Requests and answers of the emulated REST API, apart from how they travel: pure.

A part of the API is a `Handler`: it answers the requests that are its own, and returns None for all
others. It never waits: an answer may say that it takes long.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from voiced.testing.commands import Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request.

    Attributes:
        method: GET, POST ...
        path: its parts, decoded: `("v2", "calls", "v3:...")`.
        query: decoded parameters; the last of a name counts.
        body: at most `rest.LARGEST_BODY` bytes and one.
        base_url: scheme and host by which the client knows this API.
    """

    method: str
    path: tuple[str, ...]
    query: Mapping[str, str]
    body: bytes
    base_url: str

    def json(self) -> dict[str, Any] | Refused:
        """Return the body, which must be a JSON object; an empty one is `{}`."""
        try:
            body = json.loads(self.body or b"{}")
        except ValueError:
            body = None
        if not isinstance(body, dict):
            return Refused(status=400, code="10023", detail="The body is not a JSON object.")
        return body


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer.

    Attributes:
        status: of HTTP.
        body: JSON, or bytes of `content_type`.
        headers: beyond those that all answers have.
        delay_s: how long it takes; None for as long as answers usually take.
        is_dropped: the connection is lost in the middle of it.
    """

    status: int = 200
    body: Mapping[str, Any] | bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float | None = None
    is_dropped: bool = False

    def content(self) -> bytes:
        """Return the body as it travels."""
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


LARGEST_PAGE = 250
"""Entries of a list; more cannot be asked for."""

Handler: TypeAlias = Callable[[Request], Answer | None]


def refusal(refused: Refused, *, delay_s: float | None = None) -> Answer:
    """Return the answer that says why not."""
    return Answer(status=refused.status, body=refused.body(), delay_s=delay_s)


def not_allowed(method: Literal["GET", "POST", "PUT"]) -> Answer:
    """Return the answer to a wrong method."""
    return refusal(Refused(status=405, code="10030", detail=f"Only {method} is allowed here."))


class RateLimit:
    """Counts requests in windows of one second, and tells each client how it stands."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._window = 0
        self._used = 0

    def take(self, now: float) -> tuple[bool, dict[str, str]]:
        """Count a request; returns whether it is within the limit, and the headers that tell."""
        if int(now) != self._window:
            self._window, self._used = int(now), 0
        self._used += 1
        headers = {
            "x-ratelimit-limit": str(self._limit),
            "x-ratelimit-remaining": str(max(0, self._limit - self._used)),
            "x-ratelimit-reset": "1",
        }
        return self._used <= self._limit, headers


def throttled(reset_s: int) -> Answer:
    """Return the answer to one request too many."""
    detail = "You have exceeded the maximum number of allowed requests."
    headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(reset_s)}
    refused = Refused(status=429, code="10011", detail=detail)
    return Answer(status=429, body=refused.body(), headers=headers)


def page_of(
    things: list[dict[str, Any]], query: Mapping[str, str], *, filters: tuple[str, ...]
) -> dict[str, Any] | Refused:
    """Return one page of a list; strict about what may be asked.

    Args:
        things: the whole list.
        query: `page[number]`, `page[size]` and filters.
        filters: the names of the filters that are known here, already applied.
    """
    foreign = query.keys() - {"page[number]", "page[size]", *filters}
    if foreign:
        detail = f"{min(foreign)} is not a filter here."
        return Refused(status=400, code="10031", detail=detail)
    number, size = query.get("page[number]", "1"), query.get("page[size]", "20")
    if not (number.isdigit() and size.isdigit() and 1 <= int(size) <= LARGEST_PAGE):
        return Refused(status=422, code="10033", detail="The page is out of range.")
    first = (int(number) - 1) * int(size)
    return {
        "data": things[first : first + int(size)],
        "meta": {
            "page_number": int(number),
            "page_size": int(size),
            "total_pages": -(-len(things) // int(size)),
            "total_results": len(things),
        },
    }
