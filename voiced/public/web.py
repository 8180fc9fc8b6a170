"""HTTP on the public listener: webhooks, and TeXML's documents and callbacks. Routes, no more.

Media sockets never come here (`voiced.public.front_door`), and nothing else is answered.
"""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, TypeAlias, cast

import trio
from quart import Response, request
from quart_trio import QuartTrio
from werkzeug.exceptions import HTTPException

from voiced.config import TEXML_PATH, TEXML_STATUS_PATH, WEBHOOK_PATH
from voiced.errors import WebhookRejected
from voiced.handover.elders import KNOWS_PATH, NOT_MINE
from voiced.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from voiced.handover import Elders
    from voiced.public.intake import Intake
    from voiced.public.texml_intake import TexmlIntake
    from voiced.switchboard.switchboard import Switchboard

    _View: TypeAlias = Callable[[], Awaitable[Response]]

log = get_logger(__name__)

BODY_LIMIT_BYTES = 256 * 1024
BODY_TIMEOUT_S = 5

_ROUTES = frozenset({WEBHOOK_PATH, TEXML_PATH, TEXML_STATUS_PATH})


def make_public_app(intake: Intake, texml: TexmlIntake, elders: Elders) -> QuartTrio:
    """Return the ASGI application of the public listener.

    What comes by one of its routes is offered to the `elders` first: they know their calls, and
    nobody else does. Nothing else is: what an elder answers to us, it answers without a token.
    """
    app = QuartTrio("voiced", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = BODY_LIMIT_BYTES
    app.config["BODY_TIMEOUT"] = BODY_TIMEOUT_S
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False

    @app.errorhandler(HTTPException)
    async def refused(error: HTTPException) -> Response:
        await trio.lowlevel.checkpoint()
        return Response("", status=error.code or 500)

    @app.before_request
    async def offer() -> Response | None:
        is_ours = request.path in _ROUTES and request.method in ("GET", "POST")
        if not elders or not is_ours:
            return None
        query = f"?{request.query_string.decode('latin-1')}" if request.query_string else ""
        target = request.path + query
        body = await _body(keep=True) if request.method == "POST" else b""
        reply = await elders.offer(request.method, target, dict(request.headers), body)
        if reply is None:
            return None
        return Response(reply.body, status=reply.status, content_type=reply.content_type)

    @app.post(WEBHOOK_PATH)
    @_refusing
    async def webhook() -> Response:
        intake.webhook(dict(request.headers), await _body())
        return Response("")

    @app.route(TEXML_PATH, methods=["GET", "POST"])
    @_refusing
    async def texml_document() -> Response:
        if request.method == "HEAD":  # comes with GET, and must not begin a call
            return Response("", status=405)
        headers = dict(request.headers)
        if request.method == "GET":
            document = await texml.fetch("GET", headers, request.query_string)
        else:
            document = await texml.fetch("POST", headers, await _body())
        return Response(document, content_type="application/xml")

    @app.post(TEXML_STATUS_PATH)
    @_refusing
    async def texml_status() -> Response:
        texml.callback(dict(request.headers), await _body())
        return Response("")

    return app


def add_knows_route(app: QuartTrio, switchboard: Switchboard) -> None:
    """Let a newer process ask whether a call of ours wants a media socket with this token."""

    @app.get(f"{KNOWS_PATH}<token>")
    async def knows(token: str) -> Response:
        await trio.lowlevel.checkpoint()
        return Response("", status=200 if switchboard.claim(token) else NOT_MINE)


def _refusing(view: _View) -> _View:
    """Return `view`, with a refusal answered by its status alone."""

    @wraps(view)
    async def guarded() -> Response:
        try:
            return await view()
        except WebhookRejected as rejected:
            if rejected.status != NOT_MINE:
                log.warning("webhook refused", reason=str(rejected), status=rejected.status)
            return Response("", status=rejected.status)

    return guarded


async def _body(*, keep: bool = False) -> bytes:
    """Return the request's body, byte for byte; `keep` it for who asks next."""
    return cast("bytes", await request.get_data(cache=keep))
