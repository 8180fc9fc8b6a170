"""Whether a request was made by a page of ours, or by a page of somebody else's. Pure.

A browser that looks at a strange page lets it send requests to loopback, and to any host whose
address it can guess. What it must not do is forge two things: `Sec-Fetch-Site` (W3C Fetch Metadata;
sent to https and to loopback) says from where a request comes, `Origin` names that place on all
that changes something. Programs that are no browsers send neither.

"same-site" is no better than "cross-site" here: every port of this machine is the same site.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

_OURS = frozenset({"same-origin", "none"})
"""`none`: typed into the address bar, or a bookmark."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """What a request tells of where it comes from; None for a header that it has not."""

    method: str
    host: str
    origin: str | None
    site: str | None
    mode: str | None
    dest: str | None


def origin_fault(request: Provenance, *, by_cookie: bool) -> str:
    """Return why a request must be refused, "" if it may be served.

    Args:
        request: its headers.
        by_cookie: a cookie authorises it, which browsers send unasked.
    """
    if request.site in _OURS:
        return ""
    if request.site is not None:
        if _opens_a_page(request):
            return ""
        return "another site's page may not ask here"
    if request.origin is not None:
        ours = urlsplit(request.origin).netloc.lower() == request.host.lower()
        return "" if ours else "another site's page may not ask here (Origin)"
    if by_cookie and request.method not in SAFE_METHODS:
        return "a browser must send Origin or Sec-Fetch-Site"
    return ""


def _opens_a_page(request: Provenance) -> bool:
    """Whether somebody followed a link to us: that shows a page to them, and to nobody else."""
    is_navigation = request.mode == "navigate" and request.dest == "document"
    return request.method in SAFE_METHODS and is_navigation


def is_path_of_ours(path: str) -> bool:
    """Whether `path` leads nowhere but to this listener, whatever a browser makes of it."""
    parts = urlsplit(path)
    is_local = path.startswith("/") and not path.startswith("//") and "\\" not in path
    return is_local and path.isprintable() and not parts.scheme and not parts.netloc
