"""One reply of the agent: its words to audio, marks, and what of it was heard.

A reply lives in its own cancel scope. An interruption cancels that scope, and with it the agent's
thinking and the synthesizer; nothing of it can be queued afterwards.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

import trio

from voiced.agent.sentences import SentenceSplitter, split_sentences
from voiced.agent.tools.budgeted import tool_run
from voiced.call.passages import Listener, Passage, Passages
from voiced.errors import AgentTooSlow, ProviderTooSlow, SynthesizerTooSlow
from voiced.leg.phone import refusals_are_the_agents
from voiced.record.journal import AgentHeard, AgentSpeaking, Cleared, Silenced
from voiced.turns.budgets import Budgets, Spending

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterator

    from voiced.leg.phone import Phone
    from voiced.media.outbound import Outbound
    from voiced.record.heard import HeardPiece
    from voiced.record.journal import Note
    from voiced.record.latency import TurnClock
    from voiced.synthesizer.base import Synthesizer
    from voiced.turns.expect import Expectation

NEARLY_OVER_S = 1.0
"""Who speaks when less is left of a reply has heard its question."""


@dataclass(frozen=True, slots=True)
class HangUp:
    """The agent wants the call to end; `nobody_spoke`: it gave up on a silent caller."""

    nobody_spoke: bool = False


@dataclass(frozen=True, slots=True)
class Transfer:
    """The agent wants the caller transferred; `to` is E.164 or a SIP URI.

    With a `briefing` the transfer is warm: the target is told it and asked before it is connected.
    """

    to: str
    briefing: str = ""


Decision: TypeAlias = HangUp | Transfer


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """What a reply speaks with.

    `spoken` turns a text into what the synthesizer is given (numbers in words ...). `pause_s` of
    silence parts its sentences.
    """

    synthesizer: Synthesizer
    outbound: Outbound
    note: Note
    phone: Phone
    spoken: Callable[[str], str] = str
    pause_s: float = 0.0
    spending: Spending = field(default_factory=lambda: Spending(Budgets()))

    @property
    def budgets(self) -> Budgets:
        """What the call may take and cost."""
        return self.spending.budgets


@dataclass(frozen=True, slots=True, kw_only=True)
class Floorside:
    """What the conversation is told of a reply. Neither waits."""

    sounds: Callable[[], None] = lambda: None
    expects: Callable[[Expectation], None] = lambda _: None


class SpokenReply:
    """Fits `voiced.agent.base.Reply` for dialogue agents."""

    def __init__(
        self,
        voice: Voice,
        *,
        clock: TurnClock | None = None,
        floor: Floorside | None = None,
    ) -> None:
        """Make a reply that is held back until `release`.

        `clock` is that of the turn it answers; None for greetings and prompts.
        """
        self._voice = voice
        self._clock = clock
        self._floor = floor or Floorside()
        self._scope = trio.CancelScope()
        self._passages = Passages(
            voice.synthesizer,
            voice.outbound,
            voice.spoken,
            Listener(
                begins=self._begins,
                heard=self._note_heard,
                cleared=lambda at: voice.note(Cleared(at=at)),
                silenced=lambda at: voice.note(Silenced(at=at)),
            ),
            pause_s=voice.pause_s,
        )
        self._has_words = False
        self._thought = False
        self._interrupted = False
        self._answered = False
        self._n_protected = 0  # what the agent does by phone and must not be interrupted
        self._n_busy = 0  # what it does by phone or by tools
        self._audio_deadline = float("inf")
        self._sounded_at: float | None = None
        self.decision: Decision | None = None

    @property
    def has_sounded(self) -> bool:
        """Whether the caller has been sent anything of it."""
        return self._sounded_at is not None

    def spoken_over_from(self, voice_at: float | None) -> float | None:
        """Return since when a caller who has been speaking since `voice_at` speaks over it."""
        if voice_at is None or self._sounded_at is None:
            return voice_at
        return max(voice_at, self._sounded_at)

    # -- for the dialogue ------------------------------------------------------------------------

    async def say(self, text: str | AsyncIterable[str], *, protected: bool = False) -> None:
        """Speak `text`; returns when its audio is on its way. A stream is spoken as it comes."""
        if isinstance(text, str):
            for sentence in split_sentences(text):
                await self._queue(sentence, protected=protected)
        elif isinstance(text, AsyncGenerator):
            async with aclosing(text):
                await self._say_stream(text, protected=protected)
        else:
            await self._say_stream(text, protected=protected)

    async def _say_stream(self, pieces: AsyncIterable[str], *, protected: bool) -> None:
        splitter = SentenceSplitter()
        async for piece in pieces:
            if piece.strip():
                self._words_came()
            for sentence in splitter.feed(piece):
                await self._queue(sentence, protected=protected)
        for sentence in splitter.flush():
            await self._queue(sentence, protected=protected)

    async def wait_heard(self) -> None:
        """Wait until the caller has heard what was said so far, or that is overdue."""
        await self._passages.wait_heard()

    def expect(self, what: Expectation) -> None:
        """Say what the caller will answer to this reply."""
        if not self._interrupted:
            self._floor.expects(what)

    @property
    def phone(self) -> Phone:
        """What the agent may do to the call beside speaking."""
        return self._voice.phone.on(self)

    @asynccontextmanager
    async def acting(self, *, protected: bool) -> AsyncIterator[None]:
        """Do something to the call inside, once the caller's turn is certain.

        It is not undone, so from here on the reply counts as heard: it is interrupted, not
        withdrawn. Its budgets stand still meanwhile.
        """
        await self._passages.released()
        self._words_came()
        if not self.has_sounded:
            self._sounds(trio.current_time())
        self._n_protected += protected
        try:
            with self._busy():
                yield
        finally:
            self._n_protected -= protected

    @contextmanager
    def _busy(self) -> Iterator[None]:
        """Let the budgets of words and audio stand still inside; they begin anew behind it."""
        self._n_busy += 1
        self._scope.deadline = float("inf")
        try:
            yield
        finally:
            self._n_busy -= 1
            if not (self._n_busy or self._answered or self._thought):
                self._audio_deadline = trio.current_time() + self._voice.budgets.first_audio_s
                self._scope.deadline = self._audio_deadline

    def hang_up(self) -> None:
        """End the call once everything said in this reply has been heard."""
        self.decision = HangUp()

    def transfer(self, to: str, briefing: str = "") -> None:
        """Transfer the caller once everything said in this reply has been heard."""
        self.decision = Transfer(to, briefing)

    def fill(self, text: str) -> None:
        """Say `text` to bridge a wait; it counts as no answer."""
        if not self._interrupted:
            self._passages.put_first(Passage(text=text, filler=True))

    def spend(self, tokens: int) -> None:
        """Count tokens of a model; raises BudgetSpent when the call has had its share."""
        self._voice.spending.tokens(tokens)

    @asynccontextmanager
    async def tool(self, name: str, arguments: str = "") -> AsyncIterator[None]:
        """Run a tool inside: within its time, and not for ever with the same arguments.

        The budgets of words and audio stand still meanwhile.

        Raises:
            ToolTooSlow: it took longer than `[budgets] tool_s`.
            ToolRepeated: it was called with these arguments too often in a row.
        """
        await self._passages.released()  # it may change the world: not for a turn that may go on
        self._words_came()
        voice = self._voice
        run = tool_run(name, arguments, spending=voice.spending, note=voice.note)
        with self._busy():
            async with run:
                yield

    # -- for the conversation --------------------------------------------------------------------

    async def run(self, think: Callable[[SpokenReply], Awaitable[None]]) -> None:
        """Let the dialogue speak and wait until it was heard, or until interrupted.

        Raises:
            ExceptionGroup: of ProviderTooSlow when no words or no audio came in time, and of
                whatever the dialogue or the synthesizer raise.
        """
        with self._scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._passages.run, name="passages")
                with refusals_are_the_agents():
                    await think(self)
                self._thought = True
                self._scope.deadline = float("inf")
                await self._passages.wait_heard()
                nursery.cancel_scope.cancel()
        if self._scope.cancelled_caught and not self._interrupted:
            raise self._too_slow()

    def _too_slow(self) -> ProviderTooSlow:
        budgets = self._voice.budgets
        audio_s = budgets.first_audio_s
        if self._passages.has_unsaid:
            return SynthesizerTooSlow("synthesizer", f"no audio within {audio_s:g} s of the turn")
        limit_s = audio_s if self._has_words else min(budgets.first_words_s, audio_s)
        return AgentTooSlow("agent", f"no words within {limit_s:g} s of the turn")

    def release(self) -> None:
        """Let it sound: the turn is certain. From now on its budgets count."""
        self._passages.release()
        now = trio.current_time()
        if self._clock is not None:
            self._clock.decided_at = now
        if not (self.has_sounded or self._thought):
            budgets = self._voice.budgets
            self._audio_deadline = now + budgets.first_audio_s
            words_deadline = now + budgets.first_words_s
            self._scope.deadline = (
                self._audio_deadline
                if self._has_words
                else min(words_deadline, self._audio_deadline)
            )

    @property
    def may_be_interrupted(self) -> bool:
        """Whether nothing protected is playing or being done."""
        return self._n_protected == 0 and self._passages.may_be_interrupted

    @property
    def is_nearly_over(self) -> bool:
        """Whether the caller has as good as heard it."""
        return self._thought and self._passages.rest_s < NEARLY_OVER_S

    @property
    def is_held(self) -> bool:
        """Whether it fell silent and may go on."""
        return self._passages.is_held

    @property
    def pieces(self) -> tuple[HeardPiece, ...]:
        """What became of each passage, as far as it is known."""
        return self._passages.pieces

    def hold(self) -> None:
        """Fall silent at once; the agent may think on."""
        self._passages.hold()

    def resume(self) -> None:
        """Go on from the word where it fell silent."""
        self._passages.resume()

    def bridge(self, text: str) -> None:
        """Say `text` if the agent still thinks."""
        if not self._has_words:
            self.fill(text)

    def interrupt(self) -> str:
        """Stop for good, `clear` ahead of all audio; return what the caller did hear."""
        self._interrupted = True
        self._scope.cancel()
        self._passages.stop()
        return self._passages.heard_text

    def withdraw(self) -> None:
        """Stop without a trace: nothing of it has sounded."""
        self._interrupted = True
        self._scope.cancel()
        self._passages.drop()

    def settle(self) -> None:
        """The reply or the call is over: note what will now stay unknown."""
        self._passages.lose()

    # -- inside ----------------------------------------------------------------------------------

    async def _queue(self, sentence: str, *, protected: bool) -> None:
        self._words_came()
        self._voice.spending.characters(len(sentence))
        await self._passages.queue(Passage(text=sentence, protected=protected))

    def _words_came(self) -> None:
        if self._has_words:
            return
        self._has_words = True
        if self._clock is not None:
            self._clock.first_text_at = trio.current_time()
        if self._scope.deadline < float("inf"):
            self._scope.deadline = self._audio_deadline

    def _begins(self, passage: Passage, lead_in_s: float) -> None:
        """Note a passage: when it leaves, or when its turn will come behind what still plays."""
        now, text = trio.current_time(), passage.text
        begins_at = now + self._voice.outbound.unplayed_s
        if passage.filler:
            when = self._filler_sounds
        elif self._answered:
            when = self._goes_on
        else:
            self._answered = True
            if self._clock is not None and self._clock.first_audio_at is None:
                self._clock.first_audio_at = now
            when = partial(self._answer_sounds, lead_in_s=lead_in_s)
        if begins_at > now:
            when(text, begins_at)
        else:
            self._voice.outbound.when_next_sent(partial(when, text))

    def _filler_sounds(self, text: str, at: float) -> None:
        self._voice.note(AgentSpeaking(text=text, at=at, latency_s=None, filler=True))
        self._sounds(at)

    def _goes_on(self, text: str, at: float) -> None:
        self._voice.note(AgentSpeaking(text=text, at=at, latency_s=None))

    def _answer_sounds(self, text: str, at: float, *, lead_in_s: float) -> None:
        self._scope.deadline = float("inf")
        latency = None if self._clock is None else self._clock.latency(at, lead_in_s)
        latency_s = None if latency is None else latency.total_s
        self._voice.note(AgentSpeaking(text=text, at=at, latency_s=latency_s, latency=latency))
        self._sounds(at)

    def _sounds(self, at: float) -> None:
        if self._sounded_at is None:
            self._sounded_at = at
        self._floor.sounds()

    def _note_heard(self, piece: HeardPiece) -> None:
        self._voice.note(
            AgentHeard(
                text=piece.text,
                heard=piece.heard,
                heard_text=piece.heard_text,
                at=trio.current_time(),
            )
        )
