"""A flight recording, read again, plain or compressed, whole or cut off by a crash."""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from voiced.errors import VoicedError
from voiced.flight.entries import FORMAT, VERSION, parse_line, unpack_pcm

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from voiced.audio.frame import Pcm
    from voiced.flight.entries import Entry

_GZIP = b"\x1f\x8b"

_APART_S = 1e-9

MOST_BYTES = 4_000_000_000
"""Of lines in one file: the longest call that there can be, several times."""


class RecordingUnusable(VoicedError):
    """A file is no flight recording, or none that can be read here."""


@dataclass(frozen=True, kw_only=True)
class FlightRecording:
    """One call's recording.

    Attributes:
        name: of the file, for messages.
        header: the first line's keys.
        entries: all others, in order, without the `end`.
        record: the call's record (call.json); None when the recording was broken off.
    """

    name: str
    header: Mapping[str, Any]
    entries: tuple[Entry, ...]
    record: Mapping[str, Any] | None

    @property
    def length_s(self) -> float:
        """Return when the last thing happened."""
        return self.entries[-1].at_s if self.entries else 0.0

    def of(self, *kinds: str) -> list[Entry]:
        """Return the entries of these kinds, in order."""
        return [entry for entry in self.entries if entry.kind in kinds]

    @property
    def outbound(self) -> tuple[str, int]:
        """Return how the agent's audio is encoded, and its rate in Hz."""
        media = self.header["config"]["media"]
        is_texml = any("to" in webhook.data for webhook in self.of("webhook"))
        if is_texml and media["bidirectional_codec"] == "L16":
            return "PCMU", 8000  # as `voiced.call.texml_opening` declares it
        return media["bidirectional_codec"], media["sample_rate"]

    @cached_property
    def _packed(self) -> dict[str, str]:
        return {
            entry.data["audio"]: entry.data["pcm"] for entry in self.entries if "pcm" in entry.data
        }

    def audio(self, entry: Entry) -> Pcm:
        """Return the audio of an entry that has some; raises RecordingUnusable."""
        try:
            return unpack_pcm(self._packed[entry.data["audio"]])
        except (KeyError, TypeError, ValueError):
            raise RecordingUnusable(
                f"{self.name}: the audio at {entry.at_s:.3f} s is missing or damaged"
            ) from None


def read_flight(path: Path) -> FlightRecording:
    """Read a recording; a last line that was cut off is left out.

    Raises:
        RecordingUnusable: not a file that can be read, not a recording, a damaged or a newer one.
    """
    header, rest = stream_flight(path)
    entries = list(rest)
    record = None
    if entries and entries[-1].kind == "end":
        record = entries.pop().data.get("record")
        if not isinstance(record, dict):
            raise RecordingUnusable(f"{path}: its last line holds no record")
    return FlightRecording(name=str(path), header=header, entries=tuple(entries), record=record)


def stream_flight(path: Path) -> tuple[Mapping[str, Any], Iterator[Entry]]:
    """Return the header of a recording, and its entries one after the other, `end` included.

    Raises:
        RecordingUnusable: as `read_flight`; also while the entries are read.
    """
    entries = _entries(path)
    first = next(entries, None)
    if first is None or first.kind != "header" or first.data.get("format") != FORMAT:
        raise RecordingUnusable(f"{path}: is not a flight recording")
    header = first.data
    if header.get("version") != VERSION:
        raise RecordingUnusable(
            f"{path}: is of format version {header.get('version')}, this voiced reads {VERSION}; "
            f"replay it with voiced {header.get('voiced')}"
        )
    return header, entries


def _entries(path: Path) -> Iterator[Entry]:
    for number, line in enumerate(_lines(path), start=1):
        try:
            entry = parse_line(line.decode())
        except (ValueError, RecursionError):
            if number == 1:
                raise RecordingUnusable(f"{path}: is not a flight recording") from None
            if line.endswith(b"\n"):
                raise RecordingUnusable(f"{path}: line {number} is damaged") from None
        else:
            # What came in one moment comes in this order again, whatever runs first in a moment.
            yield replace(entry, at_s=entry.at_s + number * _APART_S)


def _lines(path: Path) -> Iterator[bytes]:
    n_bytes = 0
    try:
        with path.open("rb") as file:
            is_packed = file.read(2) == _GZIP
        with gzip.open(path, "rb") if is_packed else path.open("rb") as lines:
            try:
                for line in lines:
                    n_bytes += len(line)
                    if n_bytes > MOST_BYTES:
                        raise RecordingUnusable(f"{path}: is longer than any call")
                    yield line
            except EOFError:
                return  # compressing it was cut off: what there is can be used
    except (gzip.BadGzipFile, zlib.error):
        raise RecordingUnusable(f"{path}: is a damaged gzip file") from None
    except OSError as error:
        raise RecordingUnusable(f"{path}: {error.strerror or error}") from error
