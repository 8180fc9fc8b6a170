"""A spoken phrase as a file: a name, bytes, and back. Pure.

A file is the magic, the SHA-256 of all that follows, a JSON head of one line (rate and words), and
the samples, 16 bits, little-endian. A file that was cut off, changed or written by another version
is recognized and never spoken.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import numpy as np

from voiced.record.word_times import Word
from voiced.synthesizer.phrase import Phrase

if TYPE_CHECKING:
    from collections.abc import Mapping

SUFFIX = ".phrase"
MAGIC = b"voiced phrase 1\n"

_HASH_BYTES = 32


def phrase_name(provider: str, settings: Mapping[str, Any], rate_hz: int, text: str) -> str:
    """Return the file's name: the same for the same voice, settings and text, and telling nothing.

    Args:
        provider: as in config.toml.
        settings: of it, as JSON values; secrets masked.
        rate_hz: of the audio.
        text: as it is given to the synthesizer.
    """
    key = json.dumps([provider, settings, rate_hz, text], sort_keys=True)
    return hashlib.sha256(key.encode()).hexdigest() + SUFFIX


def pack_phrase(phrase: Phrase, rate_hz: int) -> bytes:
    """Return the file's content."""
    words = [(word.text, round(word.end_s, 4)) for word in phrase.words]
    head = json.dumps({"rate_hz": rate_hz, "words": words}).encode() + b"\n"
    body = head + phrase.pcm.astype("<i2").tobytes()
    return MAGIC + hashlib.sha256(body).digest() + body


def unpack_phrase(content: bytes, rate_hz: int) -> Phrase:
    """Return the phrase of a file.

    Raises:
        ValueError: it is damaged, or not of this rate.
    """
    start = len(MAGIC) + _HASH_BYTES
    body = content[start:]
    if content[: len(MAGIC)] != MAGIC:
        raise ValueError("not a phrase of this version")
    if hashlib.sha256(body).digest() != content[len(MAGIC) : start]:
        raise ValueError("damaged")
    head, _, samples = body.partition(b"\n")
    data = json.loads(head)
    if data["rate_hz"] != rate_hz:
        raise ValueError("of another rate")
    pcm = np.frombuffer(samples, "<i2").astype(np.int16)
    pcm.flags.writeable = False
    return Phrase(pcm=pcm, words=tuple(Word(text, end_s) for text, end_s in data["words"]))
