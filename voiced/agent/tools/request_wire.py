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

PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")

SHOWN_CHARS = 8000
"""So much of an answer the model is given: it is read with every request from then on."""

_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpCall:
    """A request to make; `body` is JSON, None for none."""

    method: str
    url: str
    body: Mapping[str, Any] | None


def fault_of_url(url: str, names: Iterable[str]) -> str | None:
    """Return what is wrong with a declared URL whose parameters have `names`; None if nothing."""
    parts = urlsplit(url)
    if parts.scheme not in ("https", "http") or not parts.hostname:
        return 'is no URL: write "https://host/path"'
    if "@" in parts.netloc:
        return "holds a password: put it into a header"
    if "{" in parts.netloc or "{" in parts.scheme:
        return "leaves the host to the model: only path and query may have placeholders"
    if parts.fragment:
        return "has a fragment, which is never sent"
    known = set(names)
    for name in PLACEHOLDER.findall(url):
        if name not in known:
            return f"has {{{name}}}, which is no parameter of the tool"
    return None


def build_call(
    method: str,
    url: str,
    parameters: Mapping[str, Any],
    arguments: Mapping[str, Any],
    fixed: Mapping[str, str],
) -> HttpCall:
    """Return the request for `arguments`.

    Those that the URL names go there; the others into the query, or as JSON into the body of POST,
    PUT and PATCH.

    Args:
        method: of HTTP.
        url: as declared.
        parameters: the tool's JSON Schema.
        arguments: as the model gave them.
        fixed: values that the URL may name beside them, of the call.

    Raises:
        ToolFailed: an argument is missing, or cannot stand where it belongs.
    """
    arguments = check_arguments(parameters, arguments)
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


def check_arguments(parameters: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments that the schema knows.

    Names and what is required are checked here, the rest by whoever is asked.

    Raises:
        ToolFailed: a required one is missing.
    """
    for name in parameters.get("required") or ():
        if name not in arguments:
            raise ToolFailed(f"argument {name!r} is missing")
    known = parameters.get("properties") or {}
    return {name: value for name, value in arguments.items() if name in known}


def _segment(name: str, value: Any) -> str:
    text = _text(value)
    if text in (".", "..") or not text:
        raise ToolFailed(f"argument {name!r} cannot be {text!r}")
    return quote(text, safe="")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def shown(body: str) -> str:
    """Return what the model is told of a good answer."""
    text = body.strip() or "Done."
    return text if len(text) <= SHOWN_CHARS else f"{text[:SHOWN_CHARS]} (cut here)"
