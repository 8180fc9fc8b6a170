"""What a recorded call must come to: `NAME.expected.json` beside it, or what it had come to."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from voiced.flight.entries import COMPRESSED_FILE, WIRE_FILE
from voiced.flight.outcome import Outcome, read_outcome
from voiced.flight.reading import RecordingUnusable

if TYPE_CHECKING:
    from pathlib import Path

    from voiced.testing.replay.run import Replayed

_SUFFIXES = (".gz", ".jsonl")


def find_recording(path: Path) -> Path:
    """Return the file of a recording that is named by itself or by its call's directory."""
    if path.is_dir():
        for name in (COMPRESSED_FILE, WIRE_FILE):
            if (path / name).is_file():
                return path / name
        raise RecordingUnusable(f"{path}: holds neither {COMPRESSED_FILE} nor {WIRE_FILE}")
    return path


def expected_file(path: Path) -> Path:
    """Return where the expected outcome of the recording at `path` lies, if it was renewed."""
    name = path.name
    for suffix in _SUFFIXES:
        name = name.removesuffix(suffix)
    return path.with_name(f"{name}.expected.json")


def read_expected(path: Path) -> Outcome | None:
    """Return the renewed outcome of the recording at `path`; None if it was not renewed.

    Raises:
        RecordingUnusable: the file is none that `renew` wrote.
    """
    file = expected_file(path)
    try:
        return read_outcome(json.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise RecordingUnusable(f"{file}: {error.strerror or error}") from error
    except ValueError as error:
        raise RecordingUnusable(f"{file}: is no expected outcome ({error})") from error


def renew(path: Path, replayed: Replayed) -> None:
    """Expect from now on what `replayed` came to. Raises RecordingUnusable."""
    file = expected_file(path)
    try:
        if replayed.recorded_outcome is not None and not replayed.differences():
            file.unlink(missing_ok=True)
        else:
            text = json.dumps(replayed.outcome.document(), ensure_ascii=False, indent=1)
            file.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise RecordingUnusable(f"{file}: {error.strerror or error}") from error
