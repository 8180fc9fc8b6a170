"""The older processes, as the newer one sees them: what they answer, and when they end."""

from __future__ import annotations

from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import httpx
import trio

from voiced.errors import RemoteProtocolError, StartupError
from voiced.handover.door import require_ours
from voiced.handover.stream import LineStream, peer_of
from voiced.handover.wire import Answer, Drain, Go, Hello, Hurry, read_answer, write_order
from voiced.log import get_logger

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

log = get_logger(__name__)

SOCKETS = "*.sock"
"""In the runtime directory: one for each process."""

NOT_MINE = 421
"""Misdirected Request (RFC 9110): how an elder answers for a call that it does not have."""

KNOWS_PATH = "/handover/knows/"

MEET_S = 5.0
"""For one process to answer at the start."""

ASK_S = 2.0
"""For an elder's answer to a webhook; then we see to it ourselves."""

_NOT_FORWARDED = frozenset({"host", "connection", "content-length", "transfer-encoding"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An elder's answer."""

    status: int
    content_type: str
    body: bytes


class Elder:
    """One older process."""

    def __init__(self, path: Path, lines: LineStream) -> None:
        self.path = path
        self.lines = lines
        self.gone = trio.Event()

    async def ask(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes,
        limit_s: float = ASK_S,
    ) -> Reply | None:
        """Return its answer; None if it has none within `limit_s`."""
        kept = {k: v for k, v in headers.items() if k.lower() not in _NOT_FORWARDED}
        transport = httpx.AsyncHTTPTransport(uds=str(self.path))
        try:
            with trio.fail_after(limit_s):
                async with httpx.AsyncClient(transport=transport, timeout=None) as client:
                    answer = await client.request(
                        method, f"http://localhost{target}", headers=kept, content=body
                    )
        except (httpx.HTTPError, trio.TooSlowError) as error:
            if not self.gone.is_set():
                log.warning("no answer from the process before", error=type(error).__name__)
            return None
        return Reply(
            status=answer.status_code,
            content_type=answer.headers.get("content-type", ""),
            body=answer.content,
        )


class Elders:
    """All older processes that still have calls; none, unless `open_elders` has found some."""

    def __init__(self, found: list[Elder] | None = None) -> None:
        self._elders = found or []
        self._sockets: dict[tuple[str, str], socket.socket] = {}
        self._serving: Elder | None = None

    def __len__(self) -> int:
        """Return how many there are, the one included that is about to become one."""
        return len(self._elders)

    # -- while we serve ----------------------------------------------------------------------------

    async def offer(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes,
        limit_s: float = ASK_S,
    ) -> Reply | None:
        """Return the answer of the one whose call it concerns; None if it is none's."""
        for elder in list(self._elders):
            reply = await elder.ask(method, target, headers, body, limit_s)
            if reply is not None and reply.status != NOT_MINE:
                return reply
        return None

    async def holder(self, token: str) -> Path | None:
        """Return the socket of the one whose call has this media token; None if none has."""
        for elder in list(self._elders):
            reply = await elder.ask("GET", KNOWS_PATH + quote(token, safe=""), {}, b"")
            if reply is not None and reply.status == 200:
                return elder.path
        return None

    async def everywhere(self, target: str) -> dict[Path, Reply]:
        """Return what each of them answers to a GET, by its socket."""
        asked = list(self._elders)
        replies = {elder.path: await elder.ask("GET", target, {}, b"") for elder in asked}
        return {path: r for path, r in replies.items() if r is not None and r.status == 200}

    async def drain(self, limit_s: float) -> None:
        """Let their calls go on for so long, and no longer."""
        await self._tell(write_order(Drain(limit_s=limit_s)))

    async def hurry(self) -> None:
        """Let them end at once."""
        await self._tell(write_order(Hurry()))

    async def _tell(self, line: bytes) -> None:
        for elder in list(self._elders):
            await elder.lines.send(line)

    async def all_gone(self) -> None:
        """Wait until all have ended."""
        for elder in list(self._elders):
            await elder.gone.wait()

    async def watch(self, on_gone: Callable[[Path], Awaitable[None]]) -> None:
        """Wait for the end of each, and call `on_gone` with its socket's path then.

        Returns when none is left.
        """
        async with trio.open_nursery() as nursery:
            for elder in list(self._elders):
                nursery.start_soon(self._watch, elder, on_gone)

    async def _watch(self, elder: Elder, on_gone: Callable[[Path], Awaitable[None]]) -> None:
        with suppress(RemoteProtocolError):
            while await elder.lines.receive() is not None:
                pass
        self._elders.remove(elder)
        elder.gone.set()
        log.info("the process before has ended", left=len(self._elders))
        await on_gone(elder.path)

    # -- the start ---------------------------------------------------------------------------------

    def take_socket(self, name: str, bind: str) -> socket.socket | None:
        """Return the listening socket for `bind` that the serving process has, if it has it."""
        return self._sockets.pop((name, bind), None)

    async def take_over(self) -> None:
        """Have the serving process, if there is one, accept nothing any more. Then we must.

        Raises:
            StartupError: it does not answer.
        """
        elder = self._serving
        if elder is None:
            await trio.lowlevel.checkpoint()
            return
        with trio.move_on_after(MEET_S):
            await elder.lines.send(write_order(Go()))
            line = await elder.lines.receive()
            if line is not None and read_answer(line).state == "gone":
                log.info("taken over from the process before")
                return
        raise StartupError("handover: the process before did not step back; look into its log")

    async def meet(self, path: Path) -> None:
        """Get to know the process at `path`; one that is dead loses its name.

        Raises:
            StartupError: it is being taken over by another one.
        """
        try:
            stream = await trio.open_unix_socket(str(path))
        except OSError:
            await trio.Path(path).unlink(missing_ok=True)
            return
        if not peer_of(stream)[1]:
            await stream.aclose()
            log.warning("a stranger's socket is left alone", path=str(path))
            return
        lines = LineStream(stream)
        answer, sockets = await _greet(lines)
        if answer is None or answer.state in ("busy", "gone"):
            await stream.aclose()
            for given in sockets:
                given.close()
            if answer is None:
                log.warning("a process does not answer, and is left alone", path=str(path))
                return
            raise StartupError("handover: another process is taking over already; try again later")
        elder = Elder(path, lines)
        self._elders.append(elder)
        if answer.state == "serving":
            self._serving = elder
            for offered, given in zip(answer.listeners, sockets, strict=False):
                self._sockets[offered.name, offered.bind] = given

    async def close(self) -> None:
        """Leave them alone."""
        for given in self._sockets.values():
            given.close()
        for elder in self._elders:
            await trio.aclose_forcefully(elder.lines.stream)


async def _greet(lines: LineStream) -> tuple[Answer | None, list[socket.socket]]:
    sockets: list[socket.socket] = []
    with trio.move_on_after(MEET_S), suppress(RemoteProtocolError):
        await lines.send(write_order(Hello()))
        line, sockets = await lines.receive_with_sockets()
        return (None if line is None else read_answer(line)), sockets
    return None, sockets


@asynccontextmanager
async def open_elders(directory: Path | None) -> AsyncIterator[Elders]:
    """Get to know the processes whose sockets lie in `directory`; None = there are none.

    Raises:
        StartupError: another process is just taking over, or the directory is not ours alone.
    """
    elders = Elders()
    try:
        if directory is not None:
            require_ours(directory)
            for path in sorted(await trio.Path(directory).glob(SOCKETS)):
                await elders.meet(Path(path))
        yield elders
    finally:
        with trio.CancelScope(shield=True):
            await elders.close()
