"""One media stream from Telnyx's side: the socket that it dials, and the playback behind it.

`Stream.run` is a task that owns the socket. `Stream.tick` is called by the clock of the leg every
20 ms and never waits: what is to be sent goes into a bounded outbox, so that a daemon that does not
read its socket cannot stop the caller's time.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import trio

from voiced.audio.frame import LINE_RATE_HZ, PTIME_S, frame_samples
from voiced.errors import MediaStreamClosed, TelnyxError
from voiced.testing.codec import LineDecoder, LineEncoder, LineFormat, find_format, line_frame
from voiced.testing.faults import MediaPattern, SocketTroubles
from voiced.testing.line import SILENCE
from voiced.testing.media import (
    INVALID_MEDIA,
    Clear,
    MediaFault,
    MediaFormat,
    PlayMedia,
    SetMark,
    StreamParties,
    StreamWriter,
    parse,
)
from voiced.testing.playback import Playback, ReturnedMark
from voiced.testing.report import SocketSeen

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from voiced.audio.frame import Pcm
    from voiced.testing.announcer import TargetLegs
    from voiced.testing.faults import Faults
    from voiced.testing.leg_ledger import Ledger
    from voiced.testing.network import MediaSocket, Network

OUTBOX_MESSAGES = 500
"""10 s of frames: a daemon that is further behind with reading is not reading."""

_FRAME_BYTES = 2 * frame_samples(LINE_RATE_HZ)
_GOODBYE_S = 1.0
_WANTED_CLOSES = (1000, 1001, 1005)
"""RFC 6455, 7.4.1: done, going away, no code given."""

_AUTH_HEADER = "x-telnyx-streaming-auth-token"


class StreamEnd(Enum):
    """How a stream ended."""

    FAILED = "failed"  # the socket could not be opened
    STOPPED = "stopped"  # we said `stop`: hangup or streaming_stop
    CLOSED = "closed"  # the daemon closed the socket
    LOST = "lost"  # the socket died without a close, or with one that tells of a failure
    DROPPED = "dropped"  # the fault plan let it die without `stop`


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamRequest:
    """The stream arguments of `answer` or `streaming_start`, with Telnyx's defaults."""

    url: str
    track: str
    is_rtp: bool
    inbound: LineFormat
    outbound: LineFormat
    auth_token: str = ""
    custom_parameters: Mapping[str, str] = field(default_factory=dict)
    target: TargetLegs = "self"
    reconnects: bool = False
    """Dial again when the socket is lost: TeXML's `enableReconnect`."""


def read_request(body: Mapping[str, Any], *, leg_codec: str, faults: Faults) -> StreamRequest:
    """Read the stream arguments of a checked command body.

    The rate of the caller's audio cannot be asked for: it follows ours where both have the same
    codec, as live calls have shown.

    Args:
        body: passed `check_body`, so that its codecs exist.
        leg_codec: the call's own codec, which `stream_codec: "default"` means.
        faults: may force another codec on the caller's audio.
    """
    order = faults.l16_byte_order
    rate_hz = body.get("stream_bidirectional_sampling_rate", 8000)
    outbound = find_format(body.get("stream_bidirectional_codec", "PCMU"), rate_hz, order)
    wanted = body.get("stream_codec", "default")
    encoding = faults.inbound_codec or (leg_codec if wanted == "default" else wanted)
    inbound = find_format(encoding, byte_order=order)
    if inbound is None:
        raise ValueError(f"the emulated line speaks no codec {encoding!r}")
    if outbound is None:
        ours = body.get("stream_bidirectional_codec", "PCMU")
        raise ValueError(f"the emulated line speaks no codec {ours!r} at {rate_hz} Hz")
    if inbound.encoding == outbound.encoding:
        inbound = outbound
    return StreamRequest(
        url=body["stream_url"],
        track=body.get("stream_track", "inbound_track"),
        is_rtp=body.get("stream_bidirectional_mode", "mp3") == "rtp",
        inbound=inbound,
        outbound=outbound,
        auth_token=body.get("stream_auth_token", ""),
        target=body.get("stream_bidirectional_target_legs", "opposite"),
        custom_parameters={p["name"]: p["value"] for p in body.get("custom_parameters", ())},
    )


class Stream:
    """One media stream of one leg."""

    def __init__(
        self,
        request: StreamRequest,
        parties: StreamParties,
        *,
        faults: Faults,
        troubles: SocketTroubles,
        ledger: Ledger,
        answered: trio.Event,
        on_start: Callable[[], None],
        on_end: Callable[[Stream, StreamEnd], None],
    ) -> None:
        self.request = request
        self.stream_id = parties.stream_id
        self.is_live = False
        self.has_started = False
        self._answered = answered
        self._on_start = on_start
        self._on_end = on_end
        self._writer = StreamWriter(parties)
        self._encoders = {track: LineEncoder(request.inbound) for track in ("inbound", "outbound")}
        self._decoder = LineDecoder(request.outbound)
        # What waits to be played has been decoded: packets differ in size, not in duration.
        self._playback = Playback(frame_bytes=_FRAME_BYTES, ignore_media=not request.is_rtp)
        self._pattern = MediaPattern(faults.media)
        self._troubles = troubles
        self._marks_late_s = faults.cleared_marks_late_s
        self._late_marks: deque[tuple[float, tuple[ReturnedMark, ...]]] = deque()
        self._ledger = ledger
        self._outbox_in, self._outbox = trio.open_memory_channel[str](OUTBOX_MESSAGES)
        self._scope = trio.CancelScope()
        self._end: StreamEnd | None = None
        self._started_at = 0.0
        self._closed_at = 0.0
        self._close_code: int | None = None
        self._said_stop = False
        self._told: set[str] = set()

    # -- called by the leg; none of these waits ------------------------------------------------

    def next_frame(self, now: float) -> Pcm:
        """Return the next 20 ms of the daemon's audio."""
        if not self.is_live:
            return SILENCE
        step = self._playback.tick(now)
        self._return_marks(step.marks)
        while self._late_marks and self._late_marks[0][0] <= now:
            self._return_marks(self._late_marks.popleft()[1])
        for code in self._troubles.errors_due(now - self._started_at):
            self._post(self._writer.error(MediaFault(code=code, detail="An error of its own")))
        return line_frame(np.frombuffer(step.payload, np.int16))

    def send(self, *, inbound: Pcm, outbound: Pcm, now: float) -> None:
        """Send 20 ms: what the party said, and what it heard meanwhile."""
        if not self.is_live:
            return
        at_s = now - self._started_at
        if self.request.track in ("inbound_track", "both_tracks"):
            self._send_media("inbound", inbound, at_s)
        if self.request.track in ("outbound_track", "both_tracks"):
            self._send_media("outbound", outbound, at_s)

    def press(self, digit: str, occurred_at: str) -> None:
        """Report a key that the caller pressed."""
        if self.is_live:
            self._post(self._writer.dtmf(digit, occurred_at))

    def stop(self) -> None:
        """End the stream as Telnyx does: what is queued for the daemon, `stop`, close.

        A socket that waits for the answer of the call is closed without `stop`.
        """
        self.is_live = False
        self._outbox_in.close()
        if not self.has_started:
            self._finish(StreamEnd.STOPPED)
        self._scope.deadline = min(self._scope.deadline, trio.current_time() + _GOODBYE_S)

    # -- the task ------------------------------------------------------------------------------

    async def run(self, network: Network) -> StreamEnd:
        """Dial the daemon and carry the stream until it ends, whoever ends it.

        `on_end` is called once, at the moment of the end; closing the socket may take longer.
        """
        await trio.lowlevel.checkpoint()
        headers = {_AUTH_HEADER: self.request.auth_token} if self.request.auth_token else {}
        opened_at: float | None = None
        try:
            async with network.open_websocket(self.request.url, headers) as socket:
                opened_at = trio.current_time()
                with self._scope:
                    await self._carry(socket)
                self._finish(StreamEnd.STOPPED)  # by its deadline, if nothing else has ended it
        except TelnyxError as error:
            self._ledger.notes.append(str(error))
            self._finish(StreamEnd.FAILED)
        finally:
            self._finish(StreamEnd.STOPPED)  # when we are cancelled
            self._ledger.playbacks.append(self._playback.statistics())
            if opened_at is not None:
                self._ledger.sockets.append(self._seen(opened_at))
        return self._end or StreamEnd.STOPPED

    async def _carry(self, socket: MediaSocket) -> None:
        await trio.lowlevel.checkpoint()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._read, socket)
            if await self._greet(socket):
                nursery.start_soon(self._write, socket)
                if self._troubles.end is not None:
                    dies_s, is_reset = self._troubles.end
                    await trio.sleep(dies_s)
                    if is_reset:
                        await socket.reset()
                    self._finish(StreamEnd.DROPPED)

    async def _greet(self, socket: MediaSocket) -> bool:
        """Say `connected` and, once the call is answered, `start`; False when the socket closed."""
        await trio.lowlevel.checkpoint()
        try:
            await socket.send_text(self._writer.connected(self.request.auth_token))
            if not self._answered.is_set():
                await self._answered.wait()
            inbound = self.request.inbound
            media_format = MediaFormat(encoding=inbound.encoding, sample_rate=inbound.sample_rate)
            await socket.send_text(self._writer.start(media_format))
        except MediaStreamClosed:
            return False  # the reader meets it too, and knows its code
        self._started_at = trio.current_time()
        self._ledger.streaming_at = self._ledger.streaming_at or self._started_at
        self.is_live = self.has_started = True
        self._on_start()
        return True

    async def _write(self, socket: MediaSocket) -> None:
        await trio.lowlevel.checkpoint()
        try:
            async for message in self._outbox:
                again_s = self._troubles.sends_again_s(self._now_s())
                if again_s > self._now_s():
                    await trio.sleep_until(self._started_at + again_s)
                await socket.send_text(message)
            await socket.send_text(self._writer.stop())
            self._said_stop = True
        except MediaStreamClosed:
            return  # the reader meets it too, after what was sent before the close
        self._finish(StreamEnd.STOPPED)

    async def _read(self, socket: MediaSocket) -> None:
        await trio.lowlevel.checkpoint()
        try:
            while True:
                message = await socket.receive()
                again_s = self._troubles.reads_again_s(self._now_s()) if self.has_started else 0.0
                if again_s > self._now_s():
                    await trio.sleep_until(self._started_at + again_s)
                self._take(message, trio.current_time())
        except MediaStreamClosed as closed:
            self._closed_by_daemon(closed.code)

    def _now_s(self) -> float:
        return trio.current_time() - self._started_at

    def _closed_by_daemon(self, code: int) -> None:
        self._close_code = code
        self._finish(StreamEnd.CLOSED if code in _WANTED_CLOSES else StreamEnd.LOST)

    def _finish(self, end: StreamEnd) -> None:
        """End the stream; the first cause counts."""
        self.is_live = False
        if self._end is None:
            self._end = end
            self._closed_at = trio.current_time()
            self._on_end(self, end)
            self._scope.cancel()

    # -- what the daemon sends -----------------------------------------------------------------

    def _take(self, message: str | bytes, now: float) -> None:
        if not self._answered.is_set():
            self._tell("the daemon sends on its media socket before `start`")
            return
        match parse(message):
            case PlayMedia(payload=payload):
                self._play(payload, now)
            case SetMark(name=name):
                self._return_marks(self._playback.mark(name, now))
            case Clear():
                self._ledger.cleared(now)
                marks = self._playback.clear(now)
                if self._marks_late_s:
                    self._late_marks.append((now + self._marks_late_s, marks))
                else:
                    self._return_marks(marks)
            case MediaFault() as fault:
                self._refuse(fault)

    def _play(self, payload: bytes, now: float) -> None:
        if not self.request.is_rtp:
            self._tell("audio is ignored: stream_bidirectional_mode is not rtp")
        try:
            audio = self._decoder.decode(payload).tobytes() if self.request.is_rtp else payload
            refusal = self._playback.play(audio, now)
        except ValueError as error:
            refusal = str(error)
        if refusal:
            self._refuse(MediaFault(code=INVALID_MEDIA, detail=refusal))

    def _refuse(self, fault: MediaFault) -> None:
        self._ledger.violation(f"media socket: {fault.code} {fault.detail}")
        self._post(self._writer.error(fault))

    # -- what goes to the daemon ---------------------------------------------------------------

    def _return_marks(self, marks: tuple[ReturnedMark, ...]) -> None:
        self._ledger.marks_returned(marks)
        for mark in marks:
            self._post(self._writer.mark(mark.name))

    def _send_media(self, track: Literal["inbound", "outbound"], pcm: Pcm, at_s: float) -> None:
        payload = self._encoders[track].encode(pcm)
        message = self._writer.media(track, payload, at_s // PTIME_S * PTIME_S)
        for sent in self._pattern.apply(message):
            self._post(sent)

    def _post(self, message: str) -> None:
        try:
            self._outbox_in.send_nowait(message)
        except trio.WouldBlock:
            if self._troubles.is_half_open(self._now_s()):
                return
            self._tell("the daemon does not read its media socket: 10 s of messages are waiting")
        except (trio.ClosedResourceError, trio.BrokenResourceError):
            return  # a mark that comes back while the stream ends is lost, as on the real line

    def _tell(self, violation: str) -> None:
        """Note a lasting violation once."""
        if violation not in self._told:
            self._told.add(violation)
            self._ledger.violation(violation)

    def _seen(self, opened_at: float) -> SocketSeen:
        return SocketSeen(
            opened_s=self._ledger.seconds(opened_at),
            closed_s=self._ledger.seconds(self._closed_at),
            closed_by="daemon" if self._end in (StreamEnd.CLOSED, StreamEnd.LOST) else "telnyx",
            stopped=self._said_stop,
            close_code=self._close_code,
        )
