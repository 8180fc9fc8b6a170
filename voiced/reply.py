"""One reply of the agent: sentences to audio, marks, and what of it was heard.

A reply lives in its own cancel scope. Barge-in cancels that scope, and with it the agent's
thinking and the synthesizer; nothing of it can be queued afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import trio

from voiced.agent.sentences import split_sentences
from voiced.errors import ProviderTooSlow
from voiced.heard import HeardLedger
from voiced.journal import AgentHeard, AgentSpeaking
from voiced.turns.expect import ExpectSpeech

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from voiced.audio.frame import Pcm
    from voiced.heard import HeardPiece
    from voiced.journal import Note
    from voiced.outbound import Outbound, PlayoutMark
    from voiced.synthesizer.base import Synthesizer
    from voiced.turns.expect import Expectation

FIRST_AUDIO_S = 10.0
"""Budget from the end of the caller's turn to the first audio of the reply."""

MARK_GRACE_S = 3.0
"""How long a mark may lag behind the end of its audio before we go on without it."""


@dataclass(frozen=True, slots=True)
class HangUp:
    """The agent wants the call to end; `nobody_spoke`: it gave up on a silent caller."""

    nobody_spoke: bool = False


@dataclass(frozen=True, slots=True)
class Transfer:
    """The agent wants the caller transferred; `to` is E.164 or a SIP URI."""

    to: str


Decision: TypeAlias = HangUp | Transfer


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """What a reply speaks with."""

    synthesizer: Synthesizer
    outbound: Outbound
    note: Note


class SpokenReply:
    """Fits `voiced.agent.base.Reply` for dialogue agents."""

    def __init__(self, voice: Voice, *, since: float | None) -> None:
        """Make a reply; `since` is when the caller's last voice was heard (None: greeting)."""
        self._voice = voice
        self._since = since
        self._scope = trio.CancelScope()
        self._ledger = HeardLedger()
        self._last_mark: PlayoutMark | None = None
        self._protected_until_s = float("-inf")
        self._interrupted = False
        self.has_sounded = False
        self.decision: Decision | None = None
        self.expected: Expectation = ExpectSpeech()

    # -- for the dialogue ------------------------------------------------------------------------

    async def say(self, text: str, *, protected: bool = False) -> None:
        """Speak `text`; returns when its audio is queued."""
        for sentence in split_sentences(text):
            await self._speak(sentence)
            if protected:
                self._protected_until_s = self._voice.outbound.position_s

    def expect(self, what: Expectation) -> None:
        """Say what the caller will answer to this reply."""
        self.expected = what

    def hang_up(self) -> None:
        """End the call once everything said in this reply has been heard."""
        self.decision = HangUp()

    def transfer(self, to: str) -> None:
        """Transfer the caller once everything said in this reply has been heard."""
        self.decision = Transfer(to)

    # -- for the conversation --------------------------------------------------------------------

    async def run(self, think: Callable[[SpokenReply], Awaitable[None]]) -> None:
        """Let the dialogue speak and wait until it was heard, or until interrupted.

        Raises:
            ProviderTooSlow: no audio came within `FIRST_AUDIO_S`.
        """
        self._scope.deadline = trio.current_time() + FIRST_AUDIO_S
        with self._scope:
            await think(self)
            self._scope.deadline = float("inf")
            await self._wait_heard()
        if self._scope.cancelled_caught and not self._interrupted:
            raise ProviderTooSlow("agent", f"no audio within {FIRST_AUDIO_S:.0f} s of the turn")

    @property
    def may_be_interrupted(self) -> bool:
        """Whether no protected passage is still playing."""
        return self._voice.outbound.played_s >= self._protected_until_s

    def interrupt(self) -> str:
        """Stop at once, `clear` ahead of all audio; return what the caller did hear."""
        self._interrupted = True
        self._scope.cancel()
        self._note_heard(self._ledger.cut(self._voice.outbound.clear()))
        return self._ledger.heard_text

    def settle(self) -> None:
        """The call is over: note what will now stay unknown."""
        self._note_heard(self._ledger.lost())

    # -- inside ----------------------------------------------------------------------------------

    async def _speak(self, sentence: str) -> None:
        outbound, synthesizer = self._voice.outbound, self._voice.synthesizer
        self._ledger.begin(sentence, outbound.position_s)
        begun = False

        async def sink(pcm: Pcm) -> None:
            nonlocal begun
            if not begun:
                begun = True
                self._announce(sentence)
            await outbound.play(pcm, synthesizer.rate_hz)

        await synthesizer.synthesize(sentence, sink)
        end_s = outbound.position_s
        self._last_mark = outbound.mark(self._mark_played)
        self._ledger.finish(end_s, self._last_mark.name)

    def _announce(self, sentence: str) -> None:
        """Note a sentence: the first one when it leaves, later ones when their turn will come."""
        if self.has_sounded:
            starts_at = trio.current_time() + self._voice.outbound.unplayed_s
            self._voice.note(AgentSpeaking(text=sentence, at=starts_at, latency_s=None))
        else:
            self._voice.outbound.when_next_sent(lambda at: self._first_audio(sentence, at))

    def _first_audio(self, sentence: str, at: float) -> None:
        self.has_sounded = True
        self._scope.deadline = float("inf")
        latency_s = None if self._since is None else at - self._since
        self._voice.note(AgentSpeaking(text=sentence, at=at, latency_s=latency_s))

    def _mark_played(self, name: str) -> None:
        piece = self._ledger.played(name)
        if piece is not None:
            self._note_heard([piece])

    def _note_heard(self, pieces: list[HeardPiece]) -> None:
        now = trio.current_time()
        for piece in pieces:
            self._voice.note(
                AgentHeard(
                    text=piece.text,
                    heard=piece.heard,
                    heard_text=piece.heard_text,
                    at=now,
                )
            )

    async def _wait_heard(self) -> None:
        if self._last_mark is not None:
            with trio.move_on_after(self._voice.outbound.unplayed_s + MARK_GRACE_S):
                await self._last_mark.played.wait()
