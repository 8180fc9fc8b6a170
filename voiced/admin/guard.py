"""Who may ask the admin listener: whoever has the token, or is on this machine.

A web page that an operator looks at can make the browser send requests to loopback. So nothing that
another site's page asks for is served (`origin`), what changes anything must be sent as JSON, for
which a browser asks us first and is refused; and without a token a request must name us by
address: a name may be anybody's that points here.

Programs send the token as `Authorization: Bearer`. A browser is asked for it once and keeps a
cookie (`session`), which is for this site's own pages only (`SameSite=Strict`).
"""

from __future__ import annotations

import hmac
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import quote

from quart import Response, jsonify, redirect, request

from voiced.admin.origin import Provenance, origin_fault
from voiced.admin.session import COOKIE, is_session
from voiced.dashboard.assets import ASSETS_PATH

if TYPE_CHECKING:
    from collections.abc import Callable

    from quart_trio import QuartTrio
    from werkzeug.wrappers import Response as AnyResponse

LOGIN_PATH = "/login"
LOGOUT_PATH = "/logout"

OPEN = frozenset({"/livez", "/readyz", LOGIN_PATH})
"""Probes have no token, and learn nothing more than that."""

HEADERS = {
    # Scripts and styles are files of ours: nothing that a caller says can become one.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "media-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def add_guard(app: QuartTrio, token: str, wall_clock: Callable[[], float]) -> None:
    """Let `app` refuse all who may not ask.

    Args:
        app: of the admin listener.
        token: whoever asks must have it; "" stands for loopback.
        wall_clock: unix seconds, for the age of sessions.
    """

    @app.before_request
    async def authorise() -> tuple[Response, int] | AnyResponse | None:
        cookie = request.cookies.get(COOKIE, "") if token else ""
        by_cookie = bool(cookie) and is_session(token, cookie, wall_clock())
        if fault := origin_fault(_provenance(), by_cookie=by_cookie):
            return _refuse(fault, 403)
        if request.path in OPEN or request.path.startswith(ASSETS_PATH):
            return None
        refusal = None if by_cookie else _check(token)
        if refusal is None:
            _know_the_connection()
        return refusal

    @app.after_request
    async def protect(response: Response) -> Response:
        for name, text in HEADERS.items():
            response.headers.setdefault(name, text)
        response.headers.setdefault("Cache-Control", "no-store")
        return response


def _provenance() -> Provenance:
    headers = request.headers
    return Provenance(
        method=request.method,
        host=request.host,
        origin=headers.get("Origin"),
        site=headers.get("Sec-Fetch-Site"),
        mode=headers.get("Sec-Fetch-Mode"),
        dest=headers.get("Sec-Fetch-Dest"),
    )


def _know_the_connection() -> None:
    """Let the listener know that whoever asks by this connection may (`HttpEngine.serve`)."""
    admitted = request.scope.get("state", {}).get("admitted")
    if admitted is not None:
        admitted()


def _check(token: str) -> tuple[Response, int] | AnyResponse | None:
    if token:
        return _check_token(token)
    if names_this_machine(request.host):
        return None
    return _refuse("ask by address (127.0.0.1) or localhost, or set [admin] token and send it", 403)


def _check_token(token: str) -> tuple[Response, int] | AnyResponse | None:
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if is_token(token, given):
        return None
    if _is_a_browsers(given):
        query = request.query_string.decode("latin-1")
        wanted = f"{request.path}?{query}" if query else request.path
        return redirect(f"{LOGIN_PATH}?next={quote(wanted)}", 303)
    response, status = _refuse("send the admin token: Authorization: Bearer <token>", 401)
    response.headers["WWW-Authenticate"] = "Bearer"
    return response, status


def _is_a_browsers(given: str) -> bool:
    """Whether somebody wants to see a page and can be asked for the token."""
    wants_page = "text/html" in request.headers.get("Accept", "")
    return request.method == "GET" and wants_page and not given


def is_token(token: str, given: str) -> bool:
    """Return whether somebody knows the token; takes the same time anyhow."""
    return hmac.compare_digest(given.encode("utf-8", "backslashreplace"), token.encode())


def names_this_machine(host: str) -> bool:
    """Return whether a Host header is an address, or a name that nobody else can own."""
    name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
    if name.lower() == "localhost":
        return True
    try:
        ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def _refuse(sentence: str, status: int) -> tuple[Response, int]:
    return jsonify({"error": sentence}), status
