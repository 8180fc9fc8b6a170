"""What the daemon and a decoder worker say to each other over the worker's stdin and stdout.

    message = length (4 bytes, big endian) | header length (4 bytes) | header (JSON) | audio

`length` counts what follows it. Requests are `Load` and `Decode`, and each gets one answer:
`Loaded`, `Transcript` or `Refused`. Only `Decode` carries audio: int16, little endian, 8 kHz. Pure.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from voiced.audio.frame import Pcm
    from voiced.recognizer.base import Vocabulary

PREFIX_BYTES = 4
MAX_MESSAGE_BYTES = 8 * 2**20
"""More than any vocabulary or utterance needs: a length above it is garbage."""


class WireError(Exception):
    """The other side sent something that is no message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Build the language model of these sentences, to be called `key` from now on."""

    key: str
    sentences: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Decode:
    """Say which words of vocabulary `key` are spoken in `pcm` (8 kHz int16)."""

    key: str
    pcm: Pcm


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """The vocabulary is ready.

    `words` is its size; `guessed` are those whose pronunciation no dictionary knew and `unusable`
    those that could not be used at all (digits, foreign letters).
    """

    words: int
    guessed: tuple[str, ...] = ()
    unusable: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """What was understood: words separated by spaces, "" for none.

    `confidence` is 0..1, and `last_word` that of the last word alone; 1 where nobody knows.
    """

    text: str
    confidence: float
    last_word: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The request was not carried out: UNKNOWN_VOCABULARY, or the type of an error."""

    reason: str


UNKNOWN_VOCABULARY = "unknown vocabulary"
"""It was never loaded, or had to make room for others: load it (again)."""

Request: TypeAlias = Load | Decode
Answer: TypeAlias = Loaded | Transcript | Refused

_ANSWERS: dict[str, type[Loaded | Transcript | Refused]] = {
    "loaded": Loaded,
    "transcript": Transcript,
    "refused": Refused,
}


@lru_cache(maxsize=32)
def vocabulary_key(vocabulary: Vocabulary) -> str:
    """Return a short name that only a vocabulary with the same sentences has."""
    text = "\n".join(vocabulary.sentences)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def encode_request(request: Request) -> bytes:
    """Return the whole message, length first. Raises WireError when it is too long."""
    match request:
        case Load():
            return _encode({"do": "load", "key": request.key, "sentences": request.sentences})
        case Decode():
            audio = np.ascontiguousarray(request.pcm, "<i2").tobytes()
            return _encode({"do": "decode", "key": request.key}, audio)


def encode_answer(answer: Answer) -> bytes:
    """Return the whole message, length first."""
    kind = next(name for name, record in _ANSWERS.items() if type(answer) is record)
    return _encode({"is": kind, **asdict(answer)})


def _encode(header: dict[str, Any], audio: bytes = b"") -> bytes:
    text = json.dumps(header).encode()
    body = len(text).to_bytes(PREFIX_BYTES, "big") + text + audio
    if len(body) > MAX_MESSAGE_BYTES:
        raise WireError(f"{len(body)} bytes are more than the {MAX_MESSAGE_BYTES} of a message")
    return len(body).to_bytes(PREFIX_BYTES, "big") + body


def body_length(prefix: bytes) -> int:
    """Return how many bytes follow the first four of a message. Raises WireError."""
    length = int.from_bytes(prefix, "big")
    if not PREFIX_BYTES < length <= MAX_MESSAGE_BYTES:
        raise WireError(f"message length {length} is out of range")
    return length


def decode_request(body: bytes) -> Request:
    """Read a request from what follows its length. Raises WireError."""
    header, audio = _decode(body)
    match header:
        case {"do": "load", "key": str(key), "sentences": list(sentences)}:
            return Load(key=key, sentences=tuple(map(str, sentences)))
        case {"do": "decode", "key": str(key)} if len(audio) % 2 == 0:
            return Decode(key=key, pcm=np.frombuffer(audio, "<i2").astype(np.int16))
        case _:
            raise WireError("no such request")


def decode_answer(body: bytes) -> Answer:
    """Read an answer from what follows its length. Raises WireError."""
    header, _ = _decode(body)
    match header:
        case {"is": "loaded", "words": int(words), "guessed": list(guessed), "unusable": list(bad)}:
            return Loaded(words=words, guessed=tuple(guessed), unusable=tuple(bad))
        case {
            "is": "transcript",
            "text": str(text),
            "confidence": float(confidence),
            "last_word": float(last_word),
        }:
            return Transcript(text=text, confidence=confidence, last_word=last_word)
        case {"is": "refused", "reason": str(reason)}:
            return Refused(reason=reason)
        case _:
            raise WireError("no such answer")


def _decode(body: bytes) -> tuple[object, bytes]:
    header_bytes = int.from_bytes(body[:PREFIX_BYTES], "big")
    header, audio = (
        body[PREFIX_BYTES : PREFIX_BYTES + header_bytes],
        body[PREFIX_BYTES + header_bytes :],
    )
    try:
        return json.loads(header), audio
    except ValueError as error:  # JSON and UTF-8 both
        raise WireError("the header is not JSON") from error
