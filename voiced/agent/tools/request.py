"""HTTP requests as tools: declared in the configuration, sent by the daemon."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from voiced.agent.model.wire import ToolSpec
from voiced.agent.tools.base import Tool, shown
from voiced.agent.tools.request_wire import build_call
from voiced.agent.tools.schema import check_of
from voiced.errors import AgentFailed, ProviderError, ToolFailed
from voiced.net.http import open_provider_http
from voiced.net.peer import Peer
from voiced.net.wire import INTERNET

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from voiced.agent.tools.base import Use
    from voiced.agent.tools.settings import RequestSettings
    from voiced.net.http import ProviderHttp
    from voiced.net.wire import Wire

ANSWER_MAX_BYTES = 1024 * 1024

IDEMPOTENT = frozenset({"GET", "PUT", "DELETE"})
"""Methods whose requests may be sent twice: RFC 9110, section 9.2.2."""


@asynccontextmanager
async def open_request_tool(
    name: str, settings: RequestSettings, headers: Mapping[str, str], wire: Wire = INTERNET
) -> AsyncIterator[Tool]:
    """Open the tool `name`; leaving the context closes its connections.

    Redirects are not followed: they would lead to where nobody has configured.

    Args:
        name: as the model calls it.
        settings: what is declared of it.
        headers: with their secrets filled in.
        wire: how to get there.
    """
    parts = urlsplit(settings.url)
    origin = f"{parts.scheme}://{parts.netloc}"
    async with open_provider_http(
        origin,
        peer=Peer(f"tool {name}", AgentFailed),
        headers=headers,
        stall_s=settings.timeout_s,
        resends=settings.method in IDEMPOTENT,
        wire=wire,
    ) as http:
        yield Tool(
            spec=ToolSpec(
                name=name, description=settings.description, parameters=settings.parameters
            ),
            run=_Request(http, origin, settings).run,
            timeout_s=settings.timeout_s,
            filler=settings.filler,
        )


class _Request:
    """What is done when the model calls the tool."""

    def __init__(self, http: ProviderHttp, origin: str, settings: RequestSettings) -> None:
        self._http = http
        self._origin = origin
        self._settings = settings
        self._faults_of = check_of(settings.parameters)

    async def run(self, arguments: Mapping[str, Any], use: Use) -> str:
        """Make the request, and return what the model is told of its answer. Raises ToolFailed."""
        if faults := self._faults_of(arguments):
            raise ToolFailed(faults)
        request = build_call(
            self._settings.method,
            self._settings.url,
            self._settings.parameters.get("properties", {}),
            arguments,
            {"caller": use.call.caller, "called": use.call.called},
        )
        path = request.url.removeprefix(self._origin)
        body = {} if request.body is None else {"json": dict(request.body)}
        try:
            async with self._http.stream(request.method, path, **body) as answer:
                return shown((await answer.read_all(ANSWER_MAX_BYTES)).decode("utf-8", "replace"))
        except ProviderError as failed:
            raise ToolFailed(str(failed)) from failed
