"""Turns: the caller's words in, the agent's replies out. The agent's task of a call.

One reply at a time, each in its own cancel scope. Rules, all of them here:

* The caller starts to speak while a reply sounds: barge-in. The reply is cut, unless barge-in is
  off or a protected passage plays; then what the caller says meanwhile is not a turn.
* The caller goes on before the reply has sounded: it was not the end of the turn. The reply is
  dropped, and the words are put together.
* Words that come while the caller is already speaking again wait for the rest.
* Nobody speaks for the silence timeout: the dialogue may prompt. The clock stands still while
  either side speaks.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, assert_never

import trio

from voiced.agent.base import CallerTurn
from voiced.journal import BargeIn, CallerSaid, CallerSpeaking
from voiced.recognizer.base import Final, Partial, SpeechEnded, SpeechStarted
from voiced.reply import HangUp, SpokenReply

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from voiced.agent.base import Dialogue
    from voiced.recognizer.base import SpeechEvent
    from voiced.reply import Decision, Voice


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnRules:
    """What the operator may set."""

    silence_timeout_s: float
    barge_in: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """A reply to be made: `words` is the turn it answers, () for greeting and prompts."""

    reply: SpokenReply
    think: Callable[[SpokenReply], Awaitable[None]]
    words: tuple[Final, ...] = ()


class Conversation:
    """One call's conversation with a dialogue agent."""

    def __init__(self, dialogue: Dialogue, voice: Voice, rules: TurnRules) -> None:
        self._dialogue = dialogue
        self._voice = voice
        self._rules = rules
        self._jobs_in, self._jobs = trio.open_memory_channel[_Job](0)
        self._job: _Job | None = None
        """The reply that is being thought, spoken or heard; None while it is the caller's go."""
        self._words: tuple[Final, ...] = ()
        self._open_utterances = 0
        self._deaf = False
        self._cut = False
        self._silences = 0
        self._waiting = trio.CancelScope()
        self._decision: Decision | None = None

    async def run(self, events: trio.MemoryReceiveChannel[SpeechEvent]) -> Decision | None:
        """Converse until the agent decides to end; None when `events` ends first.

        Leaves `events` open: whoever fills it may go on after the decision.

        Raises:
            ProviderError: agent or synthesizer failed or was too slow.
        """
        with self._jobs_in, self._jobs:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._make_replies, nursery.cancel_scope, name="replies")
                await self._start(self._dialogue.open, since=None)
                await self._listen(events)
                nursery.cancel_scope.cancel()
        return self._decision

    # -- the caller's side -----------------------------------------------------------------------

    async def _listen(self, events: trio.MemoryReceiveChannel[SpeechEvent]) -> None:
        while True:
            event: SpeechEvent | None = None
            with trio.CancelScope(deadline=self._quiet_deadline()) as self._waiting:
                try:
                    event = await events.receive()
                except trio.EndOfChannel:
                    return
            if event is None:
                await self._prompt()
            else:
                await self._handle(event)

    async def _handle(self, event: SpeechEvent) -> None:
        match event:
            case SpeechStarted():
                self._caller_starts(event.at)
            case Final():
                await self._caller_said(event)
            case SpeechEnded() | Partial():
                pass
            case _:
                assert_never(event)

    def _caller_starts(self, at: float) -> None:
        self._open_utterances += 1
        self._silences = 0
        self._deaf = False
        self._voice.note(CallerSpeaking(at=at))
        if self._job is None:
            return
        if self._job.reply.has_sounded:
            self._deaf = not (self._rules.barge_in and self._job.reply.may_be_interrupted)
            if not self._deaf:
                self._voice.note(BargeIn(at=at))
                self._cut = True
                self._dialogue.interrupted(self._drop_reply(self._job))
        elif self._job.words:
            self._words = self._job.words  # the turn was not over: answer all of it
            self._drop_reply(self._job)

    def _drop_reply(self, job: _Job) -> str:
        self._job = None
        return job.reply.interrupt()

    async def _caller_said(self, final: Final) -> None:
        self._open_utterances -= 1
        self._voice.note(
            CallerSaid(text=final.text, confidence=final.confidence, at=trio.current_time())
        )
        if self._deaf:
            return
        if final.text or self._cut:  # a cough in a silence is no turn, but one that cut us is
            self._words = (*self._words, final)
        if self._words and self._open_utterances == 0 and self._job is None:
            await self._answer()

    async def _answer(self) -> None:
        words, self._words, self._cut = self._words, (), False
        turn = CallerTurn(
            text=" ".join(final.text for final in words if final.text),
            confidence=min(final.confidence for final in words),
        )
        think = partial(self._dialogue.answer, turn)
        await self._start(think, since=words[-1].last_voice_at, words=words)

    async def _prompt(self) -> None:
        self._silences += 1
        await self._start(partial(self._dialogue.prompt, self._silences), since=None)

    def _quiet_deadline(self) -> float:
        if self._job is not None or self._open_utterances:
            return float("inf")
        return trio.current_time() + self._rules.silence_timeout_s

    # -- the agent's side ------------------------------------------------------------------------

    async def _start(
        self,
        think: Callable[[SpokenReply], Awaitable[None]],
        *,
        since: float | None,
        words: tuple[Final, ...] = (),
    ) -> None:
        reply = SpokenReply(self._voice, since=since)
        self._job = _Job(reply=reply, think=think, words=words)
        await self._jobs_in.send(self._job)

    async def _make_replies(self, conversation: trio.CancelScope) -> None:
        async for job in self._jobs:
            try:
                await job.reply.run(job.think)
            finally:
                job.reply.settle()
            if self._job is job:
                self._job = None
                self._decide(job.reply.decision)
                if self._decision is not None:
                    conversation.cancel()
                self._waiting.deadline = self._quiet_deadline()

    def _decide(self, decision: Decision | None) -> None:
        if isinstance(decision, HangUp) and self._silences:
            decision = HangUp(nobody_spoke=True)
        self._decision = decision
