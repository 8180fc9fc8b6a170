"""HTTP requests that a model may make: as they are declared, and what is sent. Pure.

Nothing that a model or a caller says chooses where a request goes: host and port are the
operator's own, a value fills one segment of the path or one value of the query, percent-encoded
(RFC 3986), and what is no argument of the tool is not sent.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

from voiced.errors import ToolFailed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from urllib.parse import SplitResult

PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")

FIXED = frozenset({"caller", "called"})
"""What the URL may name beside the tool's parameters: the call's own numbers."""

_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


_NO_URL = 'is no URL: write "https://host/path"'


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpCall:
    """A request to make; `body` is JSON, None for none."""

    method: str
    url: str
    body: Mapping[str, Any] | None


def fault_of_url(url: str, names: Iterable[str]) -> str | None:
    """Return what is wrong with a declared URL whose parameters have `names`; None if nothing."""
    if not url.isprintable() or " " in url:
        return "has a space or a control character: write %20 for a space"
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return _NO_URL
    if parts.scheme not in ("https", "http") or not host:
        return _NO_URL
    if "@" in parts.netloc:
        return "holds a password: put it into a header"
    if "{" in parts.netloc or "{" in parts.scheme:
        return "leaves the host to the model: only path and query may have placeholders"
    if not _has_port_or_none(parts):
        return "has a port that there is not: 1 to 65535"
    if parts.fragment:
        return "has a fragment, which is never sent"
    return _fault_of_placeholders(PLACEHOLDER.findall(url), set(names))


def _has_port_or_none(parts: SplitResult) -> bool:
    try:
        return parts.port != 0
    except ValueError:
        return False


def _fault_of_placeholders(placeholders: Iterable[str], names: set[str]) -> str | None:
    for name in placeholders:
        if name in names & FIXED:
            return f"has {{{name}}}, which is the call's own: give the parameter another name"
        if name not in names | FIXED:
            return f"has {{{name}}}, which is no parameter of the tool"
    return None


def build_call(
    method: str,
    url: str,
    parameters: Iterable[str],
    arguments: Mapping[str, Any],
    fixed: Mapping[str, str],
) -> HttpCall:
    """Return the request for `arguments`.

    Those that the URL names go there; the others into the query, or as JSON into the body of POST,
    PUT and PATCH.

    Args:
        method: of HTTP.
        url: as declared.
        parameters: names of the tool's; nothing else is sent.
        arguments: as the model gave them, true to the tool's schema.
        fixed: values of `FIXED`.

    Raises:
        ToolFailed: an argument is missing, or cannot stand where it belongs.
    """
    known = set(parameters)
    arguments = {name: value for name, value in arguments.items() if name in known}
    named = set(PLACEHOLDER.findall(url))
    values = {**fixed, **arguments}
    for name in sorted(named - values.keys()):
        raise ToolFailed(f"argument {name!r} is missing")
    filled = PLACEHOLDER.sub(lambda found: _segment(found[1], values[found[1]]), url)
    rest = {name: value for name, value in arguments.items() if name not in named}
    if method in _WITH_BODY:
        return HttpCall(method=method, url=filled, body=rest)
    if rest:
        filled += ("&" if "?" in filled else "?") + urlencode(
            [(name, _text(value)) for name, value in rest.items()]
        )
    return HttpCall(method=method, url=filled, body=None)


def _segment(name: str, value: Any) -> str:
    text = _text(value)
    if text in (".", "..") or not text:
        raise ToolFailed(f"argument {name!r} cannot be {text!r}")
    return quote(text, safe="")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
