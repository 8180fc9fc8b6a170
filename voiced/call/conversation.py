"""The conversation of a call: carries out what the rules of turn-taking decide.

The rules are in `voiced.turns`, without clock or task: `Floor` is told what happens and says what
is to be done. Here are the clock, the replies and the dialogue. One reply at a time, each in its
own cancel scope; a task of its own makes them, so that the caller is listened to meanwhile.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeAlias, assert_never

import trio

from voiced.agent.base import CallerTurn, Remembering, TimeAware
from voiced.call.reply import Floorside, HangUp, SpokenReply
from voiced.errors import BudgetSpent
from voiced.recognizer.base import Final, Partial, SpeechEnded, SpeechResumed, SpeechStarted
from voiced.record.journal import BargeIn, CallerSaid, CallerSpeaking, FalseAlarm
from voiced.record.latency import TurnClock
from voiced.turns import events as floor_events
from voiced.turns.events import KeyPressed, Line, ReplyOver, ReplySounds, TimePassed
from voiced.turns.floor import Floor

if TYPE_CHECKING:
    from voiced.agent.base import Dialogue
    from voiced.call.reply import Decision, Voice
    from voiced.recognizer.base import SpeechEvent
    from voiced.record.journal import Note
    from voiced.turns.budgets import Spending
    from voiced.turns.expect import Expectation
    from voiced.turns.rules import TurnRules

Opening: TypeAlias = Callable[[SpokenReply], Awaitable[None]]
"""What speaks the first reply of a conversation."""

_MOST_JOBS = 16
"""Replies begun and withdrawn while one is being cancelled: events are not that quick."""


@contextmanager
def talking(spending: Spending, note: Note) -> Iterator[float]:
    """Count the time in which the agent talks, and end it when the call has had its share.

    Yields:
        when it will be cut, by that or by a deadline of the caller's; trio time, inf for never.

    Raises:
        BudgetSpent: the share is used up.
    """
    began_at = trio.current_time()
    with trio.move_on_after(spending.talk_left_s) as share:
        try:
            yield trio.current_effective_deadline()
        finally:
            now = trio.current_time()
            spending.talked(now - began_at)
            note(spending.spent(now))
    if share.cancelled_caught:
        limit = spending.budgets.max_minutes
        raise BudgetSpent(f"{limit:g} minutes with the agent are over")


@dataclass(slots=True, kw_only=True, eq=False)
class _Job:
    """A reply to be made. `begun`: the dialogue has been asked for it."""

    reply: SpokenReply
    think: Callable[[SpokenReply], Awaitable[None]]
    begun: bool = False


class Conversation:
    """One call's conversation with a dialogue agent."""

    def __init__(
        self,
        dialogue: Dialogue,
        voice: Voice,
        rules: TurnRules,
        *,
        hears_echo: Callable[[], bool] = lambda: False,
    ) -> None:
        """Make a conversation; `hears_echo` says whether the line now carries our own voice."""
        self._dialogue = dialogue
        self._voice = voice
        self._hears_echo = hears_echo
        self._floor = Floor(rules)
        self._jobs_in: trio.MemorySendChannel[_Job]
        self._jobs: trio.MemoryReceiveChannel[_Job]
        self._job: _Job | None = None
        """The reply that is being thought, spoken or heard; None while it is the caller's go."""
        self._voice_at: float | None = None
        self._silent_at = self._understood_at = 0.0
        self._is_open = False
        self._ends_at = float("inf")
        self._waiting = trio.CancelScope()
        self._running = trio.CancelScope()
        self._decision: Decision | None = None

    async def run(
        self,
        events: trio.MemoryReceiveChannel[SpeechEvent],
        *,
        opening: Opening | None = None,
    ) -> Decision | None:
        """Converse until the agent decides to end; None when `events` ends first.

        Leaves `events` open: whoever fills it may go on after the decision. May be run again, after
        a transfer that failed: the dialogue is the same and remembers.

        A deadline of the caller's is when the call will be cut: a `TimeAware` dialogue is told
        before it.

        Args:
            events: from the recognizer.
            opening: the first reply; None for the dialogue's greeting. After a failed transfer
                `partial(dialogue.transfer_failed, reason)`.

        Raises:
            ProviderError: agent or synthesizer failed or was too slow.
            BudgetSpent: the call has used up its share.
        """
        self._jobs_in, self._jobs = trio.open_memory_channel[_Job](_MOST_JOBS)
        self._job = self._decision = None
        with talking(self._voice.spending, self._voice.note) as self._ends_at:
            self._floor.open(trio.current_time(), self._warn_at())
            await self._converse(events, opening or self._dialogue.open)
        return self._decision

    async def _converse(
        self, events: trio.MemoryReceiveChannel[SpeechEvent], opening: Opening
    ) -> None:
        with self._jobs_in, self._jobs, self._opened():
            async with trio.open_nursery() as nursery:
                self._running = nursery.cancel_scope
                nursery.start_soon(self._make_replies, name="replies")
                self._speak(opening)
                await self._listen(events)
                nursery.cancel_scope.cancel()

    def _warn_at(self) -> float:
        left_s = self._voice.budgets.warn_left_s
        if left_s == 0 or not isinstance(self._dialogue, TimeAware):
            return float("inf")
        return self._ends_at - left_s

    @contextmanager
    def _opened(self) -> Iterator[None]:
        self._is_open = True
        try:
            yield
        finally:
            self._is_open = False

    def key_pressed(self, key: str, at: float) -> None:
        """Take a key of the caller, one of `0-9A-D*#`, pressed at `at` (trio time).

        Never waits. Whoever calls has sorted out what socket and webhook both tell.
        """
        del at  # webhooks come late and in any order: what counts is when we learn of it
        self._take(KeyPressed(key))

    async def _listen(self, events: trio.MemoryReceiveChannel[SpeechEvent]) -> None:
        with suppress(trio.EndOfChannel):
            while True:
                self._take(await self._next_event(events))

    async def _next_event(
        self, events: trio.MemoryReceiveChannel[SpeechEvent]
    ) -> SpeechEvent | TimePassed:
        with trio.CancelScope(deadline=self._floor.wake_at) as self._waiting:
            return await events.receive()
        return TimePassed()

    # -- what happens ----------------------------------------------------------------------------

    def _take(self, event: floor_events.Event) -> None:
        """Tell the floor, and do what it says; nothing before and after a run."""
        if not self._is_open:
            return
        now = trio.current_time()
        self._note_event(event, now)
        for action in self._floor.take(event, self._line(event, now)):
            self._perform(action, event, now)
        self._waiting.deadline = self._floor.wake_at

    def _line(self, event: floor_events.Event, now: float) -> Line:
        if self._job is None:
            return Line(now=now)
        reply = self._job.reply
        asks = isinstance(event, SpeechStarted) or self._floor.suspects_echo
        return Line(
            now=now,
            protected=not reply.may_be_interrupted,
            closing=isinstance(reply.decision, HangUp),
            nearly_over=reply.is_nearly_over,
            echo=asks and reply.has_sounded and self._hears_echo(),
        )

    def _note_event(self, event: floor_events.Event, now: float) -> None:
        match event:
            case SpeechStarted():
                self._voice_at = event.voice_at
                self._voice.note(CallerSpeaking(at=event.at, voice_at=event.voice_at))
            case SpeechResumed():
                self._voice_at = event.at
            case SpeechEnded():
                self._silent_at = now
            case Final() | Partial():
                self._understood_at = now
            case _:
                pass

    # -- what is to be done ----------------------------------------------------------------------

    def _perform(self, action: floor_events.Action, event: floor_events.Event, now: float) -> None:
        match action:
            case floor_events.Answer():
                self._answer(action)
            case floor_events.Prompt(silences):
                self._speak(partial(self._dialogue.prompt, silences))
            case floor_events.Warn():
                assert isinstance(self._dialogue, TimeAware)
                self._speak(partial(self._dialogue.time_is_short, self._ends_at - now))
            case floor_events.GiveUp():
                self._end(HangUp(nobody_spoke=True))
            case floor_events.Understood(text, confidence):
                self._voice.note(CallerSaid(text=text, confidence=confidence, at=now))
            case floor_events.Withdraw():
                self._withdraw()
            case floor_events.Cut():
                self._cut(event, now)
            case _:
                self._change_reply(action, event, now)

    def _change_reply(
        self, action: floor_events.Change, event: floor_events.Event, now: float
    ) -> None:
        reply = self._present().reply
        match action:
            case floor_events.Release():
                reply.release()
            case floor_events.Fill(text):
                reply.bridge(text)
            case floor_events.Hold():
                self._note_barge_in(reply, event, now)
                reply.hold()
            case floor_events.Resume():
                self._voice.note(FalseAlarm(at=now))
                reply.resume()
            case _:
                assert_never(action)

    def _present(self) -> _Job:
        """The rules act on a reply only while there is one."""
        assert self._job is not None
        return self._job

    def _answer(self, action: floor_events.Answer) -> None:
        said = action.said
        turn = CallerTurn(text=said.text, confidence=said.confidence, digits=said.digits)
        clock = TurnClock(
            last_voice_at=action.since,
            silent_at=self._silent_at,
            understood_at=self._understood_at,
        )
        self._start(partial(self._dialogue.answer, turn), clock=clock, held_back=action.held_back)

    def _speak(self, think: Callable[[SpokenReply], Awaitable[None]]) -> None:
        """Begin a reply that answers nothing."""
        self._start(think, clock=None, held_back=False)

    def _start(
        self,
        think: Callable[[SpokenReply], Awaitable[None]],
        *,
        clock: TurnClock | None,
        held_back: bool,
    ) -> None:
        floor = Floorside(sounds=self._sounds, expects=self._expects)
        job = _Job(reply=SpokenReply(self._voice, clock=clock, floor=floor), think=think)
        if not held_back:
            job.reply.release()
        self._job = job
        self._jobs_in.send_nowait(job)

    def _note_barge_in(self, reply: SpokenReply, event: floor_events.Event, now: float) -> None:
        voice_at = None if isinstance(event, KeyPressed) else reply.spoken_over_from(self._voice_at)
        self._voice.note(BargeIn(at=now, voice_at=voice_at))

    def _cut(self, event: floor_events.Event, now: float) -> None:
        job, self._job = self._present(), None
        if not job.reply.is_held:
            self._note_barge_in(job.reply, event, now)
        heard = job.reply.interrupt()
        self._dialogue.interrupted(heard)
        self._tell_heard(job)

    def _withdraw(self) -> None:
        job, self._job = self._present(), None
        job.reply.withdraw()
        if job.begun and isinstance(self._dialogue, Remembering):
            self._dialogue.withdrawn()

    def _tell_heard(self, job: _Job) -> None:
        if isinstance(self._dialogue, Remembering) and job.reply.has_sounded:
            self._dialogue.heard(job.reply.pieces)

    def _end(self, decision: Decision) -> None:
        self._decision = decision
        self._running.cancel()

    # -- the agent's side ------------------------------------------------------------------------

    def _sounds(self) -> None:
        self._take(ReplySounds())

    def _expects(self, what: Expectation) -> None:
        self._floor.expect(what)

    async def _make_replies(self) -> None:
        async for job in self._jobs:
            if self._job is not job:
                continue  # withdrawn before it was begun
            job.begun = True
            try:
                await job.reply.run(job.think)
            finally:
                job.reply.settle()
            if self._job is job:
                self._over(job)

    def _over(self, job: _Job) -> None:
        self._job = None
        self._tell_heard(job)
        decision = job.reply.decision
        if decision is None:
            self._take(ReplyOver())
        elif isinstance(decision, HangUp) and self._floor.silences:
            self._end(HangUp(nobody_spoke=True))
        else:
            self._end(decision)
