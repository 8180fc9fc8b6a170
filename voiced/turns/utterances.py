"""The caller's utterances that are in the air: begun, and not settled by a transcript yet. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from voiced.turns.events import Words

MOST_OPEN = 16
"""A recognizer that starts utterances and never settles them must not fill memory."""


@dataclass(slots=True, kw_only=True)
class Utterance:
    """One of them.

    Attributes:
        started_at: trio time at which the detector was sure of it.
        deaf: what is said in it is no turn (a protected passage, barge-in is off, ...).
        echo: it is taken for our own voice until it turns out to be more.
        over: it began over our reply and has not silenced it.
        speaking: the voice goes on.
        partial: what was recognized of it so far.
        paused: the caller has paused after `partial`: the turn may end there.
        stable: `partial` has not changed for a while.
        taken: it has been answered before its transcript was settled.
        noted: the text that has been noted as understood.
    """

    started_at: float
    deaf: bool = False
    echo: bool = False
    over: bool = False
    speaking: bool = True
    partial: Words | None = None
    paused: bool = False
    stable: bool = False
    taken: bool = False
    noted: str | None = None


class OpenUtterances:
    """First in, first settled: a transcript belongs to the oldest."""

    def __init__(self) -> None:
        self._open: deque[Utterance] = deque(maxlen=MOST_OPEN)

    def start(self, at: float) -> Utterance:
        """Note that the caller has begun to speak."""
        self._open.append(Utterance(started_at=at))
        return self._open[-1]

    def end(self) -> Utterance | None:
        """Note that the oldest one that goes on has ended; return it."""
        for utterance in self._open:
            if utterance.speaking:
                utterance.speaking = False
                return utterance
        return None

    def settle(self) -> Utterance | None:
        """Take the oldest out, because its transcript has come."""
        return self._open.popleft() if self._open else None

    @property
    def last(self) -> Utterance | None:
        """The one begun last."""
        return self._open[-1] if self._open else None

    @property
    def speaking(self) -> Utterance | None:
        """One in which the voice goes on, deaf ones and echo left out."""
        heard = (u for u in self._open if u.speaking and not (u.deaf or u.echo))
        return next(heard, None)

    @property
    def any(self) -> bool:
        """Whether somebody makes a sound, or what was said is not settled."""
        return bool(self._open)

    @property
    def any_heard(self) -> bool:
        """Whether words may yet come that count."""
        return any(not (u.deaf or u.echo or u.taken) for u in self._open)

    @property
    def guess(self) -> Utterance | None:
        """The one utterance that counts, if there is a partial transcript of it to go by.

        None when there are several: the older ones' transcripts have to come first.
        """
        heard = [u for u in self._open if not (u.deaf or u.echo or u.taken)]
        if len(heard) != 1 or heard[0].partial is None:
            return None
        return heard[0] if heard[0].paused or heard[0].stable else None

    def deafen(self) -> None:
        """Make all of them no turn."""
        for utterance in self._open:
            utterance.deaf = True

    def forget(self) -> None:
        """Let all go."""
        self._open.clear()
