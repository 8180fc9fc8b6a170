"""Addresses of providers as they stand in config.toml, and their queries. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlencode

from pydantic import AfterValidator

from voiced.address import parse_url

if TYPE_CHECKING:
    from collections.abc import Iterable


def _http_base(text: str) -> str:
    return _required(text, ("https", "http"))


def _socket_url(text: str) -> str:
    return _required(text, ("wss", "ws"))


def _required(text: str, schemes: tuple[str, ...]) -> str:
    if not text:
        raise ValueError("must not be empty")
    return parse_url(text, schemes=schemes)


HttpBase = Annotated[str, AfterValidator(_http_base)]
"""Base URL of an HTTP API, without a trailing slash. Plain http for your own network."""

SocketUrl = Annotated[str, AfterValidator(_socket_url)]
"""URL of a WebSocket, without query. Plain ws for your own network."""


def with_query(url: str, query: Iterable[tuple[str, str | int | bool]]) -> str:
    """Return `url` with a query: names may repeat, booleans are written `true` and `false`."""
    pairs = [(name, _text(value)) for name, value in query]
    return f"{url}?{urlencode(pairs)}" if pairs else url


def _text(value: str | int | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
