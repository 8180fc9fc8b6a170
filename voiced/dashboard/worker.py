"""Reads a call's files for the dashboard, in a process of its own: `python -m` this module.

An hour of a flight recording takes seconds of Python to read. A thread would take the interpreter's
lock from the calls for as long; a process, and a nice one, takes it from nobody.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from voiced.audio.wav import wav_header
from voiced.dashboard.wire import wire_page
from voiced.errors import VoicedError
from voiced.flight.call_sound import read_sound
from voiced.flight.entries import COMPRESSED_FILE, WIRE_FILE
from voiced.flight.reading import stream_flight
from voiced.flight.recovery import recovered
from voiced.flight.sound import SoundReader
from voiced.picture import drawing_of, picture_svg
from voiced.record.store import RECORD_FILE

if TYPE_CHECKING:
    from collections.abc import Sequence

_NICENESS = 10
_LEAST_WIDTH, _MOST_WIDTH, _PX_PER_S = 1280, 6400, 16.0


def draw(directory: Path) -> str:
    """Return the picture of a call, without its style sheet."""
    record = recovered(directory, json.loads((directory / RECORD_FILE).read_bytes()))
    drawing = drawing_of(record, read_sound(directory, record))
    width = min(max(_LEAST_WIDTH, drawing.duration_s * _PX_PER_S), _MOST_WIDTH)
    return picture_svg(drawing, width=round(width), styled=False, headed=False)


def write_sound(directory: Path, target: Path) -> None:
    """Write what both sides heard, as the flight recording has it, to `target` (WAV).

    Raises:
        VoicedError, ValueError, LookupError, TypeError: the recording cannot be read.
    """
    header, entries = stream_flight(wire_file(directory))
    reader = SoundReader(header["config"]["media"])
    n_frames = 0
    with open(os.open(target, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(wav_header(0, reader.rate_hz, 2))
        for block in reader.blocks(entries):
            file.write(block.astype("<i2").tobytes())
            n_frames += len(block)
        file.seek(0)
        file.write(wav_header(n_frames, reader.rate_hz, 2))


def show_wire(directory: Path, first: int, *, with_media: bool) -> str:
    """Return a page of the flight recording, as JSON."""
    _, entries = stream_flight(wire_file(directory))
    return json.dumps(asdict(wire_page(entries, first=first, with_media=with_media)))


def show_turns(directory: Path) -> str:
    """Return the turns of a call that a crash has cut off, as JSON."""
    record = json.loads((directory / RECORD_FILE).read_bytes())
    return json.dumps(recovered(directory, record).get("turns") or [])


def wire_file(directory: Path) -> Path:
    """Return the flight recording in a call's directory, of an ended call or a live one."""
    packed = directory / COMPRESSED_FILE
    return packed if packed.exists() else directory / WIRE_FILE


def _do(verb: str, directory: str, *more: str) -> str:
    """Do what is asked for and return what stdout gets."""
    match verb, more:
        case "draw", ():
            return draw(Path(directory))
        case "sound", (target,):
            write_sound(Path(directory), Path(target))
            return ""
        case "turns", ():
            return show_turns(Path(directory))
        case "wire", (first, media):
            return show_wire(Path(directory), int(first), with_media=media == "media")
        case _:
            raise ValueError(f"{verb} {more}")


def main(arguments: Sequence[str]) -> int:
    """Do one thing; the result goes to stdout, a fault that can be told to stderr."""
    os.nice(_NICENESS)
    try:
        sys.stdout.write(_do(*arguments))
    except (VoicedError, OSError, ValueError, LookupError, TypeError) as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
