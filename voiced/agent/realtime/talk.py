"""One call's conversation with the Realtime API, session after session.

    frames ──► pump ──► input_audio_buffer.append ──► API ──► events ──► player ──► line
                                                        └──► tools ──► function_call_output

The API decides whose go it is. When the caller begins to speak we fall silent at once, and tell it
how much of its speech was heard (`conversation.item.truncate`). A session that is lost (sessions
also expire, after an hour) is followed by another one, which is given what was said, heard and
done; where an answer was lost with it, the model apologizes in a few words and gives it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

import trio

from voiced.agent.memory import CallerSpoke, Happened
from voiced.agent.realtime import wire
from voiced.agent.realtime.api import BUSY
from voiced.agent.realtime.asking import (
    FAREWELL,
    HURRY,
    LOST_FOR_WORDS,
    NUDGE,
    Asking,
)
from voiced.agent.realtime.caller_side import RATE_HZ, CallerSide
from voiced.agent.realtime.doing import (
    Interruptions,
    RealtimeReply,
    run_calls,
    until_interrupted,
)
from voiced.agent.realtime.playing import Player
from voiced.agent.realtime.session import Session
from voiced.agent.realtime.waits import Due, Waits, limits_of
from voiced.errors import AgentTooSlow, ProviderError, VoicedError
from voiced.log import get_logger
from voiced.net.helpers import open_helpers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from voiced.agent.base import AudioLine, CallInfo
    from voiced.agent.memory import UsedTools
    from voiced.agent.realtime.api import Api
    from voiced.agent.realtime.settings import RealtimeSettings
    from voiced.agent.tools.base import Tool
    from voiced.audio.frame import Frame

log = get_logger(__name__)

FIRST_S = 1.0
"""A first session that cannot be had is tried for so long: somebody else may stand by."""

RETRY_S = 0.5
"""Between two attempts to have a session back."""

_HOPELESS = {"unauthorized", "bad_request", "rate_limited"}
"""What another attempt would meet again."""


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
        self._interruptions = Interruptions()
        self._tools = {
            name: until_interrupted(tool, self._interruptions) for name, tool in tools.items()
        }
        self._call = call
        self._line = line
        self._player = Player(line)
        self._waits = Waits(limits_of(line, settings.answer_s), trio.current_time())
        self._caller = CallerSide(settings, line, self._wake)
        self._asking = Asking(wish.instructions, self._player, self._waits, self._send)
        self._session: Session | None = None
        self._has_begun = False  # a session was ready once
        self._helpers: trio.Nursery
        self._over = trio.CancelScope()
        self._failure: VoicedError | None = None
        self._n_doing = 0
        self._is_at_a_loss = False  # an answer was stopped before its first word

    async def run(self, frames: trio.MemoryReceiveChannel[Frame]) -> None:
        """Converse until the model ends it, or `frames` ends.

        Raises:
            AgentFailed, AgentTooSlow: the API is of no use.
            BudgetSpent: the call has used up its share.
            CallGone: the leg has ended.
        """
        try:
            async with open_helpers() as self._helpers:
                self._line.take_keys(self._key_pressed)
                self._helpers.start_soon(self._hear, frames, name="frames")
                self._helpers.start_soon(self._player.run, name="speech")
                with self._over:
                    await self._hold_sessions()
        finally:
            self._line.standing.owes_answer = self._waits.is_owed
            self._player.lose()
        if self._failure is not None:
            raise self._failure

    async def _hear(self, frames: trio.MemoryReceiveChannel[Frame]) -> None:
        await self._caller.pump.run(frames)
        self._over.cancel()

    # -- sessions --------------------------------------------------------------------------------

    async def _hold_sessions(self) -> None:
        """Hold one session after the other. Raises AgentFailed, AgentTooSlow, BudgetSpent."""
        until = trio.current_time() + min(FIRST_S, self._settings.reconnect_s)
        while True:
            try:
                await self._hold_session()
            except ProviderError as error:
                now = trio.current_time()
                lost, self._session = self._session, None
                was_ready = lost is not None and lost.is_ready
                if was_ready:
                    until = min(now + self._settings.reconnect_s, self._waits.budget_at)
                    self._session_lost(now)
                log.warning("realtime session lost", kind=error.kind, was_ready=was_ready)
                is_hopeless = error.kind in _HOPELESS or isinstance(error, AgentTooSlow)
                if is_hopeless or now + RETRY_S > until:
                    raise
                await trio.sleep(0 if was_ready else RETRY_S)

    def _session_lost(self, now: float) -> None:
        owed = self._waits.is_owed or self._player.is_responding
        hears_again = self._caller.session_lost(now, owed=owed)
        self._waits.lost(now, owed=owed and not hears_again)
        self._asking.forget()
        self._player.session_lost()

    async def _hold_session(self) -> None:
        """Hold a session until it is lost: raises ProviderError."""
        ready_by = trio.current_time() + self._settings.connect_s
        async with self._api.session() as socket:
            session = self._session = Session(socket, self._api.peer, ready_by)
            while True:
                event = await session.next_event(self._wake_at(session))
                if event is not None:
                    await self._take(event, session)
                await self._look(session, trio.current_time())

    def _wake_at(self, session: Session) -> float:
        if not session.is_ready:
            return session.ready_by
        if self._caller.is_unheard:
            return float("-inf")
        quiet_at = float("inf") if self._caller.speaks else self._waits.wake_at()
        return min(quiet_at, self._caller.keys.due_at)

    def _wake(self) -> None:
        if self._session is not None:
            self._session.wake()

    async def _send(self, message: str) -> None:
        """Send to the present session, if there is one; the next one is told by `_begin`."""
        if self._session is not None and self._session.is_ready:
            await self._session.send(message)

    # -- what is due -----------------------------------------------------------------------------

    async def _look(self, session: Session, now: float) -> None:
        """Do what is due, or raise what it means."""
        settings = self._settings
        if not session.is_ready:
            if now >= session.ready_by:
                raise self._too_slow(f"no session within {settings.connect_s:g} s")
        elif self._caller.is_unheard:
            raise self._too_slow(f"no end of speech in {settings.end_of_speech_s:g} s of silence")
        elif now >= self._caller.keys.due_at:
            await self._take_keys(session, now)
        elif not self._caller.speaks and now >= self._waits.wake_at():
            await self._serve(now)

    def _too_slow(self, reason: str) -> ProviderError:
        return self._api.peer.failed("too_slow", reason)

    async def _serve(self, now: float) -> None:
        """Do what is due while the caller does not speak."""
        is_quiet = self._player.is_silent and not self._n_doing
        match self._waits.due(now, is_quiet=is_quiet, unplayed_s=self._line.unplayed_s):
            case None:
                pass
            case Due.ANSWER:
                raise self._too_slow(f"no sign of an answer in {self._settings.answer_s:g} s")
            case Due.BUDGET:
                limit_s = self._line.spending.budgets.first_audio_s
                reason = f"no audio within {limit_s:g} s of the turn"
                raise AgentTooSlow(self._api.peer.provider, reason)
            case Due.WARNING:
                await self._asking.ask(HURRY.format(left_s=self._line.ends_at - now))
            case Due.PROMPT:
                await self._asking.ask(NUDGE)
            case Due.GOODBYE:
                await self._asking.ask(FAREWELL)
                self._helpers.start_soon(self._leave, name="goodbye")
            case other:
                assert_never(other)

    # -- what the API says -----------------------------------------------------------------------

    async def _take(self, event: wire.ServerEvent, session: Session) -> None:
        now = trio.current_time()
        match event:
            case wire.SessionReady(is_ours=False):
                await session.send(wire.session_update(self._wish))
            case wire.SessionReady():
                await self._begin(session)
            case wire.RateLimits(used_up_s=used_up_s):
                self._api.used_up(used_up_s, now)
            case wire.ApiError():
                self._api.check(event, now, is_ready=session.is_ready)
                if event.code == BUSY and not self._caller.speaks:
                    self._asking.was_busy()
                log.warning("realtime error", kind=event.kind, code=event.code)
            case wire.Other():
                if event.kind.startswith("response."):
                    self._waits.moves(now, sounds=False)
            case _:
                await self._take_turn(event, session, now)

    async def _take_turn(
        self, event: wire.CallerEvent | wire.AnswerEvent, session: Session, now: float
    ) -> None:
        match event:
            case wire.ResponseBegan(response_id=response_id):
                self._player.response_began(response_id)
                self._waits.moves(now, sounds=False)
            case wire.ResponseDone():
                await self._response_done(event, session, now)
            case wire.WordsPiece() | wire.WordsDone():
                self._player.words(event)
            case wire.AudioPiece():
                if self._player.take(event):
                    session.items.add(event.item_id)
                    session.spoken_in.add(event.response_id)
                    self._waits.moves(now, sounds=True)
            case wire.AudioDone():
                self._player.take(event)
            case _:
                await self._take_caller(event, session, now)

    async def _take_caller(self, event: wire.CallerEvent, session: Session, now: float) -> None:
        match event:
            case wire.CallerStarts():
                self._caller.starts(now)
                self._is_at_a_loss = False
                self._waits.caller_speaks()
                self._asking.forget()
                self._interruptions.come()
                await self._cut(session)
            case wire.CallerStops():
                self._caller.stops()
                self._waits.caller_stopped(now)
                self._player.answers_since = now - self._settings.silence_s
            case wire.CallerCommitted(item_id=item_id):
                self._caller.committed(item_id, now)
            case wire.CallerTranscribed(item_id=item_id, text=text):
                self._caller.written(item_id, text, now)
            case _:
                assert_never(event)

    async def _cut(self, session: Session) -> None:
        """Fall silent, and let the model know how much of its speech was heard."""
        for cut in self._player.cut():
            if cut.item_id in session.items:
                heard = wire.item_truncate(cut.item_id, cut.content_index, cut.heard_ms)
                await session.send(heard)

    # -- keys ------------------------------------------------------------------------------------

    def _key_pressed(self, key: str) -> None:
        """Take a key of the caller; whoever receives does the rest."""
        if self._caller.key_pressed(key):
            self._waits.caller_acts(trio.current_time())

    async def _take_keys(self, session: Session, now: float) -> None:
        """Fall silent for a key, and tell the model once the number is whole."""
        keys = self._caller.keys
        if keys.take_interruption() and self._line.rules.barge_in:
            self._interruptions.come()
            if self._player.is_responding:
                await session.send(wire.response_cancel())
            await self._cut(session)
        if digits := keys.take(now):
            entry = CallerSpoke(text="", digits=digits)
            self._line.past.append(entry)
            await session.tell(entry)
            await self._asking.ask("")

    # -- what is asked of it ---------------------------------------------------------------------

    async def _begin(self, session: Session) -> None:
        """Begin, or go on where a session before had to stop."""
        if session.is_ready:
            return
        line, settings = self._line, self._settings
        is_first, is_owed = not self._has_begun, self._waits.is_owed
        session.is_ready = self._has_begun = True
        frames = self._caller.pump.open(RATE_HZ)
        self._helpers.start_soon(session.send_audio, frames, name="caller's audio")
        if is_first and line.failed_transfer:
            text = f"The transfer has failed: {line.failed_transfer}. The caller is back."
            line.past.append(Happened(text=text))
        for entry in tuple(line.past):
            await session.tell(entry)
        greeting = settings.greeting if settings.speaks_first else None
        if is_first:
            await self._asking.begin(line, greeting)
        elif is_owed:
            await self._asking.begin_again(line, greeting)

    async def _response_done(self, done: wire.ResponseDone, session: Session, now: float) -> None:
        has_spoken = done.response_id in session.spoken_in
        session.spoken_in.discard(done.response_id)
        if self._player.response_done(done.response_id):
            self._waits.over(now, self._line.unplayed_s)
        self._line.spending.tokens(done.tokens)
        if done.status == "failed":
            raise self._api.failure(done.reason, f"a response failed: {done.reason}", now)
        if done.calls and done.status == "completed":
            self._n_doing += 1
            self._helpers.start_soon(self._do, done.calls, session, has_spoken, name="tools")
        elif done.status == "incomplete" and not (has_spoken or self._is_at_a_loss):
            self._is_at_a_loss = True
            await self._asking.ask(LOST_FOR_WORDS)
        else:
            await self._asking.go_on()

    async def _do(
        self, calls: tuple[wire.FunctionCall, ...], session: Session, has_spoken: bool
    ) -> None:
        """Run tools, and let the model go on with what came of them."""
        reply = RealtimeReply(
            self._line, self._player, self._asking.ask_to_say, self._take_no_turns
        )
        n_interruptions = self._interruptions.n
        try:
            used = await run_calls(calls, self._tools, self._call, reply, has_spoken=has_spoken)
            self._line.past.append(used)
            if reply.decide is None or not await self._end(reply.decide, n_interruptions):
                await self._tell_results(used, session)
        except ProviderError:
            pass  # the session is lost: whoever receives is told
        except VoicedError as error:
            self._failure = error
            self._over.cancel()
        finally:
            self._n_doing -= 1

    async def _tell_results(self, used: UsedTools, called_in: Session) -> None:
        """Tell what came of tools; a session that begins later is told of all that is past."""
        session = self._session
        if session is called_in:
            for result in used.results:
                await session.send(wire.tool_output(result.call_id, result.content))
        elif session is not None and session.is_ready:
            await session.tell(used)
        if not self._caller.speaks:
            await self._asking.ask("")

    async def _take_no_turns(self) -> None:
        """Listen to nobody: a machine's beep must not cut the message that is left there."""
        self._caller.stops()
        await self._send(wire.no_more_turns())

    async def _leave(self) -> None:
        """End the conversation after the model's next words; nobody has answered."""
        n_interruptions = self._interruptions.n
        with self._interruptions.ending(), trio.move_on_after(self._settings.answer_s):
            await self._player.next_response()
        await self._end(self._line.nobody_speaks, n_interruptions)

    async def _end(self, decide: Callable[[], None], n_interruptions: int) -> bool:
        """End the conversation once the caller has heard everything.

        False if they speak on: have there been more than `n_interruptions`?
        """
        with self._interruptions.ending():
            await self._player.all_heard()
            if self._interruptions.n == n_interruptions:
                decide()
                self._over.cancel()
                return True
        return False
