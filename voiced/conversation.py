"""Turns: the caller's words in, the agent's replies out. The agent's task of a call.

One reply at a time, each in its own cancel scope. Rules, all of them here:

* The caller starts to speak while a reply sounds: barge-in. The reply is cut, unless barge-in is
  off or a protected passage plays; then what the caller says meanwhile is not a turn.
* The caller goes on before the reply has sounded: it was not the end of the turn. The reply is
  dropped, and the words are put together.
* Words that come while the caller is already speaking again wait for the rest.
* Keys are collected to a number (`voiced.turns.digits`), which is a turn, with the words that came
  with it. A key is barge-in like a word; over a protected passage it is kept for later.
* Nobody speaks for the silence timeout: the dialogue may prompt. The clock stands still while
  either side speaks.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeAlias, assert_never

import trio

from voiced.agent.base import CallerTurn
from voiced.journal import BargeIn, CallerSaid, CallerSpeaking
from voiced.recognizer.base import Final, Partial, SpeechEnded, SpeechStarted
from voiced.reply import HangUp, SpokenReply
from voiced.turns.digits import DigitCollector
from voiced.turns.expect import MAX_DIGITS, ExpectDigits, ExpectSpeech

if TYPE_CHECKING:
    from voiced.agent.base import Dialogue
    from voiced.recognizer.base import SpeechEvent
    from voiced.reply import Decision, Voice
    from voiced.turns.expect import Expectation

Opening: TypeAlias = Callable[[SpokenReply], Awaitable[None]]
"""What speaks the first reply of a conversation."""


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
    digits: str = ""


class Conversation:
    """One call's conversation with a dialogue agent."""

    def __init__(self, dialogue: Dialogue, voice: Voice, rules: TurnRules) -> None:
        self._dialogue = dialogue
        self._voice = voice
        self._rules = rules
        self._jobs_in, self._jobs = trio.open_memory_channel[_Job](0)
        self._collector = DigitCollector()
        self._keys: deque[tuple[str, float]] = deque(maxlen=MAX_DIGITS)
        self._digits = ""
        self._expected: Expectation = ExpectSpeech()
        self._job: _Job | None = None
        """The reply that is being thought, spoken or heard; None while it is the caller's go."""
        self._words: tuple[Final, ...] = ()
        self._open_utterances = 0
        self._deaf = False
        self._cut = False
        self._silences = 0
        self._quiet_since = trio.current_time()
        self._waiting = trio.CancelScope()
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

        Args:
            events: from the recognizer.
            opening: the first reply; None for the dialogue's greeting. After a failed transfer
                `partial(dialogue.transfer_failed, reason)`.

        Raises:
            ProviderError: agent or synthesizer failed or was too slow.
        """
        self._begin_anew()
        with self._jobs_in, self._jobs:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._make_replies, nursery.cancel_scope, name="replies")
                await self._start(opening or self._dialogue.open, since=None)
                await self._listen(events)
                nursery.cancel_scope.cancel()
        return self._decision

    def key_pressed(self, key: str, at: float) -> None:
        """Take a key of the caller, one of `0-9A-D*#`, pressed at `at` (trio time).

        Never waits. Whoever calls has sorted out what socket and webhook both tell.
        """
        self._keys.append((key, at))
        self._waiting.cancel()

    def _begin_anew(self) -> None:
        """Forget what belongs to an earlier run."""
        self._jobs_in, self._jobs = trio.open_memory_channel[_Job](0)
        self._job = self._decision = None
        self._words, self._open_utterances = (), 0
        self._deaf = self._cut = False
        self._silences = 0
        self._expected = ExpectSpeech()
        self._digits = ""
        self._collector.take()
        self._keys.clear()

    # -- the caller's side -----------------------------------------------------------------------

    async def _listen(self, events: trio.MemoryReceiveChannel[SpeechEvent]) -> None:
        while True:
            event: SpeechEvent | None = None
            with trio.CancelScope(deadline=self._deadline()) as self._waiting:
                if self._keys:
                    self._waiting.cancel()
                try:
                    event = await events.receive()
                except trio.EndOfChannel:
                    return
            if event is not None:
                self._quiet_since = trio.current_time()
                await self._handle(event)
            elif self._keys:
                await self._take_key(*self._keys.popleft())
            elif self._collector.due_at <= trio.current_time():
                await self._keyed(self._collector.take())
            elif self._digits and self._job is None and self._open_utterances == 0:
                await self._answer()  # keyed in over a protected passage
            elif self._quiet_deadline() <= trio.current_time():
                await self._prompt()
            else:
                await trio.lowlevel.checkpoint()

    async def _take_key(self, key: str, at: float) -> None:
        self._silences = 0
        self._quiet_since = trio.current_time()
        self._make_way(at)
        number = self._collector.press(key, at)
        if number is not None:
            await self._keyed(number)

    async def _keyed(self, number: str) -> None:
        self._digits += number
        if self._open_utterances == 0 and self._job is None:
            await self._answer()

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
        self._deaf = not self._make_way(at)

    def _make_way(self, at: float) -> bool:
        """Silence or drop our reply for the caller; False if it may not be interrupted."""
        if self._job is None:
            return True
        if self._job.reply.has_sounded:
            if not (self._rules.barge_in and self._job.reply.may_be_interrupted):
                return False
            self._voice.note(BargeIn(at=at))
            self._cut = True
            self._dialogue.interrupted(self._drop_reply(self._job))
        elif self._job.words or self._job.digits:  # the turn was not over: answer all of it
            self._words, self._digits = self._job.words, self._job.digits
            self._drop_reply(self._job)
        return True

    def _drop_reply(self, job: _Job) -> str:
        self._job = None
        return job.reply.interrupt()

    async def _caller_said(self, final: Final) -> None:
        self._open_utterances = max(0, self._open_utterances - 1)
        self._voice.note(
            CallerSaid(text=final.text, confidence=final.confidence, at=trio.current_time())
        )
        if self._deaf:
            return
        if final.text or self._cut:  # a cough in a silence is no turn, but one that cut us is
            self._words = (*self._words, final)
        if self._collector.is_collecting:
            return  # the number's end is the turn's
        if self._words and self._open_utterances == 0 and self._job is None:
            await self._answer()

    async def _answer(self) -> None:
        words, self._words, self._cut = self._words, (), False
        digits, self._digits = self._digits, ""
        turn = CallerTurn(
            text=" ".join(final.text for final in words if final.text),
            confidence=min((final.confidence for final in words), default=1.0),
            digits=digits,
        )
        self._expected = ExpectSpeech()
        self._collector.expect(ExpectDigits())
        think = partial(self._dialogue.answer, turn)
        since = words[-1].last_voice_at if words and not digits else trio.current_time()
        await self._start(think, since=since, words=words, digits=digits)

    async def _prompt(self) -> None:
        self._silences += 1
        await self._start(partial(self._dialogue.prompt, self._silences), since=None)

    def _deadline(self) -> float:
        due_at = float("inf") if self._job is not None else self._collector.due_at
        return min(self._quiet_deadline(), due_at)

    def _quiet_deadline(self) -> float:
        if self._job is not None or self._open_utterances or self._collector.is_collecting:
            return float("inf")
        return self._quiet_since + self._silence_timeout_s()

    def _silence_timeout_s(self) -> float:
        if isinstance(self._expected, ExpectDigits):
            return self._expected.first_digit_timeout_s or self._rules.silence_timeout_s
        return self._rules.silence_timeout_s

    # -- the agent's side ------------------------------------------------------------------------

    async def _start(
        self,
        think: Callable[[SpokenReply], Awaitable[None]],
        *,
        since: float | None,
        words: tuple[Final, ...] = (),
        digits: str = "",
    ) -> None:
        reply = SpokenReply(self._voice, since=since)
        self._job = _Job(reply=reply, think=think, words=words, digits=digits)
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
                self._now_expect(job.reply.expected)

    def _now_expect(self, expected: Expectation) -> None:
        """It is the caller's go; the listening task takes it from here."""
        self._expected = expected
        if isinstance(expected, ExpectDigits):
            self._collector.expect(expected)
        self._quiet_since = trio.current_time()
        self._waiting.deadline = float("-inf") if self._digits else self._deadline()

    def _decide(self, decision: Decision | None) -> None:
        if isinstance(decision, HangUp) and self._silences:
            decision = HangUp(nobody_spoke=True)
        self._decision = decision
