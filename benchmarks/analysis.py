"""From what came in, and when, to what a caller would have heard; pure.

Each message brings audio at a time. If the n-th sample of a call came in a message that arrived at
t, then t - n / 8000 is that message's *lateness*, up to a constant: the same for all messages when
audio comes on schedule. From it follow

* the gap: how far a message's lateness is from the median of its call, either way;
* underruns: a 20 ms slot of a playback buffer is due and holds too little;
* delay: an onset goes in, and comes out in a message that could play it at once;
* heard: the same through a jitter buffer that has learnt the worst lateness of the last 2 s.
"""

from __future__ import annotations

import json
from binascii import a2b_base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from voiced.audio.g711 import decode_ulaw

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from voiced.audio.frame import Pcm

RATE_HZ = 8000
SLOT_BYTES = 160
SLOT_S = 0.020
JITTER_MEMORY_S = 2.0

_LOUD = 2000
_QUIET = 1000
_QUIET_BEFORE = round(0.3 * RATE_HZ)
_RISES_WITHIN = round(0.01 * RATE_HZ)

Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The steady part of a run, perf_counter seconds."""

    begin: float
    end: float

    @property
    def seconds(self) -> float:
        """Return how long it is."""
        return self.end - self.begin


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Received:
    """What one call got. `starts[i]` is the number of samples before message i."""

    arrivals: Floats
    starts: NDArray[np.int64]
    audio: bytes

    @property
    def lateness(self) -> Floats:
        """Return each message's arrival less the play time of what came before it."""
        return self.arrivals - self.starts / RATE_HZ


def receive(arrivals: Sequence[float], messages: Iterable[bytes]) -> Received:
    """Take the media out of a call's messages."""
    times, pieces = [], []
    for at, message in zip(arrivals, messages, strict=True):
        document = json.loads(message)
        if document.get("event") == "media":
            times.append(at)
            pieces.append(a2b_base64(document["media"]["payload"]))
    ends = np.cumsum([0, *map(len, pieces)])
    return Received(arrivals=np.array(times), starts=ends[:-1], audio=b"".join(pieces))


def percentiles(values: Any) -> dict[str, float] | None:
    """Return p50, p99, p999 and max; None without values."""
    if not len(values):
        return None
    p50, p99, p999 = np.percentile(values, (50, 99, 99.9))
    figures = {"p50": p50, "p99": p99, "p999": p999, "max": np.max(values)}
    return {name: round(float(value), 3) for name, value in figures.items()}


def gaps_s(received: Received, window: Window) -> Floats:
    """Return the distance of each message in the window from its call's schedule."""
    inside = _inside(received.arrivals, window)
    lateness = received.lateness[inside]
    return np.abs(lateness - np.median(lateness)) if len(lateness) else lateness


@dataclass(frozen=True, slots=True, kw_only=True)
class Playback:
    """How a playback buffer fared in the window; `lowest_s` is the least audio that it held."""

    underruns: int
    lowest_s: float


def play(received: Received, window: Window, prefill_s: float) -> Playback:
    """Play all that came, 20 ms at a time from `prefill_s` after the first message on.

    A slot that holds too little is an underrun; it plays silence after what there is, so that the
    rest comes later and the buffer is the fuller for it.
    """
    if not len(received.arrivals):
        return Playback(underruns=round(window.seconds / SLOT_S), lowest_s=0.0)
    arrivals = received.arrivals.tolist()
    ends = [*received.starts[1:].tolist(), len(received.audio)]
    first = arrivals[0] + prefill_s
    n_here = come = played = underruns = 0
    lowest = len(received.audio)
    for slot in range(int((window.end - first) / SLOT_S) + 1):
        now = first + slot * SLOT_S
        while come < len(arrivals) and arrivals[come] <= now:
            n_here = ends[come]
            come += 1
        level = n_here - played
        if now >= window.begin:
            underruns += level < SLOT_BYTES
            lowest = min(lowest, level)
        played += min(level, SLOT_BYTES)
    return Playback(underruns=underruns, lowest_s=lowest / RATE_HZ)


def onsets(pcm: Pcm) -> list[int]:
    """Return the samples at which sound sets in after 0.3 s of quiet."""
    level = np.abs(pcm.astype(np.int32))
    sounding, loud = np.flatnonzero(level > _QUIET), np.flatnonzero(level > _LOUD)
    if not len(loud):
        return []
    begins = sounding[np.diff(sounding, prepend=-1) > _QUIET_BEFORE]
    found = []
    for begin in begins:
        at = int(np.searchsorted(loud, begin))
        if at < len(loud) and loud[at] - begin <= _RISES_WITHIN:
            found.append(int(loud[at]))
    return found


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Caller:
    """What one call said: the cycle's frames in turn, one each 20 ms, from `offset` on.

    `onsets` are samples of the cycle, which has `n_frames`; `start` is when the first frame went.
    """

    onsets: Sequence[int]
    n_frames: int
    offset: int
    start: float

    def last_onset_before(self, time: float) -> float | None:
        """Return when the latest onset before `time` went out."""
        cycle_s = self.n_frames * SLOT_S
        latest = None
        for onset in self.onsets:
            frame, sample = divmod(onset, SLOT_BYTES)
            first = self.start + (frame - self.offset) % self.n_frames * SLOT_S + sample / RATE_HZ
            if first <= time:
                at = first + (time - first) // cycle_s * cycle_s
                latest = at if latest is None else max(latest, at)
        return latest


def delays_s(received: Received, caller: Caller, window: Window) -> tuple[list[float], list[float]]:
    """Return for each onset in the window after how long it could be played, and was heard."""
    direct, heard = [], []
    lateness = received.lateness
    for onset in onsets(decode_ulaw(received.audio)):
        message = int(np.searchsorted(received.starts, onset, side="right")) - 1
        arrival = float(received.arrivals[message])
        out_at = float(lateness[message]) + onset / RATE_HZ
        in_at = caller.last_onset_before(out_at)
        if in_at is None or not window.begin <= arrival < window.end:
            continue
        since = int(np.searchsorted(received.arrivals, arrival - JITTER_MEMORY_S))
        learnt = float(lateness[since : message + 1].max())
        direct.append(out_at - in_at)
        heard.append(learnt + onset / RATE_HZ - in_at)
    return direct, heard


def _inside(arrivals: Floats, window: Window) -> NDArray[np.bool_]:
    return (arrivals >= window.begin) & (arrivals < window.end)


def summarize(
    calls: Sequence[Received], callers: Sequence[Caller], window: Window, prefill_s: float
) -> dict[str, Any]:
    """Return the figures of a run; gaps and delays only where `callers` were echoed."""
    played = [play(received, window, prefill_s) for received in calls]
    inside = [_inside(received.arrivals, window) for received in calls]
    n_messages = sum(int(np.count_nonzero(each)) for each in inside)
    figures: dict[str, Any] = {
        "messages_per_call_s": n_messages / window.seconds / len(calls),
        "audio_share": float(np.mean([_audio_share(each, window) for each in calls])),
        "underruns_per_call_min": sum(each.underruns for each in played)
        * 60 / window.seconds / len(calls),
        "lowest_buffer_ms": 1000 * min(each.lowest_s for each in played),
        "gap_ms": None,
        "delay_ms": None,
        "heard_ms": None,
    }  # fmt: skip
    if callers:
        gaps = np.concatenate([gaps_s(received, window) for received in calls])
        both = [
            delays_s(received, caller, window)
            for received, caller in zip(calls, callers, strict=True)
        ]
        figures["gap_ms"] = percentiles(1000 * gaps)
        figures["delay_ms"] = percentiles([1000 * each for direct, _ in both for each in direct])
        figures["heard_ms"] = percentiles([1000 * each for _, heard in both for each in heard])
    return figures


def _audio_share(received: Received, window: Window) -> float:
    """Return the audio that came in the window as a share of its length."""
    sizes = np.diff(received.starts, append=len(received.audio))
    come = int(sizes[_inside(received.arrivals, window)].sum())
    return come / RATE_HZ / window.seconds
