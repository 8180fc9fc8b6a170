"""The audio that a call has left on the disk, as a picture needs it. IO, and it blocks.

`audio.wav` is read where there is one; it begins when the call is answered. Else the flight
recording tells what both sides heard, from the ring on.
"""

from __future__ import annotations

import wave
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from voiced.errors import VoicedError
from voiced.flight.entries import COMPRESSED_FILE, WIRE_FILE
from voiced.flight.reading import stream_flight
from voiced.flight.sound import SoundReader
from voiced.picture import CallSound, PeakMeter
from voiced.recording.recording import AUDIO_FILE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from voiced.recording.stereo_timeline import Stereo

_BLOCK_S = 10

Progress: TypeAlias = "Callable[[float], None]"
"""Is told how many seconds of the call have been read."""


def _silent(_seconds: float) -> None:
    """For those who do not want to know."""


def read_sound(
    directory: Path, record: Mapping[str, Any], progress: Progress = _silent
) -> CallSound | None:
    """Return what both sides of a call sounded like; None if nothing of it lies in `directory`.

    A file that is damaged counts as none.
    """
    try:
        return _sound_of_wav(directory / AUDIO_FILE, record, progress)
    except (OSError, EOFError, wave.Error):
        pass
    for name in (COMPRESSED_FILE, WIRE_FILE):
        if (directory / name).exists():
            return _sound_of_flight(directory / name, progress)
    return None


def _sound_of_wav(path: Path, record: Mapping[str, Any], progress: Progress) -> CallSound:
    with wave.open(str(path), "rb") as file:
        if file.getnchannels() != 2 or file.getsampwidth() != 2:
            raise wave.Error("not a recording of ours")
        rate_hz = file.getframerate()
        sides = PeakMeter(rate_hz), PeakMeter(rate_hz)
        n_read = 0
        while data := file.readframes(rate_hz * _BLOCK_S):
            block = np.frombuffer(data[: len(data) // 4 * 4], "<i2").reshape(-1, 2)
            _add(sides, block)
            n_read += len(block)
            progress(n_read / rate_hz)
    return _sound(sides, record.get("answered_after_s") or 0.0)


def _sound_of_flight(path: Path, progress: Progress) -> CallSound | None:
    sides: tuple[PeakMeter, PeakMeter] | None = None
    n_read = 0
    try:
        header, entries = stream_flight(path)
        reader = SoundReader(header["config"]["media"])
        for block in reader.blocks(entries):
            if sides is None:
                sides = PeakMeter(reader.rate_hz), PeakMeter(reader.rate_hz)
            _add(sides, block)
            n_read += len(block)
            progress(n_read / reader.rate_hz)
    except (VoicedError, ValueError, LookupError, TypeError):
        pass  # what was read until there is something
    return None if sides is None else _sound(sides, 0.0)


def _add(sides: tuple[PeakMeter, PeakMeter], block: Stereo) -> None:
    for meter, side in zip(sides, block.T, strict=True):
        meter.add(side)


def _sound(sides: tuple[PeakMeter, PeakMeter], starts_at_s: float) -> CallSound:
    caller, agent = (meter.peaks(starts_at_s) for meter in sides)
    return CallSound(caller=caller, agent=agent)
