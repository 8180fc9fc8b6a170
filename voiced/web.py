"""HTTP on the public listener: webhooks, and TeXML's documents and callbacks. Routes, no more.

Media sockets never come here (`voiced.front_door`), and nothing else is answered.
"""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, TypeAlias, cast

from quart import Response, request
from quart_trio import QuartTrio

from voiced.config import TEXML_PATH, TEXML_STATUS_PATH, WEBHOOK_PATH
from voiced.errors import WebhookRejected
from voiced.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from voiced.intake import Intake
    from voiced.texml_intake import TexmlIntake

    _View: TypeAlias = Callable[[], Awaitable[Response]]

log = get_logger(__name__)

BODY_LIMIT_BYTES = 256 * 1024
BODY_TIMEOUT_S = 5


def make_public_app(intake: Intake, texml: TexmlIntake) -> QuartTrio:
    """Return the ASGI application of the public listener."""
    app = QuartTrio("voiced", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = BODY_LIMIT_BYTES
    app.config["BODY_TIMEOUT"] = BODY_TIMEOUT_S

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


def _refusing(view: _View) -> _View:
    """Return `view`, with a refusal answered by its status alone."""

    @wraps(view)
    async def guarded() -> Response:
        try:
            return await view()
        except WebhookRejected as rejected:
            log.warning("webhook refused", reason=str(rejected), status=rejected.status)
            return Response("", status=rejected.status)

    return guarded


async def _body() -> bytes:
    """Return the request's body, byte for byte."""
    return cast("bytes", await request.get_data(cache=False))
