"""What the fakes of streaming recognizers have in common: when somebody speaks, and what he says.

A fake does not understand speech. It is told what the caller says (`Line`s), and hears from the
audio it is sent *when*: loud is speech, and the next line is told word by word while it lasts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from voiced.audio.g711 import decode_ulaw

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from voiced.audio.frame import Pcm

LOUD_RMS = 300.0
"""Of a speaking caller some 3000, of a quiet line some 10."""

STEP_S = 0.02

Decode: TypeAlias = Callable[[bytes], "Pcm"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What the ear has made out so far of the present stretch of speech.

    Attributes:
        words: of the line, those that have been said by now.
        is_speaking: it goes on.
        begins_s: in seconds of audio since the connection was opened.
        ends_s: of the last loud piece.
        now_s: how much audio has come.
    """

    words: tuple[str, ...]
    is_speaking: bool
    begins_s: float
    ends_s: float
    now_s: float

    @property
    def silent_s(self) -> float:
        """For how long nobody has spoken since."""
        return self.now_s - self.ends_s


class Ear:
    """Listens to one connection.

    Args:
        lines: what is said, one line for each stretch of speech, shared by all connections of a
            fake: a line whose words were settled is not said again.
        word_s: how long each word takes.
        decode: from bytes to samples at `rate_hz`.
    """

    def __init__(
        self,
        lines: Iterable[str],
        *,
        rate_hz: int = 8000,
        word_s: float = 0.3,
        decode: Decode = decode_ulaw,
    ) -> None:
        self.lines = list(lines)
        self._word_s = word_s
        self._decode = decode
        self._step = round(rate_hz * STEP_S)
        self._rest = np.zeros(0, np.int16)
        self._now_s = 0.0
        self._begins_s: float | None = None
        self._ends_s = 0.0

    def hear(self, audio: bytes) -> Iterator[Heard]:
        """Take audio; yield what is known after each 20 ms of it."""
        pcm = np.concatenate((self._rest, self._decode(audio)))
        n_steps = len(pcm) // self._step
        self._rest = pcm[n_steps * self._step :]
        for n in range(n_steps):
            piece = pcm[n * self._step : (n + 1) * self._step].astype(np.float64)
            self._now_s += STEP_S
            if np.sqrt(np.mean(piece**2)) > LOUD_RMS:
                if self._begins_s is None:
                    self._begins_s = self._now_s - STEP_S
                self._ends_s = self._now_s
            yield self.state()

    def state(self) -> Heard:
        """Return what is known now."""
        begins_s = self._now_s if self._begins_s is None else self._begins_s
        words = self.lines[0].split() if self.lines and self._begins_s is not None else []
        n_said = int((self._ends_s - begins_s) / self._word_s + 0.999)
        is_over = self._now_s - self._ends_s > STEP_S
        return Heard(
            words=tuple(words if is_over else words[: max(n_said, 0)]),
            is_speaking=self._begins_s is not None and not is_over,
            begins_s=begins_s,
            ends_s=max(self._ends_s, begins_s),
            now_s=self._now_s,
        )

    def settle(self) -> None:
        """Go on to the next line: this stretch of speech has been told."""
        if self._begins_s is not None and self.lines:
            self.lines.pop(0)
        self._begins_s = None


def decode_linear16(audio: bytes) -> Pcm:
    """Return the samples of 16-bit little-endian PCM."""
    return np.frombuffer(audio, "<i2").astype(np.int16)
