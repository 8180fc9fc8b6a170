"""Asks the running daemon: the admin API as its clients see it. IO."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote, urlencode

import httpx

from voiced.address import parse_url
from voiced.config import load_admin
from voiced.errors import AdminRefused, BadRequest, ConfigError, DaemonUnreachable, Problem
from voiced.progress import telling

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from voiced.leg.leg import Milestone

ANSWER_S = 20.0
"""More than the daemon lets anybody wait for a milestone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """The admin listener: its URL without a slash at the end, and its token, "" for none."""

    url: str
    token: str = field(repr=False)


def find_admin(given: str | None, config: Path | None, environ: Mapping[str, str]) -> Where:
    """Return where the daemon's admin listener is.

    Args:
        given: its URL, if the user named it.
        config: the daemon's configuration file; None for defaults.
        environ: may hold the token.

    Raises:
        ConfigError: the URL or the configuration cannot be used.
    """
    admin = load_admin(config, environ)
    token = admin.token.get_secret_value()
    if given is not None:
        try:
            return Where(url=parse_url(given, schemes=("http", "https")), token=token)
        except ValueError as error:
            raise ConfigError([Problem(key="--admin", value="", reason=str(error))]) from None
    if admin.address.port == 0:
        problem = Problem(
            key="admin.bind",
            value=admin.bind,
            reason="is any free port, which only the daemon's log tells",
            remedy="name the listener: --admin http://127.0.0.1:<port>",
        )
        raise ConfigError([problem])
    return Where(url=f"http://{admin.address.reachable}", token=token)


class AdminClient:
    """The admin API of one daemon. Made by `open_admin`; used by many tasks.

    Every method raises DaemonUnreachable, AdminRefused, BadRequest (a field is faulty).
    """

    def __init__(self, http: httpx.AsyncClient, where: Where, *, tells: bool = False) -> None:
        """Ask by `http`; `tells`: say on stderr how long an answer takes."""
        self._http = http
        self._where = where
        self._waiting = telling if tells else _silence

    async def place(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """Send an order; return what is known of its call."""
        return await self._ask("POST", "/calls", order)

    async def calls(self) -> list[dict[str, Any]]:
        """Return the calls that wait or live."""
        calls: list[dict[str, Any]] = (await self._ask("GET", "/calls"))["calls"]
        return calls

    async def search(self, parameters: Mapping[str, str]) -> dict[str, Any]:
        """Return a page of calls, live and past, that `parameters` ask for."""
        return await self._ask("GET", f"/calls?{urlencode(parameters)}")

    async def call(self, call_id: str, wait: Milestone | None = None) -> dict[str, Any]:
        """Return what is known of a call; with `wait`, perhaps when it has come so far."""
        query = f"?wait={wait}" if wait else ""
        return await self._ask("GET", f"/calls/{quote(call_id, safe='')}{query}")

    async def hang_up(self, call_id: str) -> dict[str, Any]:
        """End a call."""
        return await self._ask("POST", f"/calls/{quote(call_id, safe='')}/hangup", {})

    async def transfer(self, call_id: str, to: str) -> dict[str, Any]:
        """Hand a call to somebody else."""
        path = f"/calls/{quote(call_id, safe='')}/transfer"
        return await self._ask("POST", path, {"to": to})

    async def webhooks(self) -> list[dict[str, Any]]:
        """Return the webhooks that wait to be told, and those that were given up."""
        webhooks: list[dict[str, Any]] = (await self._ask("GET", "/webhooks"))["webhooks"]
        return webhooks

    async def retry_webhook(self, webhook_id: str) -> dict[str, Any]:
        """Send a webhook that was given up again."""
        return await self._ask("POST", f"/webhooks/{quote(webhook_id, safe='')}/retry", {})

    async def drain(self) -> dict[str, Any]:
        """Let the daemon end when its calls have."""
        return await self._ask("POST", "/drain", {})

    async def _ask(
        self, method: Literal["GET", "POST"], path: str, body: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        url = self._where.url
        try:
            async with self._waiting("waiting for the daemon"):
                response = await self._http.request(method, f"{url}{path}", json=body)
        except httpx.ConnectError as error:
            raise DaemonUnreachable(
                f"no daemon answers at {url}: start it, or name its admin listener with --admin",
                was_asked=False,
            ) from error
        except httpx.HTTPError as error:
            raise DaemonUnreachable(
                f"the daemon at {url} gave no answer ({type(error).__name__})", was_asked=True
            ) from error
        return _read(response, url)


def _read(response: httpx.Response, url: str) -> dict[str, Any]:
    try:
        answer = response.json()
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise AdminRefused(f"what answers at {url} is not voiced's admin listener", status=502)
    if response.is_success:
        return answer
    sentence = str(answer.get("error", "the daemon says no"))
    if response.status_code == 401:
        sentence = "the daemon wants its admin token: set VOICED_ADMIN_TOKEN, or [admin] token"
    if response.status_code == 422:
        raise BadRequest(sentence)
    raise AdminRefused(sentence, status=response.status_code)


@asynccontextmanager
async def _silence(_what: str) -> AsyncIterator[None]:
    yield


@asynccontextmanager
async def open_admin(where: Where, *, tells: bool = True) -> AsyncIterator[AdminClient]:
    """Yield a client of the daemon at `where`; `tells`: for somebody who asks one thing at a time.

    Then he is told how long an answer takes that takes over two seconds.
    """
    headers = {"authorization": f"Bearer {where.token}"} if where.token else {}
    # `json=None` sends no body, but a POST must say that it would be JSON.
    async with httpx.AsyncClient(
        headers={**headers, "content-type": "application/json", "user-agent": "voiced"},
        timeout=httpx.Timeout(ANSWER_S, connect=5.0),
        trust_env=False,
    ) as http:
        yield AdminClient(http, where, tells=tells)
