"""HTTP requests as tools: declared in the configuration, sent by the daemon."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from voiced.agent.model.wire import ToolSpec
from voiced.agent.tools.base import Tool
from voiced.agent.tools.request_wire import build_call, shown
from voiced.errors import AgentFailed, ProviderError, ToolFailed
from voiced.net.http import open_provider_http
from voiced.net.peer import Peer
from voiced.net.wire import INTERNET

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from voiced.agent.tools.base import Use
    from voiced.agent.tools.settings import RequestSettings
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
    peer = Peer(f"tool {name}", AgentFailed)
    async with open_provider_http(
        origin,
        peer=peer,
        headers=headers,
        stall_s=settings.timeout_s,
        resends=settings.method in IDEMPOTENT,
        wire=wire,
    ) as http:

        async def run(arguments: Mapping[str, Any], use: Use) -> str:
            fixed = {"caller": use.call.caller, "called": use.call.called}
            request = build_call(
                settings.method, settings.url, settings.parameters, arguments, fixed
            )
            path = request.url.removeprefix(origin)
            body = {} if request.body is None else {"json": dict(request.body)}
            try:
                async with http.stream(request.method, path, **body) as answer:
                    return shown(
                        (await answer.read_all(ANSWER_MAX_BYTES)).decode("utf-8", "replace")
                    )
            except ProviderError as failed:
                raise ToolFailed(str(failed)) from failed

        spec = ToolSpec(name=name, description=settings.description, parameters=settings.parameters)
        yield Tool(spec=spec, run=run, timeout_s=settings.timeout_s, filler=settings.filler)
