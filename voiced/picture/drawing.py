"""What a picture of a call shows, before it has a place on paper. Pure.

All times are seconds since the call began to ring.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

    from voiced.picture.peaks import CallSound
    from voiced.record.heard import Heard

Side: TypeAlias = Literal["caller", "agent"]

MarkerKind: TypeAlias = Literal[
    "answer", "barge-in", "clear", "false-alarm", "gap", "silence", "transfer", "trouble", "hangup"
]

LONGEST_UNHEARD_S = 4.0
"""How far the bar of words that were never heard reaches, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A stretch of speech of one side; text "" where nobody knows it.

    `heard` tells of the agent's words what reached the caller: `heard_text` is the part that did;
    None where that is no question. `unheard_s` is about how long the words were that did not.
    """

    side: Side
    start_s: float
    end_s: float
    text: str = ""
    heard: Heard | None = None
    heard_text: str = ""
    unheard_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """An answer: from the end of the caller's speech to the first sound of the agent's.

    `parts` say for whom the caller waited, in order: the fields of `voiced.record.latency.Latency`
    without their unit, and seconds. Empty where only the audio is known.
    """

    start_s: float
    end_s: float
    parts: Sequence[tuple[str, float]] = ()

    @property
    def seconds(self) -> float:
        """Return how long the caller waited."""
        return self.end_s - self.start_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Marker:
    """Something that happened at one moment."""

    at_s: float
    label: str
    kind: MarkerKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """A stretch of time in which something held."""

    start_s: float
    end_s: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Drawing:
    """A call, ready to be drawn.

    Attributes:
        title, subtitle: stand above.
        summary: the picture in a few sentences, for those who cannot see it.
        length_s: of the call.
        sound: what both sides sounded like; None if nothing was kept.
    """

    title: str
    subtitle: str = ""
    summary: str = ""
    length_s: float = 0.0
    sound: CallSound | None = None
    passages: Sequence[Passage] = ()
    waits: Sequence[Wait] = ()
    markers: Sequence[Marker] = ()
    bands: Sequence[Band] = ()

    @property
    def duration_s(self) -> float:
        """Return how long the time axis is: at least a second, to have something to draw."""
        sound = self.sound
        ends = () if sound is None else (sound.caller.ends_at_s, sound.agent.ends_at_s)
        return max(self.length_s, 1.0, *ends, *(passage.end_s for passage in self.passages))

    def of(self, side: Side) -> list[Passage]:
        """Return the passages of one side, in order."""
        return sorted((p for p in self.passages if p.side == side), key=lambda p: p.start_s)
