"""Whoever sits at the console, as the emulated Telnyx sees a caller. Pure."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Protocol

from voiced.testing.caller import Spoken
from voiced.testing.line import SILENCE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from voiced.audio.frame import Pcm
    from voiced.testing.utterances import Utterance

KEY_EVERY = 10
"""Steps of 20 ms between two keys: as fast as fingers are."""


class SoundCard(Protocol):
    """A microphone and a loudspeaker, 20 ms at a time: 160 samples at 8 kHz. Neither waits."""

    def listen(self) -> Pcm:
        """Return the next 20 ms from the microphone; silence if they have not come yet."""
        ...

    def play(self, pcm: Pcm) -> None:
        """Give the next 20 ms to the loudspeaker."""
        ...


class ConsoleParty:
    """Fits `voiced.testing.caller.Caller`: silent without a sound card, but for keys."""

    def __init__(self, card: SoundCard | None = None) -> None:
        self.utterances: Sequence[Utterance] = ()
        self.notes: Sequence[str] = ()
        self._card = card
        self._keys: deque[str] = deque()
        self._steps_to_key = 0
        self._hangs_up = False

    def press(self, keys: str) -> None:
        """Press keys, one after the other."""
        self._keys.extend(keys)

    def hang_up(self) -> None:
        """End the call with the next step."""
        self._hangs_up = True

    def step(self, heard: Pcm) -> Spoken:
        """Hear 20 ms, then speak 20 ms."""
        pcm = SILENCE
        if self._card is not None:
            self._card.play(heard)
            pcm = self._card.listen()
        return Spoken(pcm=pcm, digit=self._next_key(), hangs_up=self._hangs_up)

    def _next_key(self) -> str:
        self._steps_to_key = max(0, self._steps_to_key - 1)
        if not self._keys or self._steps_to_key:
            return ""
        self._steps_to_key = KEY_EVERY
        return self._keys.popleft()
