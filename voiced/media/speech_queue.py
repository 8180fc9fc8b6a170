"""Audio on its way to the caller, not yet sent: linear pieces in, whole encoded frames out.

Audio is kept as it came from the synthesizer and is resampled and encoded only when it is about to
be sent, a message at a time: no stall for a long sentence, and no work lost on barge-in.

Pure. Not bounded by itself: `voiced.media.outbound` makes the producer wait.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from voiced.audio.frame import frame_samples
from voiced.audio.resample import Resampler

if TYPE_CHECKING:
    from voiced.audio.codec import Encoder
    from voiced.audio.frame import Pcm


_Piece: TypeAlias = "tuple[Pcm, int]"
"""Linear audio and its rate, in Hz."""

_Item: TypeAlias = "_Piece | str"
"""Audio, or the name of a mark."""

_NOTHING: Pcm = np.zeros(0, np.int16)


class Taken(NamedTuple):
    """What may be sent in one go: `frames` of encoded audio, then `marks` right behind it.

    `pcm` is the same audio before it was encoded, at the line's rate. A tuple, because one is made
    for each message.
    """

    payload: bytes
    pcm: Pcm
    frames: int
    marks: tuple[str, ...]


class SpeechQueue:
    """First in, first out. A mark ends an utterance: audio before it is padded to whole frames."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._line_hz = encoder.rate_hz
        self._frame = frame_samples(encoder.rate_hz)
        self._items: deque[_Item] = deque()
        self._n_marks = 0
        self._piece_s = 0.0
        self._resampler: Resampler | None = None
        self._resampler_hz = 0
        self._ready: Pcm = _NOTHING
        # Kept up to date rather than computed: they are asked for several times for each frame.
        self.queued_s = 0.0
        """Seconds of audio waiting here."""
        self.waiting_frames = 0
        """How many frames could be taken now, or a few more where a mark stands in between."""

    @property
    def is_idle(self) -> bool:
        """Whether `take` would give nothing: no whole frame and no mark waits."""
        return self._n_marks == 0 and self.waiting_frames == 0

    def _measure(self) -> None:
        self.queued_s = self._piece_s + len(self._ready) / self._line_hz
        self.waiting_frames = int(self.queued_s * 50 + (0.999 if self._n_marks else 1e-6))

    def push(self, pcm: Pcm, rate_hz: int) -> None:
        """Append linear audio (int16, mono)."""
        if len(pcm):
            self._items.append((pcm, rate_hz))
            self._piece_s += len(pcm) / rate_hz
            self._measure()

    def push_mark(self, name: str) -> None:
        """Append a named point."""
        self._items.append(name)
        self._n_marks += 1
        self._measure()

    def clear(self) -> None:
        """Drop everything, marks too."""
        self._items.clear()
        self._n_marks = 0
        self._piece_s = 0.0
        self._resampler = None
        self._ready = _NOTHING
        self._measure()

    def take(self, frames: int) -> Taken:
        """Remove and return at most `frames` frames, and the marks that follow them directly."""
        wanted = frames * self._frame
        while len(self._ready) < wanted and self._items:
            item = self._items[0]
            if isinstance(item, str):
                self._finish_utterance()
                break
            self._convert_some(wanted - len(self._ready))
        n_samples = min(wanted, len(self._ready) // self._frame * self._frame)
        if n_samples == len(self._ready):
            taken, self._ready = self._ready, _NOTHING
        else:
            taken, self._ready = self._ready[:n_samples], self._ready[n_samples:]
        if self._n_marks and not len(self._ready) and isinstance(self._items[0], str):
            self._finish_utterance()  # the tail must not wait for the next utterance
        marks = self._take_marks() if self._n_marks and not len(self._ready) else ()
        self._measure()
        return Taken(
            payload=self._encoder.encode(taken) if n_samples else b"",
            pcm=taken,
            frames=n_samples // self._frame,
            marks=marks,
        )

    def _convert_some(self, n_samples: int) -> None:
        """Bring about `n_samples` line samples of the first piece into `_ready`."""
        item = self._items.popleft()
        assert not isinstance(item, str)
        pcm, rate_hz = item
        n_source = -(-n_samples * rate_hz // self._line_hz)
        if n_source < len(pcm):
            self._items.appendleft((pcm[n_source:], rate_hz))
            pcm = pcm[:n_source]
        # Without a piece, nothing: keeps rounding from adding up over a call.
        self._piece_s = self._piece_s - len(pcm) / rate_hz if self._items else 0.0
        self._append(self._to_line_rate(pcm, rate_hz))

    def _to_line_rate(self, pcm: Pcm, rate_hz: int) -> Pcm:
        if rate_hz == self._line_hz:
            return pcm
        if self._resampler is None or self._resampler_hz != rate_hz:
            self._resampler = Resampler(rate_hz, self._line_hz)
            self._resampler_hz = rate_hz
        return self._resampler.process(pcm)

    def _append(self, pcm: Pcm) -> None:
        self._ready = np.concatenate((self._ready, pcm)) if len(self._ready) else pcm

    def _finish_utterance(self) -> None:
        """Let the resampler's tail out and pad to a whole frame; a mark comes next."""
        if self._resampler is not None:
            self._append(self._resampler.flush())
        short = -len(self._ready) % self._frame
        if short:
            self._append(np.zeros(short, np.int16))

    def _take_marks(self) -> tuple[str, ...]:
        marks: list[str] = []
        while self._items and isinstance(self._items[0], str):
            marks.append(self._items.popleft())  # type: ignore[arg-type]  # a str: just looked
        self._n_marks -= len(marks)
        return tuple(marks)
