"""The admin listener: is it alive, is it ready, which calls are up. Loopback by default."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any

from quart import jsonify, request
from quart_trio import QuartTrio

if TYPE_CHECKING:
    from quart import Response

    from voiced.switchboard import Switchboard

Answer = "tuple[Response, int]"


def make_admin_app(switchboard: Switchboard, token: str) -> QuartTrio:
    """Return the ASGI application of the admin listener; `token` "" asks for none.

    `/livez` and `/readyz` never ask for the token: probes have none, and they tell nothing.
    """
    app = QuartTrio("voiced-admin", static_folder=None)

    @app.before_request
    async def authorise() -> tuple[Response, int] | None:
        if not token or request.path in {"/livez", "/readyz"}:
            return None
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if hmac.compare_digest(given.encode(), token.encode()):
            return None
        return _answer({"error": "send the admin token: Authorization: Bearer <token>"}, 401)

    @app.get("/livez")
    async def livez() -> tuple[Response, int]:
        return _answer({"alive": True})

    @app.get("/readyz")
    async def readyz() -> tuple[Response, int]:
        ready = not switchboard.is_draining
        return _answer({"ready": ready}, 200 if ready else 503)

    @app.get("/calls")
    async def calls() -> tuple[Response, int]:
        return _answer({"calls": switchboard.snapshot()})

    @app.get("/calls/<path:call_id>")
    async def call(call_id: str) -> tuple[Response, int]:
        found = switchboard.find(call_id)
        if found is None:
            return _answer({"error": "no live call with this id"}, 404)
        return _answer(found.snapshot())

    return app


def _answer(body: dict[str, Any], status: int = 200) -> tuple[Response, int]:
    return jsonify(body), status
