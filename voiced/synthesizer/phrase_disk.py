"""Spoken phrases in a directory: the most recently used ones, within so many bytes. Blocks.

All methods run in threads, one at a time; none raises. Files are readable for their owner only and
appear by renaming, so that a crash leaves a whole file or none.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from contextlib import suppress
from typing import TYPE_CHECKING

from voiced.log import get_logger
from voiced.synthesizer.phrase_file import SUFFIX, pack_phrase, unpack_phrase

if TYPE_CHECKING:
    from pathlib import Path

    from voiced.synthesizer.phrase import Phrase

log = get_logger(__name__)

_TEMPORARY = ".new"


class PhraseDisk:
    """One directory; other files in it are left alone."""

    def __init__(self, path: Path, max_bytes: int) -> None:
        """Keep at most `max_bytes` in the directory `path`, which is made when missing."""
        self._path = path
        self._max_bytes = max_bytes
        self._sizes: OrderedDict[str, int] | None = None  # the least recently used one first
        self._has_complained = False

    def load(self, name: str, rate_hz: int) -> Phrase | None:
        """Return a phrase and count it as used; one that is damaged is deleted."""
        try:
            sizes, file = self._known(), self._path / name
            if name not in sizes:
                return None
            content = file.read_bytes()
            phrase = unpack_phrase(content, rate_hz)
            os.utime(file)
            sizes.move_to_end(name)
        except (ValueError, KeyError, TypeError):
            self._drop(name)
        except FileNotFoundError:  # another daemon, or an older one's calls, have made room
            self._drop(name)
        except OSError as error:
            self._complain(error)
        else:
            return phrase
        return None

    def save(self, name: str, phrase: Phrase, rate_hz: int) -> None:
        """Keep a phrase; the least recently used ones make room."""
        content = pack_phrase(phrase, rate_hz)
        if len(content) > self._max_bytes:
            return
        try:
            sizes = self._known()
            self._write(name, content)
            sizes[name] = len(content)
            sizes.move_to_end(name)
        except FileNotFoundError:  # another one that begins has tidied up: not kept this time
            return
        except OSError as error:
            self._complain(error)
            return
        while sum(sizes.values()) > self._max_bytes:
            self._drop(next(iter(sizes)))

    def _known(self) -> OrderedDict[str, int]:
        """Look once what is there, and delete what a crash has left half-written."""
        if self._sizes is None:
            self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = []
            for entry in os.scandir(self._path):
                if entry.name.endswith(SUFFIX + _TEMPORARY):
                    os.unlink(entry.path)
                elif entry.name.endswith(SUFFIX):
                    stat = entry.stat()
                    found.append((stat.st_mtime, entry.name, stat.st_size))
            self._sizes = OrderedDict((name, size) for _, name, size in sorted(found))
        return self._sizes

    def _write(self, name: str, content: bytes) -> None:
        temporary = self._path / (name + _TEMPORARY)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        with open(os.open(temporary, flags, 0o600), "wb") as file:
            file.write(content)
        temporary.replace(self._path / name)

    def _drop(self, name: str) -> None:
        if self._sizes is not None:
            self._sizes.pop(name, None)
        with suppress(OSError):
            (self._path / name).unlink()

    def _complain(self, error: OSError) -> None:
        """Say it once: phrases are then synthesized each time, which costs money and no call."""
        if not self._has_complained:
            self._has_complained = True
            reason = error.strerror or type(error).__name__
            log.warning("phrase cache cannot be used", path=str(self._path), reason=reason)
