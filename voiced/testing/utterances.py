"""Who spoke when, by energy: good enough for a line whose only noise is our own.

Pure. Used by callers (has the agent finished?), by reports and by the picture. It is no voice
detector: on a real telephone line noise would fool it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from voiced.audio.frame import LINE_RATE_HZ, PTIME_S, frame_samples

if TYPE_CHECKING:
    from voiced.audio.frame import Pcm

SPEECH_DBFS = -45.0
"""Frames above are speech: 20 dB above our background noise, 25 dB below our synthesizers."""

FINISHED_S = 0.7
"""So much silence ends an utterance: longer than the pauses between sentences and clauses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Utterance:
    """A stretch of speech, in seconds on the call's time line; text "" where nobody knows it."""

    start_s: float
    end_s: float
    text: str = ""


def level_dbfs(pcm: Pcm) -> float:
    """Return the RMS level; -inf for digital silence or no samples."""
    if not pcm.size:
        return -np.inf
    mean_square = float(np.mean(np.square(pcm, dtype=np.float64)))
    return -np.inf if mean_square == 0 else 10 * float(np.log10(mean_square / 32768.0**2))


def is_speech(frame: Pcm) -> bool:
    """Tell whether one frame carries more than background noise."""
    return level_dbfs(frame) > SPEECH_DBFS


def find_utterances(
    pcm: Pcm, *, rate_hz: int = LINE_RATE_HZ, finished_s: float = FINISHED_S
) -> tuple[Utterance, ...]:
    """Return the stretches of speech in `pcm`; pauses shorter than `finished_s` do not split."""
    size = frame_samples(rate_hz)
    n_frames = -(-len(pcm) // size)
    padded = np.zeros(n_frames * size)
    padded[: len(pcm)] = pcm
    threshold = 32768.0**2 * 10 ** (SPEECH_DBFS / 10)
    loud = np.flatnonzero(np.mean(np.square(padded.reshape(n_frames, size)), axis=1) > threshold)
    if not loud.size:
        return ()
    pauses = np.flatnonzero(np.diff(loud) * PTIME_S > finished_s)
    starts = loud[np.concatenate(([0], pauses + 1))]
    ends = loud[np.concatenate((pauses, [loud.size - 1]))] + 1
    return tuple(
        Utterance(start_s=float(start) * PTIME_S, end_s=float(end) * PTIME_S)
        for start, end in zip(starts, ends, strict=True)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """An answer of the agent: from the end of the caller's speech to the start of the agent's."""

    caller_end_s: float
    agent_start_s: float

    @property
    def latency_s(self) -> float:
        """Return how long the caller waited."""
        return self.agent_start_s - self.caller_end_s


def find_turns(caller: tuple[Utterance, ...], agent: tuple[Utterance, ...]) -> tuple[Turn, ...]:
    """Pair each utterance of the caller with the first of the agent that begins after its end.

    One that the caller follows up before any answer came counts with the follow-up.
    """
    turns: list[Turn] = []
    followed_up_s = [*(utterance.start_s for utterance in caller[1:]), np.inf]
    for said, until_s in zip(caller, followed_up_s, strict=False):
        answers = (a.start_s for a in agent if said.end_s <= a.start_s < until_s)
        first_s = next(answers, None)
        if first_s is not None:
            turns.append(Turn(caller_end_s=said.end_s, agent_start_s=first_s))
    return tuple(turns)
