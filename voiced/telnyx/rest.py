"""Sends commands and queries to Telnyx.

A command is tried up to four times, always with the same `command_id`, so that Telnyx does it once
whatever was lost on the way. Tried again is what may pass: throttling (429), Telnyx's own faults
(408, 5xx), and no answer at all. Any other refusal is final; its text ends in what the operator can
do (`voiced.telnyx.error_codes`). Every wait is on Trio's clock and within the deadline of
`RetryPolicy.total_s`; a cancel scope of the caller may be narrower.

Source: developers.telnyx.com, "Sending commands", "Command retries", "API errors".
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar

import httpx
import structlog
import trio

from voiced.errors import CommandFailed, RemoteProtocolError
from voiced.net.http import UNSENDABLE, reason_of
from voiced.telnyx.api_errors import CALL_ENDED, refusal
from voiced.telnyx.http import http_client
from voiced.telnyx.queries import next_page
from voiced.telnyx.rate_limit import TOO_MANY, RateLimit, asked_wait_s

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    from voiced.telnyx.commands import Command
    from voiced.telnyx.queries import Query

MAX_ANSWER_BYTES = 1 << 20

MAX_PAGES = 40
"""Of a list; at 250 each, more than an account has calls or numbers."""

_NEVER_HELD_BACK = frozenset({"hangup", "reject"})  # every second of a leg is billed
_DONE_WHEN_ENDED = frozenset({"hangup", "streaming_stop"})

_T = TypeVar("_T")

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How long and how often a command is tried; times in seconds.

    Waits between attempts are `first_wait_s`, doubled each time, of which a random half is taken
    off so that calls which failed together do not come back together. A wait that Telnyx names
    (429) replaces that, up to `longest_wait_s`.
    """

    attempts: int = 4
    attempt_s: float = 5.0
    connect_s: float = 2.0
    total_s: float = 15.0
    first_wait_s: float = 0.5
    longest_wait_s: float = 5.0


class _NoAnswer(CommandFailed):
    """No answer came, for a reason that may pass."""


class _Request(Protocol):
    """What a command and a query have in common."""

    @property
    def action(self) -> str: ...

    @property
    def path(self) -> str: ...


@dataclass(frozen=True, slots=True)
class _Page:
    """One page of a query's answer."""

    action: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


class CommandWatch(Protocol):
    """Is told of each attempt of a command and of its answer. Neither waits nor raises."""

    def request(self, action: str, method: str, path: str, content: bytes) -> int:
        """Take note of an attempt; returns the number that its answer is told with."""
        ...

    def reply(self, n: int, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Take note of the answer to the attempt `n`."""
        ...

    def no_reply(self, n: int, error: str) -> None:
        """Take note that the attempt `n` got no answer; `error` is httpx's name for why."""
        ...

    def drew(self, drawn: float) -> float:
        """Take note of the random part of a wait and return it."""
        ...


class Unwatched:
    """The watch of those who have none."""

    def request(self, action: str, method: str, path: str, content: bytes) -> int:
        """Return 0."""
        del action, method, path, content
        return 0

    def reply(self, n: int, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Do nothing."""

    def no_reply(self, n: int, error: str) -> None:
        """Do nothing."""

    def drew(self, drawn: float) -> float:
        """Return `drawn`."""
        return drawn


Meter: TypeAlias = Callable[[str, str, float], None]
"""Is told of each attempt: action, HTTP status as text or `NO_ANSWER`, seconds. Never raises."""

NO_ANSWER = "no answer"


def _unmetered(_action: str, _status: str, _seconds: float) -> None:
    """The meter of those who have none."""


class TelnyxClient:
    """Telnyx's REST API, as far as commands go. Made by `open_telnyx`; used by many tasks."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        *,
        has_key: bool,
        retry: RetryPolicy,
        rate: RateLimit,
        jitter: Callable[[], float],
        watch: CommandWatch | None = None,
        meter: Meter = _unmetered,
    ) -> None:
        self._http = http
        self._has_key = has_key
        self._retry = retry
        self._rate = rate
        self._draw = jitter
        self._watch = watch or Unwatched()
        self._meter = meter

    def watched(self, watch: CommandWatch) -> TelnyxClient:
        """Return the same client for one call: `watch` is told of its commands."""
        return TelnyxClient(
            self._http,
            has_key=self._has_key,
            retry=self._retry,
            rate=self._rate,
            jitter=self._draw,
            watch=watch,
            meter=self._meter,
        )

    async def send(self, command: Command) -> Mapping[str, Any]:
        """Send `command` and return the `data` object of the answer.

        That the call has ended already is success for `hangup` and `streaming_stop`; `data` is then
        empty.

        Raises:
            CallGone: the call has ended (90018).
            CommandFailed: refused, or no answer within the deadline; the text says the remedy.
        """
        content = json.dumps(command.body()).encode()
        answer = await self._exchange(command, command.method, content)
        if answer.status >= 300:
            failure = refusal(command.action, answer.status, answer.body)
            if failure.code == CALL_ENDED and command.action in _DONE_WHEN_ENDED:
                return {}
            raise failure
        data = _document_of(command.action, answer)["data"]
        if not isinstance(data, dict):
            raise _not_telnyx(command.action, answer)
        return data

    async def ask(self, query: Query[_T]) -> _T:
        """Send `query` and return its answer, read.

        Raises:
            CallGone: the call has ended (90018).
            CommandFailed: refused, no answer within the deadline, or none that can be read.
        """
        found, _ = await self._page(query, query.path)
        return found

    async def ask_all(self, query: Query[tuple[_T, ...]]) -> tuple[_T, ...]:
        """Send `query` for one page after another, and return what all of them hold.

        Raises:
            CommandFailed: as `ask`; or there are more than MAX_PAGES pages.
        """
        found: list[_T] = []
        path = query.path
        for _ in range(MAX_PAGES):
            items, more = await self._page(query, path)
            found += items
            if not more:
                return tuple(found)
            path = f"{query.path}{'&' if '?' in query.path else '?'}{more}"
        raise CommandFailed(query.action, f"more than {MAX_PAGES} pages", status=None)

    async def _page(self, query: Query[_T], path: str) -> tuple[_T, str]:
        """Ask at `path`; return the answer, read, and what asks for the next page ("" for none)."""
        answer = await self._exchange(_Page(query.action, path), "GET", None)
        if answer.status >= 300:
            raise refusal(query.action, answer.status, answer.body)
        document = _document_of(query.action, answer)
        try:
            return query.read(document["data"]), next_page(document)
        except RemoteProtocolError as error:
            raise CommandFailed(query.action, str(error), status=answer.status) from error

    async def _exchange(self, request: _Request, method: str, content: bytes | None) -> _Answer:
        """Try `request` until there is an answer that is final, whatever it says."""
        if not self._has_key:
            raise CommandFailed(
                request.action, "no API key: set TELNYX_API_KEY or telnyx.api_key", status=None
            )
        deadline = trio.current_time() + self._retry.total_s
        attempt = 1
        while True:
            try:
                await self._keep_rate(request.action, deadline)
                answer = await self._attempt(request, method, content, deadline)
            except _NoAnswer as error:
                failure: CommandFailed = error
                wait_s = self._backoff(attempt)
            else:
                if answer.status not in (408, TOO_MANY) and answer.status < 500:
                    return answer
                failure = refusal(request.action, answer.status, answer.body)
                wait_s = self._asked_wait(answer) or self._backoff(attempt)
            if attempt == self._retry.attempts or trio.current_time() + wait_s >= deadline:
                raise failure
            _log.warning(
                "telnyx command is tried again",
                action=request.action,
                attempt=attempt,
                reason=str(failure),
                wait_s=round(wait_s, 3),
            )
            await trio.sleep(wait_s)
            attempt += 1

    async def _attempt(
        self, request: _Request, method: str, content: bytes | None, deadline: float
    ) -> _Answer:
        limit_s = min(self._retry.attempt_s, deadline - trio.current_time())
        n = self._watch.request(request.action, method, request.path, content or b"")
        asked_at = trio.current_time()
        with _foreign_errors(request.action), trio.move_on_after(limit_s):
            try:
                answer = await self._fetch(method, request.path, content)
            except httpx.HTTPError as error:
                self._watch.no_reply(n, type(error).__name__)
                self._meter(request.action, NO_ANSWER, trio.current_time() - asked_at)
                raise
            self._meter(request.action, str(answer.status), trio.current_time() - asked_at)
            self._watch.reply(n, answer.status, answer.headers, answer.body)
            self._rate.note(answer.status, answer.headers, trio.current_time())
            return answer
        self._meter(request.action, NO_ANSWER, trio.current_time() - asked_at)
        raise _NoAnswer(request.action, f"no answer within {limit_s:.1f} s", status=None)

    async def _fetch(self, method: str, path: str, content: bytes | None) -> _Answer:
        async with self._http.stream(method, path, content=content) as reply:
            body = await _read(reply)
            return _Answer(status=reply.status_code, headers=reply.headers, body=body)

    def _jitter(self) -> float:
        return self._watch.drew(self._draw())

    def _backoff(self, attempt: int) -> float:
        wait_s: float = self._retry.first_wait_s * 2 ** (attempt - 1)
        return min(wait_s, self._retry.longest_wait_s) * (1 - self._jitter() / 2)

    def _asked_wait(self, answer: _Answer) -> float | None:
        """Return the wait that the answer names, with a little added: not all come at once."""
        asked_s = asked_wait_s(answer.headers, self._retry.longest_wait_s)
        if asked_s is None:
            return None
        return asked_s + self._jitter() * self._retry.first_wait_s

    async def _keep_rate(self, action: str, deadline: float) -> None:
        """Wait while the account has nothing left to send, if there is the time for it."""
        wait_s = self._rate.wait_s(trio.current_time())
        if not wait_s or action in _NEVER_HELD_BACK:
            return
        wait_s += self._jitter() * self._retry.first_wait_s
        if trio.current_time() + wait_s < deadline:
            _log.warning("telnyx commands are held back", action=action, wait_s=round(wait_s, 3))
            await trio.sleep(wait_s)


@asynccontextmanager
async def open_telnyx(
    api_base: str,
    api_key: str,
    *,
    retry: RetryPolicy | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
    jitter: Callable[[], float] = random.random,
    meter: Meter = _unmetered,
) -> AsyncIterator[TelnyxClient]:
    """Open the API for the daemon's life; leaving closes its connections, within a second.

    Args:
        api_base: `https://api.telnyx.com/v2`, or an emulator's address.
        api_key: bearer key; "" makes every command fail with a text that says so.
        retry: times and counts; the defaults suit a telephone call.
        transport: what to speak through instead of TCP, for tests.
        jitter: gives numbers in 0..1 that spread the attempts.
        meter: is told how each attempt went.

    Raises:
        ValueError: `api_key` holds what no header can carry, or `api_base` is no URL.
    """
    key = api_key.strip()
    if not (key.isascii() and (key.isprintable() or not key)):
        raise ValueError("TELNYX_API_KEY holds characters that no key has (copied in part?)")
    policy = retry or RetryPolicy()
    http = http_client(
        api_base, key, attempt_s=policy.attempt_s, connect_s=policy.connect_s, transport=transport
    )
    try:
        rate = RateLimit(policy.longest_wait_s)
        yield TelnyxClient(
            http, has_key=bool(key), retry=policy, rate=rate, jitter=jitter, meter=meter
        )
    finally:
        with trio.move_on_after(1, shield=True):
            await http.aclose()


@contextmanager
def _foreign_errors(action: str) -> Iterator[None]:
    """Map what httpx raises: a fault that may pass to _NoAnswer, the rest to CommandFailed."""
    try:
        yield
    except UNSENDABLE as error:
        raise CommandFailed(action, f"cannot be sent ({error})", status=None) from error
    except httpx.HTTPError as error:
        raise _NoAnswer(action, f"no answer ({reason_of(error)})", status=None) from error


async def _read(reply: httpx.Response) -> bytes:
    """Return the body, cut off beyond MAX_ANSWER_BYTES."""
    body = bytearray()
    with trio.CancelScope() as scope:
        async for piece in reply.aiter_raw():
            body += piece
            if len(body) > MAX_ANSWER_BYTES:
                scope.cancel()  # `break` would leave httpx's inner generators to the collector
    return bytes(body[:MAX_ANSWER_BYTES])


def _document_of(action: str, answer: _Answer) -> Mapping[str, Any]:
    """Return the JSON of a good answer; its `data` is there."""
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict) or "data" not in document:
        raise _not_telnyx(action, answer)
    return document


def _not_telnyx(action: str, answer: _Answer) -> CommandFailed:
    return CommandFailed(
        action,
        "the answer is not Telnyx's JSON; check telnyx.api_base, and proxies on the way",
        status=answer.status,
    )
