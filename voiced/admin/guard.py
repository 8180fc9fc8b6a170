"""Who may ask the admin listener: whoever has the token, or is on this machine.

A web page that an operator looks at can make the browser send requests to loopback. So what changes
anything must be sent as JSON, for which a browser asks us first and is refused; and without a token
a request must name us by address: a name may be anybody's that points here.
"""

from __future__ import annotations

import hmac
from ipaddress import ip_address
from typing import TYPE_CHECKING

from quart import Response, jsonify, request

if TYPE_CHECKING:
    from quart_trio import QuartTrio

OPEN = frozenset({"/livez", "/readyz"})
"""Probes have no token, and learn nothing more than that."""


def add_guard(app: QuartTrio, token: str) -> None:
    """Let `app` refuse all who may not ask; `token` "" stands for loopback."""

    @app.before_request
    async def authorise() -> tuple[Response, int] | None:
        if request.path in OPEN:
            return None
        if token:
            return _check_token(token)
        if not names_this_machine(request.host):
            return _refuse(
                "ask by address (127.0.0.1) or localhost, or set [admin] token and send it", 403
            )
        return None


def _check_token(token: str) -> tuple[Response, int] | None:
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if hmac.compare_digest(given.encode(), token.encode()):
        return None
    response, status = _refuse("send the admin token: Authorization: Bearer <token>", 401)
    response.headers["WWW-Authenticate"] = "Bearer"
    return response, status


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
