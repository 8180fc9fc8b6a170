"""All tools of an agent, from its settings: opened with the daemon, closed with it."""

from __future__ import annotations

import os
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from voiced.agent.tools import phone
from voiced.agent.tools.function import function_tool
from voiced.agent.tools.phone import PHONE_TOOLS, Target
from voiced.agent.tools.request import open_request_tool
from voiced.agent.tools.settings import SECRET, TOOL_NAME
from voiced.credentials import Source, look_up
from voiced.errors import ConfigError, Problem
from voiced.net.wire import INTERNET

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from voiced.agent.tools.base import Tool
    from voiced.agent.tools.settings import RequestSettings, ToolSettings
    from voiced.net.wire import Wire

GROUP = "voiced.tools"


@asynccontextmanager
async def open_tools(
    settings: ToolSettings, wire: Wire = INTERNET, environ: Mapping[str, str] | None = None
) -> AsyncIterator[dict[str, Tool]]:
    """Open the tools that `settings` names, by name; leaving the context closes them.

    Raises:
        ConfigError: with all that is wrong with them.
    """
    environ = os.environ if environ is None else environ
    check_tools(settings, environ)
    async with AsyncExitStack() as stack:
        tools: dict[str, Tool] = {}
        for name in settings.tools:
            if name in settings.requests:
                request = settings.requests[name]
                opening = open_request_tool(name, request, _headers(request, environ), wire)
                tool = await stack.enter_async_context(opening)
            else:
                tool = _ready_tool(name, settings)
            tools[tool.spec.name] = tool
        yield tools


def check_tools(settings: ToolSettings, environ: Mapping[str, str]) -> None:
    """Look at all that the settings name.

    Raises:
        ConfigError: a tool that there is not, a function that is none, a secret that is missing ...
    """
    problems: list[Problem] = []
    for name, request in settings.requests.items():
        problems += _request_problems(name, request, settings, environ)
    for name in settings.tools:
        if name not in settings.requests:
            try:
                _ready_tool(name, settings)
            except ValueError as error:
                problems.append(_problem("tools", f'"{name}"', str(error)))
    doubled = sorted({name for name in settings.tools if settings.tools.count(name) > 1})
    if doubled:
        problems.append(_problem("tools", "", f"names {', '.join(doubled)} twice"))
    if problems:
        raise ConfigError(problems)


def _problem(key: str, value: str, reason: str, remedy: str = "") -> Problem:
    return Problem(key=f"agent.{key}", value=value, reason=reason, remedy=remedy)


def _request_problems(
    name: str, request: RequestSettings, settings: ToolSettings, environ: Mapping[str, str]
) -> list[Problem]:
    where = f"requests.{name}"
    problems = []
    if not TOOL_NAME.fullmatch(name):
        problems.append(_problem(where, "", "is no name: use letters, digits, - and _"))
    if name not in settings.tools:
        remedy = f'add "{name}" to tools'
        problems.append(_problem(where, "", "is declared, but no tool of the agent", remedy))
    if fault := request.fault():
        problems.append(_problem(f"{where}.url", f'"{request.url}"', fault))
    for secret in sorted(request.secrets()):
        try:
            _secret(secret, environ)
        except ValueError as error:
            problems.append(_problem(f"{where}.headers", "", str(error)))
    return problems


def _headers(request: RequestSettings, environ: Mapping[str, str]) -> dict[str, str]:
    return {
        name: SECRET.sub(lambda found: _secret(found[1], environ), text)
        for name, text in request.headers.items()
    }


def _secret(name: str, environ: Mapping[str, str]) -> str:
    hit = look_up(Source(variables=(name,), credential=name.lower()), environ)
    if hit is None:
        raise ValueError(
            f"refers to {name}, which is neither an environment variable nor (as {name.lower()}) "
            "a credential"
        )
    if not (hit.text.isascii() and hit.text.isprintable()):
        raise ValueError(f"{hit.origin} must be one line of ASCII characters")
    return hit.text


def _ready_tool(name: str, settings: ToolSettings) -> Tool:
    """Return a tool that needs no opening. Raises ValueError saying what is wrong with it."""
    makers: dict[str, Callable[[], Tool]] = {
        **PHONE_TOOLS,
        "hold": partial(phone.hold, settings.hold_music),
    }
    if settings.transfers:
        targets = {
            key: Target(to=who.to, description=who.description, asks_first=who.asks_first)
            for key, who in settings.transfers.items()
        }
        makers["transfer"] = partial(phone.transfer, targets)
    elif name == "transfer":
        raise ValueError("has nobody to transfer to: add [agent.transfers.NAME]")
    if name in makers:
        return makers[name]()
    found = _function(name, sorted({*makers, "transfer", *settings.requests}))
    return function_tool(name.rpartition(":")[2], found)


def _function(name: str, known: list[str]) -> Any:
    if ":" in name:
        module, _, attribute = name.partition(":")
        return _imported(lambda: getattr(import_module(module), attribute))
    offers = {offer.value: offer for offer in entry_points(group=GROUP) if offer.name == name}
    if len(offers) > 1:
        raise ValueError(f"is offered twice: {', '.join(sorted(offers))}: remove one")
    if not offers:
        installed = sorted(entry_points(group=GROUP).names)
        raise ValueError(f"is no tool; there are {', '.join([*known, *installed])}")
    return _imported(next(iter(offers.values())).load)


def _imported(load: Callable[[], Any]) -> Any:
    try:
        return load()
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"cannot be imported: {error}") from error
    except Exception as error:  # a module of the operator's own may raise anything
        raise ValueError(f"cannot be imported: {type(error).__name__}: {error}") from error
