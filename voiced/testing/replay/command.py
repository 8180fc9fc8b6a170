"""`voiced replay FILE...`: recorded calls on a virtual clock, and what has changed."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from voiced.audio.wav import write_wav
from voiced.config import load_config, parse_config
from voiced.errors import ConfigError, Problem, VoicedError
from voiced.flight.outcome import SECTIONS, time_code
from voiced.flight.reading import RecordingUnusable, read_flight
from voiced.flight.sound import sound_of
from voiced.log import configure_logging
from voiced.progress import PATIENCE_S, Progress
from voiced.testing.replay.expected import find_recording, read_expected, renew
from voiced.testing.replay.run import replay
from voiced.testing.story import write_line

if TYPE_CHECKING:
    from pathlib import Path

    from voiced.config import Config
    from voiced.flight.outcome import Outcome
    from voiced.flight.reading import FlightRecording
    from voiced.testing.replay.run import Replayed


LONG_S = 200.0
"""A longer call is not held again within two seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayOptions:
    """What to replay.

    Attributes:
        files: recordings, or directories of calls.
        update: what they come to now is what they are to come to.
        audio: where what both sides would have heard is written; for one recording.
        seed, times: of Trio's order of tasks; `times` replays, with `seed` and the next ones.
        live: with the real providers: those of the recording, or those of `config`.
    """

    files: tuple[Path, ...]
    update: bool = False
    audio: Path | None = None
    seed: int = 0
    times: int = 1
    live: bool = False
    config: Path | None = None


def run(options: ReplayOptions) -> int:
    """Replay; returns 0 when every call came to what it was to come to, else 1.

    Raises:
        ConfigError: the options do not go together, or the configuration cannot be used.
        VoicedError: a recording cannot be read or replayed, and it was the only one.
    """
    if options.audio is not None and len(options.files) > 1:
        problem = Problem(
            key="--audio", value=str(options.audio), reason="goes with one recording only"
        )
        raise ConfigError([problem])
    if options.update and options.times > 1:
        reason = "goes not with --update, which keeps what one replay comes to"
        raise ConfigError([Problem(key="--times", value=str(options.times), reason=reason)])
    configure_logging("error", "text")
    if len(options.files) == 1:
        return 0 if _replay_file(options.files[0], options) else 1
    results = [_try_file(file, options) for file in options.files]
    write_line(f"{len(results)} recordings: {sum(results)} as expected, {results.count(False)} not")
    return 0 if all(results) else 1


def _try_file(file: Path, options: ReplayOptions) -> bool:
    try:
        return _replay_file(file, options)
    except VoicedError as error:
        write_line(f"{error}")
        return False


def _replay_file(file: Path, options: ReplayOptions) -> bool:
    """Replay one recording; returns whether it came to what it was to come to."""
    path = find_recording(file)
    recording = read_flight(path)
    began = time.perf_counter()
    replayed, seed, differences = _hold(
        recording, None if options.update else read_expected(path), options
    )
    took_s = time.perf_counter() - began
    if options.audio is not None:
        _write_audio(options.audio, replayed)
    if options.update:
        renew(path, replayed)
        write_line(f"{file}: renewed")
    elif differences:
        _tell_differences(file, seed, differences)
    else:
        _tell_sameness(file, replayed, options.times, took_s)
    return options.update or not differences


def _hold(
    recording: FlightRecording, expected: Outcome | None, options: ReplayOptions
) -> tuple[Replayed, int, list[str]]:
    """Replay until something differs; return the last replay, its seed and the differences."""
    live = _live_config(recording, options) if options.live else None
    last = options.seed + options.times - 1
    seed = options.seed
    patience_s = 0.0 if recording.length_s > LONG_S else PATIENCE_S
    what = f"replaying {time_code(recording.length_s)} of call"
    with Progress(what, patience_s=patience_s) as progress:
        while True:
            progress(f"{seed - options.seed + 1} of {last - options.seed + 1}")
            replayed = replay(recording, seed=seed, live=live)
            differences = replayed.differences(expected)
            if differences or seed == last:
                return replayed, seed, differences
            seed += 1


def _tell_differences(file: Path, seed: int, differences: list[str]) -> None:
    write_line(f"{file}: changed (seed {seed}; - expected, + now)")
    for line in differences:
        write_line(f"  {line}")


def _tell_sameness(file: Path, replayed: Replayed, times: int, took_s: float) -> None:
    length_s = replayed.recording.length_s
    often = f", {times} times alike" if times > 1 else ""
    took = f"{time_code(length_s)} in {took_s:.1f} s"
    if replayed.recorded_outcome is not None:
        write_line(f"{file}: as expected{often} ({took})")
        return
    write_line(f"{file}: was broken off{often} ({took}); what came of it until there:")
    for name in SECTIONS:
        for line in getattr(replayed.outcome, name):
            if line.at_s <= length_s:
                write_line(f"  {time_code(line.at_s)}  {line.text}")


def _write_audio(path: Path, replayed: Replayed) -> None:
    media = replayed.recording.header["config"]["media"]
    audio, rate_hz = sound_of(replayed.entries, media)
    try:
        with path.open("wb") as file:
            write_wav(file, audio, rate_hz)
    except OSError as error:
        raise RecordingUnusable(f"{path}: {error.strerror or error}") from error


def _live_config(recording: FlightRecording, options: ReplayOptions) -> Config:
    if options.config is not None:
        return load_config(options.config, os.environ)
    recorded = recording.header["config"]
    return parse_config(
        {
            table: {"provider": recorded[table]["provider"], **recorded[table]["settings"]}
            for table in ("recognizer", "agent", "synthesizer")
        },
        os.environ,
    )
