"""Telnyx's side of a replay: webhooks and media reach the daemon at their recorded times.

What was a reaction to something that the daemon did waits until it is done again: a media socket
for the command or the document that names its URL, the `call.hangup` of our own hangup for that
hangup. Marks come back as `playout` says. When the recording has no more messages, the socket stays
open and silent: a daemon that goes on where it had ended meets its own deadline for a stalled
stream.
"""

from __future__ import annotations

import json
import re
from binascii import a2b_base64
from functools import partial
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import trio

from voiced.audio.codec import open_decoder
from voiced.config import WEBHOOK_PATH
from voiced.doorbell import Doorbell
from voiced.errors import MediaStreamClosed, TelnyxError
from voiced.testing.replay.playout import Playout, RecordedMark

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from voiced.audio.codec import Decoder
    from voiced.flight.entries import Entry
    from voiced.flight.reading import FlightRecording
    from voiced.testing.memory import CoreNetwork, MemorySocket
    from voiced.testing.webhooks import Signer

URL_WITHIN_S = 30.0
"""A media socket is not dialled when no command has named a URL by then."""

CLEAR = '{"event":"clear"}'

_HANGUP = re.compile(rb'"call\.hangup"|CallStatus=completed')

OUR_HANGUPS = frozenset({"hangup", "reject"})


class Feed:
    """One recording, fed to a daemon."""

    def __init__(
        self,
        recording: FlightRecording,
        *,
        signer: Signer,
        wall_clock: Callable[[], float],
        origin: float,
    ) -> None:
        """Sign webhooks with `signer` at `wall_clock`; the recording's times begin at `origin`."""
        self._recording = recording
        self._signer = signer
        self._wall_clock = wall_clock
        self._origin = origin
        self._urls: list[str] = []
        self._url_named = trio.Event()
        self._hung_up = trio.Event()
        self._hung_up_at_s = next(
            (e.at_s for e in recording.of("request") if e.data["action"] in OUR_HANGUPS),
            float("inf"),
        )
        self._over_at = _over_at(recording)
        self._make_decoder = partial(open_decoder, *recording.outbound)

    def command(self, action: str, body: Mapping[str, Any]) -> None:
        """Take note of what the daemon asks of Telnyx."""
        if "stream_url" in body:
            self._take_url(body["stream_url"])
        if action in OUR_HANGUPS:
            self._hung_up.set()

    def _take_url(self, url: str) -> None:
        self._urls.append(url)
        self._url_named.set()

    async def run(self, network: CoreNetwork) -> None:
        """Feed everything; returns when there is no more, and cannot hurt to be cancelled."""
        async with trio.open_nursery() as nursery:
            for webhook in self._recording.of("webhook"):
                nursery.start_soon(self._deliver, webhook, network)
            sockets = self._sockets()
            begun = [entries[0].at_s for entries in sockets]
            for entries, next_at in zip(sockets, [*begun, self._over_at][1:], strict=True):
                nursery.start_soon(self._carry, entries, next_at, network)

    # -- webhooks --------------------------------------------------------------------------------

    async def _deliver(self, webhook: Entry, network: CoreNetwork) -> None:
        body = webhook.data["body"].encode()
        if webhook.at_s > self._hung_up_at_s and _HANGUP.search(body):
            await self._hung_up.wait()
            await trio.sleep(webhook.at_s - self._hung_up_at_s)
        else:
            await trio.sleep_until(self._origin + webhook.at_s)
        headers = self._signer.headers(body, timestamp=int(self._wall_clock()))
        method, path = webhook.data.get("to", f"POST {WEBHOOK_PATH}").split()
        if method == "GET":
            path, body = f"{path}?{body.decode()}", b""
        answer = await network.fetch(method, f"http://voiced{path}", headers, body)
        if answer.content_type == "application/xml":
            for stream in ElementTree.fromstring(answer.body).iter("Stream"):
                self._take_url(stream.attrib["url"])

    # -- media -----------------------------------------------------------------------------------

    def _sockets(self) -> list[list[Entry]]:
        """Return what came on each media socket, its `open` first."""
        sockets: list[list[Entry]] = []
        for entry in self._recording.of("open", "rx", "tx", "garbled", "close"):
            if entry.kind == "open":
                sockets.append([])
            if sockets:
                sockets[-1].append(entry)
        return sockets

    async def _carry(self, entries: list[Entry], next_at: float, network: CoreNetwork) -> None:
        await trio.sleep_until(self._origin + entries[0].at_s)
        with trio.move_on_after(URL_WITHIN_S):
            await self._url_named.wait()
        if not self._urls:
            return
        try:
            async with network.open_websocket(self._urls[-1], {}) as socket:
                ends_at = _ends_at(entries, next_at)
                line = _Line(entries, ends_at, socket, self._origin, self._make_decoder())
                await line.run()
        except TelnyxError:
            await trio.lowlevel.checkpoint()  # refused: that call wants no socket any more


class _Line:
    """One media socket of the recording, on a socket of the replay."""

    def __init__(
        self,
        entries: list[Entry],
        ends_at: float,
        socket: MemorySocket,
        origin: float,
        decoder: Decoder,
    ) -> None:
        self._entries = entries
        self._socket = socket
        self._origin = origin
        self._decoder = decoder
        self._doorbell = Doorbell()
        self._stream_id = _stream_id(entries)
        self._returns = _returns(entries)
        recorded = _recorded_marks(entries, self._returns)
        self._playout = Playout(recorded, ends_at)

    async def run(self) -> None:
        """Run until either side closes."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._until_closed, self._return_marks)
            nursery.start_soon(self._until_closed, self._send)
            await self._until_closed(self._listen)
            nursery.cancel_scope.cancel()

    async def _until_closed(self, task: Callable[[], Any]) -> None:
        try:
            await task()
        except MediaStreamClosed:
            await trio.lowlevel.checkpoint()

    async def _send(self) -> None:
        for entry in self._entries:
            if entry.kind in {"open", "tx"} or self._returns.get(_mark_name(entry)) is entry:
                continue
            await trio.sleep_until(self._origin + entry.at_s)
            match entry.kind:
                case "rx":
                    await self._socket.send_text(entry.data["m"])
                case "garbled":
                    await self._socket.send(b"no text")
                case _:
                    self._socket.close(entry.data["code"])

    async def _listen(self) -> None:
        """Take what the daemon sends, until the socket closes."""
        while True:
            message = json.loads(await self._socket.receive())
            now = trio.current_time() - self._origin
            match message["event"]:
                case "media":
                    pcm = self._decoder.decode(a2b_base64(message["media"]["payload"]))
                    self._playout.audio(len(pcm) / self._decoder.rate_hz, now)
                case "mark":
                    self._playout.mark(message["mark"]["name"], now)
                case _:
                    self._playout.cleared(now)
            self._doorbell.ring()

    async def _return_marks(self) -> None:
        while True:
            due_at = self._origin + self._playout.next_at()
            if due_at > trio.current_time():
                await self._doorbell.wait(due_at)
            else:
                await self._socket.send_text(self._mark_message(self._playout.take()))

    def _mark_message(self, name: str) -> str:
        """Return the message as it came, or its like."""
        if name in self._returns:
            text: str = self._returns[name].data["m"]
            return text
        return json.dumps({"event": "mark", "stream_id": self._stream_id, "mark": {"name": name}})


def _returns(entries: list[Entry]) -> dict[str, Entry]:
    """Return with what each mark came back that was set; any other comes as it came."""
    returns: dict[str, Entry] = {}
    is_set = set()
    for entry in entries:
        name = _mark_name(entry)
        if entry.kind == "tx":
            is_set.add(name)
        elif name and name in is_set:
            returns.setdefault(name, entry)
    return returns


def _recorded_marks(entries: list[Entry], returns: Mapping[str, Entry]) -> dict[str, RecordedMark]:
    clears = [e.at_s for e in entries if e.kind == "tx" and e.data["m"] == CLEAR]
    marks = {}
    for entry in entries:
        name = _mark_name(entry) if entry.kind == "tx" else ""
        if name:
            set_at, returned_at = entry.at_s, returns[name].at_s if name in returns else None
            cleared = any(set_at < at < (returned_at or set_at) for at in clears)
            marks[name] = RecordedMark(set_at=set_at, returned_at=returned_at, cleared=cleared)
    return marks


def _mark_name(entry: Entry) -> str:
    """Return the name of the mark that an entry is about, "" for none."""
    if entry.kind not in {"rx", "tx"} or '"mark"' not in entry.data["m"]:
        return ""
    try:
        message = json.loads(entry.data["m"])
        name = message["mark"]["name"] if message["event"] == "mark" else ""
        return name if isinstance(name, str) else ""
    except (ValueError, TypeError, KeyError):
        return ""  # not Telnyx's JSON: the daemon shall see it as it was


def _over_at(recording: FlightRecording) -> float:
    """Return when the call was decided to be over, or its recording ends."""
    at_s: float | None = (recording.record or {}).get("duration_s")
    return recording.length_s if at_s is None else at_s


def _ends_at(entries: list[Entry], next_at: float) -> float:
    """Return until when marks could come back: `stop`, the loss of the socket, or `next_at`."""
    ends = (e.at_s for e in entries if e.kind == "close" or _is_stop(e))
    return next(ends, next_at)


def _is_stop(entry: Entry) -> bool:
    return entry.kind == "rx" and '"stop"' in entry.data["m"]


def _stream_id(entries: list[Entry]) -> str:
    """Return the id of the stream, as `start` told it."""
    for entry in entries:
        if entry.kind == "rx" and '"start"' in entry.data["m"]:
            try:
                return str(json.loads(entry.data["m"])["stream_id"])
            except (ValueError, TypeError, KeyError):
                return ""
    return ""
