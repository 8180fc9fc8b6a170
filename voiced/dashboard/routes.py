"""The dashboard's pages of live calls, its stream, and the files that pages are made with."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from quart import Response, request

from voiced.dashboard.assets import ASSETS_PATH, assets
from voiced.dashboard.html import render

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from quart_trio import QuartTrio

    from voiced.dashboard.audience import Audience, Seat

_FOR_GOOD = "public, max-age=31536000, immutable"


def page(template: str, place: str, *, status: int = 200, **values: Any) -> Response:
    """Return a page; `place` is where in the dashboard it is."""
    html = render(template, place=place, **values)
    return Response(html, status=status, content_type="text/html; charset=utf-8")


def add_live_pages(app: QuartTrio, audience: Audience, *, has_token: bool) -> None:
    """Add the page of live calls, the stream that keeps pages up to date, and their files."""

    @app.get("/")
    async def live() -> Response:
        day_html = audience.day_html()
        return page(
            "live.html", "live", has_token=has_token, calls=audience.views(), day_html=day_html
        )

    @app.get("/dashboard/stream")
    async def stream() -> Response:
        if audience.is_full:
            return Response("too many browsers look already", status=503, mimetype="text/plain")
        messages = Messages(audience, request.args.get("watch", ""))
        response = Response(messages, content_type="text/event-stream")
        response.timeout = None  # it ends when the browser goes, or the daemon does
        return response

    @app.get(f"{ASSETS_PATH}<name>")
    async def asset(name: str) -> Response:
        found = assets().get(name)
        if found is None:
            return Response("no such file", status=404, mimetype="text/plain")
        is_current = request.args.get("v") == found.version
        keep = _FOR_GOOD if is_current else "no-cache"
        headers = {"Cache-Control": keep}
        return Response(found.data, headers=headers, content_type=found.content_type)


class Messages:
    """The stream for one browser; Quart closes it when the browser has gone."""

    def __init__(self, audience: Audience, watched: str) -> None:
        self._audience = audience
        self._watched = watched
        self._seat: Seat | None = None
        self._stack = ExitStack()

    def __aiter__(self) -> AsyncIterator[str]:
        return self

    async def __anext__(self) -> str:
        if self._seat is None:
            self._seat = self._stack.enter_context(self._audience.seat(self._watched))
        message = await self._audience.next_message(self._seat)
        if self._audience.is_dismissed:
            raise StopAsyncIteration
        return message

    async def aclose(self) -> None:
        """Leave the seat."""
        self._stack.close()
