"""How long the caller waited for an answer, and for whom. Pure: all times are trio times.

The wait runs from the caller's last voice to the first sound of the answer that can be heard, not
to the first message: a synthesizer's leading silence is waited for, too. It is divided along the
critical path, so that the parts add up to the whole: work that ran ahead of the end of the turn
costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """The wait for one answer, in seconds.

    Attributes:
        endpointing_s: until it was certain that the caller had finished, but for `recognizer_s`.
        recognizer_s: of that, waiting for words only.
        model_s: from there to the first text of the agent.
        synthesizer_s: to the first audio of it.
        pacing_s: to the message on the wire.
        lead_in_s: silence in front of the first sound.
    """

    endpointing_s: float
    recognizer_s: float
    model_s: float
    synthesizer_s: float
    pacing_s: float
    lead_in_s: float

    @property
    def total_s(self) -> float:
        """The whole wait."""
        parts = (self.endpointing_s, self.recognizer_s, self.model_s, self.synthesizer_s)
        return sum(parts) + self.pacing_s + self.lead_in_s


PARTS = tuple(field.name.removesuffix("_s") for field in fields(Latency))
"""For what a caller waits, in order, without the unit."""


@dataclass(slots=True, kw_only=True)
class TurnClock:
    """Collects the times of one answer.

    Attributes:
        last_voice_at: end of the caller's speech.
        silent_at: when the recognizer was sure that he had fallen silent.
        understood_at: when the words came on which the turn was decided.
        decided_at: when the turn was certain to be over.
        first_text_at: the agent's first words.
        first_audio_at: the synthesizer's first audio.
    """

    last_voice_at: float
    silent_at: float
    understood_at: float
    decided_at: float = float("inf")
    first_text_at: float | None = None
    first_audio_at: float | None = None

    def latency(self, sent_at: float, lead_in_s: float) -> Latency:
        """Return the wait: the first audio left at `sent_at`, with so much silence before sound."""
        decided_at = min(self.decided_at, sent_at)
        text_at = max(decided_at, self._or(self.first_text_at, decided_at))
        audio_at = max(text_at, self._or(self.first_audio_at, text_at))
        recognizer_s = 0.0
        if self.understood_at >= decided_at:  # the words came last: nothing else was waited for
            recognizer_s = decided_at - min(max(self.silent_at, self.last_voice_at), decided_at)
        return Latency(
            endpointing_s=decided_at - self.last_voice_at - recognizer_s,
            recognizer_s=recognizer_s,
            model_s=text_at - decided_at,
            synthesizer_s=audio_at - text_at,
            pacing_s=sent_at - audio_at,
            lead_in_s=lead_in_s,
        )

    @staticmethod
    def _or(at: float | None, otherwise: float) -> float:
        return otherwise if at is None else at
