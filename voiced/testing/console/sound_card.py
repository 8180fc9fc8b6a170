"""Microphone and loudspeaker by PortAudio (the package sounddevice). IO.

PortAudio calls back from a thread of its own, 20 ms at a time; two short queues lie between it and
the loop. Each side drops what is too old: a queue that grows would be an echo that grows.
"""

from __future__ import annotations

from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from voiced.audio.frame import LINE_RATE_HZ, frame_samples
from voiced.errors import StartupError
from voiced.testing.line import SILENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from voiced.audio.frame import Pcm

MOST_FRAMES = 10
"""0.2 s between loop and sound card, at most."""

_TEXT = "or leave --voice out and type"


class PortAudioCard:
    """Fits `voiced.testing.console.party.SoundCard`; `called_back` is PortAudio's side."""

    def __init__(self) -> None:
        self._heard: deque[Pcm] = deque(maxlen=MOST_FRAMES)
        self._to_play: deque[Pcm] = deque(maxlen=MOST_FRAMES)

    def listen(self) -> Pcm:
        """Return the next 20 ms from the microphone; silence if they have not come yet."""
        try:
            return self._heard.popleft()
        except IndexError:
            return SILENCE

    def play(self, pcm: Pcm) -> None:
        """Give the next 20 ms to the loudspeaker."""
        self._to_play.append(pcm)

    def called_back(self, heard: Any, played: Any, frames: int, times: Any, status: Any) -> None:
        """Take 20 ms of int16 from `heard` and fill `played`; runs in PortAudio's thread."""
        del frames, times, status
        self._heard.append(np.frombuffer(bytes(heard), np.int16))
        try:
            pcm = self._to_play.popleft()
        except IndexError:
            pcm = SILENCE
        played[:] = pcm.astype(np.int16, copy=False).tobytes()


@contextmanager
def open_sound_card() -> Iterator[PortAudioCard]:
    """Yield the system's microphone and loudspeaker.

    Raises:
        StartupError: there is none, or what it needs is not installed.
    """
    sounddevice = _import_sounddevice()
    card = PortAudioCard()
    try:
        stream = sounddevice.RawStream(
            samplerate=LINE_RATE_HZ,
            blocksize=frame_samples(LINE_RATE_HZ),
            channels=1,
            dtype="int16",
            latency="low",
            callback=card.called_back,
        )
    except (sounddevice.PortAudioError, ValueError) as error:
        raise StartupError(
            f"no microphone and loudspeaker can be used here ({error}); plug one in, {_TEXT}"
        ) from error
    with stream:
        yield card


def _import_sounddevice() -> Any:
    try:
        import sounddevice
    except ModuleNotFoundError:
        raise StartupError(
            f"--voice needs the package sounddevice: pip install 'voiced[console]', {_TEXT}"
        ) from None
    except OSError as error:  # it is there, and PortAudio is not
        raise StartupError(
            f"--voice needs PortAudio ({error}): apt install libportaudio2, {_TEXT}"
        ) from error
    return sounddevice
