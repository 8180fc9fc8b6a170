"""Recognizers over a socket: the caller's audio there, words back. For all providers.

    frames ─► detector (beside it) ─► merger ─► speech events
       │                                ▲
       └► encode ─► backlog ─► socket ──┘ words

The audio is sent in pieces of `Dialect.chunk_s`, and what is there at once when words are wanted.
A socket that is lost is opened anew, and gets the audio since the last `Final`; meanwhile frames
are read as ever. A call that rings has its socket opened in advance (`anticipate_words`), with the
words that its agent expects.
"""

from __future__ import annotations

import math
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import trio

from voiced.audio.frame import LINE_RATE_HZ, Frame
from voiced.audio.g711 import encode_ulaw
from voiced.audio.resample import Resampler
from voiced.doorbell import Doorbell
from voiced.errors import ProviderError, RecognizerFailed
from voiced.log import get_logger
from voiced.net.helpers import open_helpers
from voiced.recognizer.backlog import Backlog
from voiced.recognizer.base import Final
from voiced.recognizer.dialect import BYTES_PER_SAMPLE, Refusal, Words
from voiced.recognizer.merge import Flush, Merger, Overdue
from voiced.recognizer.utterance import CutSettings, UtteranceCutter

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from voiced.audio.frame import Pcm
    from voiced.net.socket import ProviderSocket
    from voiced.recognizer.base import SpeechEvent, Vocabulary
    from voiced.recognizer.dialect import Encoding, EndOfSpeech
    from voiced.recognizer.merge import Action
    from voiced.recognizer.silero import Network
    from voiced.recognizer.socket_recognizer import StreamingRecognizer

log = get_logger(__name__)

KEEP_ALIVE_S = 4.0
"""Without audio to send for so long, a message keeps the connection: Deepgram waits for 10 s."""

HEALTHY_S = 5.0
"""A connection that has lasted so long was no failure of the one before."""

FIRST_BACKOFF_S = 0.05
MAX_BACKOFF_S = 1.0

GOODBYE_S = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioFormat:
    """What is sent: at 8 kHz in mu-law, what the telephone brings, to the last bit."""

    encoding: Encoding = "mulaw"
    rate_hz: int = LINE_RATE_HZ

    @property
    def bytes_per_s(self) -> int:
        """Return the size of a second."""
        return BYTES_PER_SAMPLE[self.encoding] * self.rate_hz

    def encode(self, pcm: Pcm) -> bytes:
        """Return audio as it is sent."""
        return encode_ulaw(pcm) if self.encoding == "mulaw" else pcm.astype("<i2").tobytes()


class StreamHearing:
    """One call's recognition: tasks that listen, talk to the provider, and keep the time."""

    def __init__(
        self,
        recognizer: StreamingRecognizer,
        network: Network,
        events: trio.MemorySendChannel[SpeechEvent],
        vocabulary: Vocabulary,
    ) -> None:
        settings, dialect, audio = recognizer.settings, recognizer.dialect, recognizer.audio
        self._recognizer = recognizer
        self._vocabulary = vocabulary
        self._audio = audio
        self._cutter = UtteranceCutter(network, settings.endpoint_settings(), CutSettings())
        self._narrow = Resampler(audio.rate_hz, LINE_RATE_HZ)
        self._merger = Merger(settings.final_timeout_s, talks=dialect.talks)
        self._backlog = Backlog(audio.bytes_per_s, settings.replay_s)
        self._chunk = round(dialect.chunk_s * audio.bytes_per_s)
        self._sent = 0  # position of the next byte to send
        self._offset_s = 0.0  # where the connection's audio begins
        self._flush_wanted = False
        self._to_send, self._to_wake, self._told = Doorbell(), Doorbell(), Doorbell()
        self._connection = trio.CancelScope()
        self._socket: ProviderSocket | None = None
        self._overdue: ProviderError | None = None
        self._overdues = 0  # in a row
        self._connected_at = math.inf
        self._troubles = 0  # failures in a row
        self._trouble_since = math.inf
        self._outbox: deque[SpeechEvent] = deque()
        self._outgoing = trio.StrictFIFOLock()
        self._events = events
        self._failure: ProviderError | None = None

    async def run(self, frames: trio.MemoryReceiveChannel[Frame]) -> None:
        """Recognize until `frames` ends. Raises RecognizerFailed."""
        async with trio.open_nursery() as nursery:

            async def until_failure(task: Callable[[], Awaitable[None]]) -> None:
                await trio.lowlevel.checkpoint_if_cancelled()
                try:
                    await task()
                except RecognizerFailed as failed:
                    self._failure = failed
                except trio.BrokenResourceError:  # nobody listens any more; who stopped says why
                    pass
                nursery.cancel_scope.cancel()

            nursery.start_soon(until_failure, lambda: self._listen(frames))
            nursery.start_soon(until_failure, self._stay_connected)
            nursery.start_soon(until_failure, self._keep_time)
        if self._failure is not None:
            raise self._failure

    # -- the caller ------------------------------------------------------------------------------

    async def _listen(self, frames: trio.MemoryReceiveChannel[Frame]) -> None:
        """Take the caller's frames; wait for what is owed when they end."""
        async for frame in frames:
            self._backlog.append(self._audio.encode(frame.pcm))
            if self._backlog.end - self._sent >= self._chunk:
                self._to_send.ring()
            for cut in self._cutter.cut(self._narrowed(frame)):
                actions = self._merger.cut(cut, trio.current_time(), self._backlog.end_s)
                await self._act(actions)
            self._forget()
        with trio.move_on_after(self._recognizer.settings.final_timeout_s):
            while self._merger.is_waiting:
                await self._told.wait(math.inf)

    def _narrowed(self, frame: Frame) -> Frame:
        """Return a frame as the detector wants it."""
        if self._audio.rate_hz == LINE_RATE_HZ:
            return frame
        return Frame(pcm=self._narrow.process(frame.pcm), at=frame.at)

    def _forget(self) -> None:
        """Let go of audio that was sent and is not needed for a replay."""
        needed_s = self._merger.needed_from_s(self._backlog.end_s)
        self._backlog.forget_before(min(needed_s, self._sent / self._audio.bytes_per_s))

    async def _act(self, actions: list[Action]) -> None:
        """Do what the merger wants, whose next deadline may be another one now."""
        self._to_wake.ring()
        await self._do(actions)

    async def _do(self, actions: list[Action]) -> None:
        for action in actions:
            match action:
                case Flush():
                    self._flush_wanted = True
                    self._to_send.ring()
                case Overdue():
                    limit_s = self._recognizer.settings.final_timeout_s
                    reason = f"no words within {limit_s:g} s"
                    self._overdue = self._recognizer.peer.failed("too_slow", reason)
                    self._overdues += 1
                    self._connection.cancel()
                case _:
                    self._outbox.append(action)
        if self._outbox:
            async with self._outgoing:
                while self._outbox:
                    await self._events.send(self._outbox[0])  # cancelled, it is sent by another
                    if isinstance(self._outbox.popleft(), Final):
                        self._overdues = 0
                        self._told.ring()

    async def _keep_time(self) -> None:
        while True:
            await self._to_wake.wait(self._merger.wake_at)
            is_alive = self._socket is None or self._socket.is_alive
            await self._do(self._merger.time_passed(trio.current_time(), is_alive=is_alive))
            await trio.lowlevel.checkpoint()

    # -- the provider ----------------------------------------------------------------------------

    async def _stay_connected(self) -> None:
        """Hold a connection, one after the other. Raises RecognizerFailed."""
        while True:
            failed: ProviderError | None = None
            try:
                with trio.CancelScope() as self._connection:
                    async with self._recognizer.connect(self._vocabulary) as socket:
                        await self._converse(socket)
            except RecognizerFailed as error:
                failed = self._named(error)
            failed = self._overdue or failed
            assert failed is not None
            self._overdue = None
            self._merger.cut_off()
            await self._recover(failed)

    def _named(self, error: RecognizerFailed) -> ProviderError:
        """Return an error with what its close code means to this provider."""
        kind = self._recognizer.dialect.close_kinds.get(error.code or 0)
        if kind is None or error.kind != "closed":
            return error
        reason = str(error).removeprefix(f"{error.provider}: ")
        return self._recognizer.peer.failed(kind, reason, code=error.code)

    async def _recover(self, failed: ProviderError) -> None:
        """Wait as long as makes sense before the next attempt; raise `failed` if none does."""
        now = trio.current_time()
        if now - self._connected_at >= HEALTHY_S:
            self._hear()
        self._connected_at = math.inf
        self._trouble_since = min(self._trouble_since, now)
        backoff_s = min(FIRST_BACKOFF_S * 2**self._troubles, MAX_BACKOFF_S)
        delay_s = max(failed.retry_after_s or 0.0, backoff_s if self._troubles else 0.0)
        self._troubles += 1
        trying_s = now + delay_s - self._trouble_since
        goes_on = failed.retryable and trying_s < self._recognizer.settings.reconnect_s
        if not goes_on or self._overdues > 1:
            raise failed
        log.warning("recognizer connection lost", reason=str(failed), kind=failed.kind)
        await trio.sleep(delay_s)

    def _hear(self) -> None:
        """Take it that the provider works."""
        self._troubles = 0
        self._trouble_since = math.inf

    async def _converse(self, socket: ProviderSocket) -> None:
        """Send what was not told yet and what comes, and take words. Raises RecognizerFailed."""
        self._connected_at = trio.current_time()
        self._socket = socket
        self._sent = self._backlog.byte_at(self._merger.needed_from_s(self._backlog.end_s))
        self._offset_s = self._sent / self._audio.bytes_per_s
        self._to_send.ring()
        await self._act(self._merger.connected(self._connected_at))
        async with open_helpers() as helpers:
            helpers.start_soon(self._send, socket, name="audio to the recognizer")
            try:
                while True:
                    await self._take(await socket.receive())
            finally:
                with trio.move_on_after(GOODBYE_S, shield=True):
                    await self._say_goodbye(socket)

    async def _say_goodbye(self, socket: ProviderSocket) -> None:
        """Tell the provider that there is no more: some bill for as long as they are not told."""
        if goodbye := self._recognizer.dialect.goodbye:
            with suppress(RecognizerFailed):
                await socket.send(goodbye)

    async def _take(self, message: str | bytes) -> None:
        peer, dialect = self._recognizer.peer, self._recognizer.dialect
        try:
            told = dialect.read(message if isinstance(message, str) else message.decode())
        except ValueError as error:
            raise peer.failed("garbage", str(error)) from None
        for what in told:
            if isinstance(what, Refusal):
                raise peer.failed(what.kind, what.reason, code=what.code)
            self._hear()
            now, position_s = trio.current_time(), self._backlog.end_s
            await self._act(self._merger.told(self._placed(what), now, position_s))

    def _placed(self, what: Words | EndOfSpeech) -> Words | EndOfSpeech:
        """Return what was told with positions since the call began."""
        if isinstance(what, Words) and what.until_s is not None:
            return replace(what, until_s=what.until_s + self._offset_s)
        return what

    async def _send(self, socket: ProviderSocket) -> None:
        """Send audio as it comes, and what keeps the connection."""
        dialect = self._recognizer.dialect
        with suppress(RecognizerFailed):  # whoever receives is told the same
            while True:
                await self._to_send.wait(trio.current_time() + KEEP_ALIVE_S)
                sent = await self._send_audio(socket)
                if self._flush_wanted:
                    self._flush_wanted = False
                    socket.ask_for_life()
                    if dialect.flush:
                        await socket.send(dialect.flush)
                elif not sent and dialect.keep_alive:
                    await socket.send(dialect.keep_alive)
                await trio.lowlevel.checkpoint()

    async def _send_audio(self, socket: ProviderSocket) -> bool:
        """Send whole pieces, and the rest if words are wanted; say if there were any."""
        backlog, least = self._backlog, self._chunk
        if self._flush_wanted:
            least = max(round(self._recognizer.dialect.min_chunk_s * self._audio.bytes_per_s), 1)
        sent = False
        while True:
            self._sent = max(self._sent, backlog.byte_at(0.0))
            if backlog.end - self._sent < least:
                return sent
            piece = backlog.read(self._sent, self._chunk)
            self._sent += len(piece)
            await socket.send(piece)
            sent = True
