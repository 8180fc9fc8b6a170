"""One call's conversation with the Realtime API, session after session.

    frames ──► pump ──► input_audio_buffer.append ──► API ──► events ──► player ──► line
                                                        └──► tools ──► function_call_output

The API decides whose go it is. When the caller begins to speak we fall silent at once, and tell it
how much of its speech was heard (`conversation.item.truncate`). A session that is lost (sessions
also expire, after an hour) is followed by another one, which is given what was said and heard, and
the audio that was not yet part of the conversation; where an answer was lost with it, the model
apologizes in a few words and gives it.
"""

from __future__ import annotations

from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import trio

from voiced.agent.memory import AgentSpoke, CallerSpoke
from voiced.agent.realtime import wire
from voiced.agent.realtime.doing import RealtimeReply, run_calls, saying
from voiced.agent.realtime.playing import Player
from voiced.audio.g711 import encode_ulaw
from voiced.errors import ProviderError, VoicedError
from voiced.log import get_logger
from voiced.media.frame_pump import FramePump
from voiced.net.helpers import open_helpers
from voiced.record.journal import CallerSaid, CallerSpeaking

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from contextlib import AbstractAsyncContextManager

    from voiced.agent.base import AudioLine, CallInfo
    from voiced.agent.memory import Entry
    from voiced.agent.realtime.settings import RealtimeSettings
    from voiced.agent.tools.base import Tool
    from voiced.audio.frame import Frame
    from voiced.errors import TroubleKind
    from voiced.net.peer import Peer
    from voiced.net.socket import ProviderSocket
    from voiced.net.spares import Spares

log = get_logger(__name__)

RATE_HZ = 8000

MESSAGE_BYTES = 320
"""Of audio, 40 ms: half the messages of single frames, for 20 ms that nobody notices."""

FIRST_S = 1.0
"""A first session that cannot be had is tried for so long: somebody else may stand by."""

RETRY_S = 0.5
"""Between two attempts to have a session back."""

_HOPELESS = {"unauthorized", "bad_request", "rate_limited"}
"""What another attempt would meet again."""

_FATAL: Mapping[str, TroubleKind] = {
    "session_expired": "closed",
    "rate_limit_exceeded": "rate_limited",
    "insufficient_quota": "unauthorized",
    "invalid_api_key": "unauthorized",
    "model_not_found": "bad_request",
    "server_error": "overloaded",
}
"""Codes of errors after which nothing comes of a session, and what they mean."""

GREET = "Greet the caller in one short sentence."
NUDGE = "The caller has been silent for a while. Ask in a few words whether they are still there."
FAREWELL = "The caller does not answer. Say goodbye in a few words."
GO_ON = "Go on with the conversation where it stands; neither greet the caller nor apologize."
SORRY = (
    "The connection was lost for a moment, and your last answer with it. Apologize in a few words, "
    "then answer what the caller said last."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """How sessions are opened; `spares` are open already, for calls that ring."""

    peer: Peer
    open_socket: Callable[[], AbstractAsyncContextManager[ProviderSocket]]
    spares: Spares

    @asynccontextmanager
    async def session(self) -> AsyncIterator[ProviderSocket]:
        """Yield a socket on which a session begins. Raises AgentFailed."""
        async with self.spares.borrow() as spare:
            if spare is not None:
                yield spare
                return
        async with self.open_socket() as socket:
            yield socket


class Talk:
    """One conversation, from `converse` to its return."""

    def __init__(
        self,
        settings: RealtimeSettings,
        api: Api,
        wish: wire.SessionWish,
        tools: Mapping[str, Tool],
        call: CallInfo,
        line: AudioLine,
    ) -> None:
        self._settings = settings
        self._api = api
        self._wish = wish
        self._tools = tools
        self._call = call
        self._line = line
        self._player = Player(line)
        self._pump = FramePump(RATE_HZ)
        self._socket: ProviderSocket
        self._sending = trio.Lock()
        self._helpers: trio.Nursery
        self._over = trio.CancelScope()
        self._failure: VoicedError | None = None
        self._is_ready = False  # this session is as we want it
        self._has_begun = False  # ... or one before it was
        self._ready_by = 0.0
        self._items: set[str] = set()  # the model's in this session
        self._spoken_in: set[str] = set()  # responses that had audio
        self._caller_speaks = False
        self._owed_since: float | None = None
        self._n_doing = 0
        self._n_prompts = 0
        self._quiet_since = trio.current_time()

    async def run(self, frames: trio.MemoryReceiveChannel[Frame]) -> None:
        """Converse until the model ends it, or `frames` ends. Raises AgentFailed, CallGone."""
        try:
            async with open_helpers() as self._helpers:
                self._helpers.start_soon(self._hear, frames, name="frames")
                self._helpers.start_soon(self._player.run, name="speech")
                with self._over:
                    await self._hold_sessions()
        finally:
            self._player.lose()
        if self._failure is not None:
            raise self._failure

    async def _hear(self, frames: trio.MemoryReceiveChannel[Frame]) -> None:
        await self._pump.run(frames)
        self._over.cancel()

    # -- sessions --------------------------------------------------------------------------------

    async def _hold_sessions(self) -> None:
        """Hold one session after the other. Raises AgentFailed."""
        until = trio.current_time() + min(FIRST_S, self._settings.reconnect_s)
        while True:
            try:
                await self._hold_session()
            except ProviderError as error:
                now = trio.current_time()
                was_ready, self._is_ready = self._is_ready, False
                if was_ready:
                    until = now + self._settings.reconnect_s
                    self._session_lost(now)
                log.warning("realtime session lost", kind=error.kind, was_ready=was_ready)
                if error.kind in _HOPELESS or now + RETRY_S > until:
                    raise
                await trio.sleep(0 if was_ready else RETRY_S)

    def _session_lost(self, now: float) -> None:
        if self._player.is_responding and self._owed_since is None:
            self._owed_since = now
        self._player.session_lost()
        self._items.clear()
        self._spoken_in.clear()
        if not self._caller_speaks:
            self._pump.forget(now)

    async def _hold_session(self) -> None:
        """Hold a session until it is lost: raises ProviderError."""
        self._ready_by = trio.current_time() + self._settings.connect_s
        async with self._api.session() as self._socket:
            while True:
                event = await self._next_event()
                if event is None:
                    await self._overdue(trio.current_time())
                else:
                    await self._take(event)

    async def _next_event(self) -> wire.ServerEvent | None:
        """Return what the API says next, None if something is due before."""
        with trio.CancelScope(deadline=self._wake_at()):
            message = await self._socket.receive()
            try:
                return wire.parse(message)
            except ValueError as error:
                raise self._api.peer.failed("garbage", str(error)) from error
        return None

    def _wake_at(self) -> float:
        if not self._is_ready:
            return self._ready_by
        if self._owed_since is not None:
            return self._owed_since + self._settings.answer_s
        return self._quiet_since + self._settings.prompt_after_s

    async def _overdue(self, now: float) -> None:
        settings = self._settings
        if not self._is_ready:
            reason = f"no session within {settings.connect_s:g} s"
            raise self._api.peer.failed("too_slow", reason)
        if self._owed_since is not None:
            reason = f"no audio within {settings.answer_s:g} s of the caller's turn"
            raise self._api.peer.failed("too_slow", reason)
        if self._caller_speaks or self._n_doing or not self._player.is_silent:
            self._quiet_since = now + self._line.unplayed_s
            return
        self._quiet_since = now
        self._n_prompts += 1
        is_last = self._n_prompts > settings.max_prompts
        await self._ask_for(FAREWELL if is_last else NUDGE)
        if is_last:
            self._helpers.start_soon(self._leave, name="goodbye")

    async def _send_audio(
        self, socket: ProviderSocket, frames: trio.MemoryReceiveChannel[Frame]
    ) -> None:
        """Send the caller's audio; a socket that takes none is told of by whoever receives."""
        payload = b""
        with frames, suppress(ProviderError):
            async for frame in frames:
                payload += encode_ulaw(frame.pcm)
                if len(payload) >= MESSAGE_BYTES:
                    await self._send(wire.audio_append(payload), socket)
                    payload = b""

    async def _send(self, message: str, socket: ProviderSocket | None = None) -> None:
        """Send one message, to the present session or to `socket`; one at a time."""
        async with self._sending:
            await (socket or self._socket).send(message)

    # -- what the API says -----------------------------------------------------------------------

    async def _take(self, event: wire.ServerEvent) -> None:
        now = trio.current_time()
        match event:
            case wire.SessionReady(is_ours=False):
                await self._send(wire.session_update(self._wish))
            case wire.SessionReady():
                await self._begin()
            case wire.AudioPiece() | wire.AudioDone():
                if self._player.take(event) and isinstance(event, wire.AudioPiece):
                    self._items.add(event.item_id)
                    self._spoken_in.add(event.response_id)
                    self._owed_since = None
            case wire.WordsPiece() | wire.WordsDone():
                self._player.words(event)
            case wire.ResponseBegan(response_id=response_id):
                self._player.response_began(response_id)
            case wire.ResponseDone():
                await self._response_done(event, now)
            case wire.ApiError():
                self._take_error(event)
            case wire.Other():
                pass
            case _:
                await self._take_caller(event, now)

    async def _take_caller(
        self,
        event: wire.CallerStarts | wire.CallerStops | wire.CallerCommitted | wire.CallerTranscribed,
        now: float,
    ) -> None:
        match event:
            case wire.CallerStarts():
                self._caller_speaks, self._owed_since, self._n_prompts = True, None, 0
                self._line.note(CallerSpeaking(at=now))
                await self._cut()
            case wire.CallerStops():
                self._caller_speaks, self._owed_since = False, now
                self._player.answers_since = now - self._settings.silence_s
            case wire.CallerCommitted():
                self._pump.forget(now)
            case wire.CallerTranscribed(text=text):
                self._line.note(CallerSaid(text=text, confidence=1.0, at=now))
                self._line.past.append(CallerSpoke(text=text))

    async def _cut(self) -> None:
        """Fall silent, and let the model know how much of its speech was heard."""
        for outcome in self._player.cut():
            if outcome.item_id in self._items:
                await self._send(
                    wire.item_truncate(outcome.item_id, outcome.content_index, outcome.heard_ms)
                )

    def _take_error(self, error: wire.ApiError) -> None:
        """Raise what ends the session; most errors do not."""
        if error.code in _FATAL:
            raise self._api.peer.failed(_FATAL[error.code], f"{error.code}: {error.message}")
        if not self._is_ready:
            raise self._api.peer.failed("bad_request", error.message or error.kind)
        log.warning("realtime error", kind=error.kind, code=error.code)

    # -- what is asked of it ---------------------------------------------------------------------

    async def _begin(self) -> None:
        """Begin, or go on where a session before had to stop."""
        if self._is_ready:
            return
        self._is_ready = True
        frames = self._pump.open(RATE_HZ, _ignore)
        self._helpers.start_soon(self._send_audio, self._socket, frames, name="caller's audio")
        for entry in self._line.past:
            await self._tell(entry)
        if self._has_begun:
            if self._owed_since is not None:
                await self._ask_for(SORRY)
        elif self._line.failed_transfer:
            text = f"The transfer has failed: {self._line.failed_transfer}. The caller is back."
            await self._send(wire.text_item("system", text))
            await self._ask_for("")
        elif self._line.past:
            await self._ask_for(GO_ON)  # another agent had to stop, and was apologized for
        elif self._settings.speaks_first:
            greeting = self._settings.greeting
            await self._ask_for(saying(greeting) if greeting else GREET)
        self._has_begun = True

    async def _tell(self, entry: Entry) -> None:
        """Let the model know what was said before."""
        match entry:
            case CallerSpoke(text=text) if text:
                await self._send(wire.text_item("user", text))
            case AgentSpoke(heard=heard) if heard:
                await self._send(wire.text_item("assistant", heard))
            case _:
                pass

    async def _ask_for(self, instructions: str) -> None:
        """Have the model speak."""
        self._owed_since = self._quiet_since = trio.current_time()
        await self._send(wire.response_create(instructions))

    async def _response_done(self, done: wire.ResponseDone, now: float) -> None:
        self._player.response_done(done.response_id)
        has_spoken = done.response_id in self._spoken_in
        self._spoken_in.discard(done.response_id)
        self._quiet_since = now + self._line.unplayed_s
        if done.status == "failed":
            kind = _FATAL.get(done.reason, "overloaded")
            raise self._api.peer.failed(kind, f"a response failed: {done.reason}")
        if done.calls and done.status == "completed":
            self._owed_since = None
            self._n_doing += 1
            self._helpers.start_soon(self._do, done.calls, has_spoken, name="tools")
        elif not (has_spoken or done.status == "cancelled"):
            self._owed_since = None  # it has nothing to say

    async def _do(self, calls: tuple[wire.FunctionCall, ...], has_spoken: bool) -> None:
        """Run tools, and let the model go on with what came of them."""
        reply = RealtimeReply(self._line, self._player, self._send)
        socket = self._socket
        try:
            results = await run_calls(calls, self._tools, self._call, reply, has_spoken=has_spoken)
            if reply.is_last:
                await self._end()
            elif socket is self._socket:  # else nobody waits for them any more
                for result in results:
                    await self._send(wire.tool_output(result.call_id, result.content), socket)
                if not (self._player.is_responding or self._caller_speaks):
                    await self._ask_for("")
        except ProviderError:
            pass  # the session is lost: whoever receives is told
        except VoicedError as error:
            self._failure = error
            self._over.cancel()
        finally:
            self._n_doing -= 1

    async def _leave(self) -> None:
        """End the conversation after the model's next words."""
        with trio.move_on_after(self._settings.answer_s):
            await self._player.next_response()
        await self._end()

    async def _end(self) -> None:
        """End the conversation once the caller has heard everything."""
        await self._player.all_heard()
        self._over.cancel()


def _ignore() -> None:
    """For a socket that takes no audio: it has a deadline of its own."""
