"""A decoder worker: `python -m voiced.recognizer.worker`, started and fed by `pool`.

A process of its own, because the decoder holds the GIL for up to 0.3 s. Reads requests from stdin
and writes one answer for each to stdout (`worker_wire`). Ends when stdin does, so that it never
outlives the daemon, and on nothing else: signals that reach the daemon's whole group (Ctrl-C,
`systemctl stop`) are the daemon's to act upon. Says nothing of audio or words to stderr.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, BinaryIO

from voiced.recognizer.sphinx import SphinxDecoder
from voiced.recognizer.worker_wire import (
    PREFIX_BYTES,
    UNKNOWN_VOCABULARY,
    Answer,
    Decode,
    Load,
    Loaded,
    Refused,
    WireError,
    body_length,
    decode_request,
    encode_answer,
)

if TYPE_CHECKING:
    from voiced.recognizer.worker_wire import Request

READY = Loaded(words=0)
"""What a worker says, unasked, once it can take requests."""

_NICENESS = 5  # audio is paced by the daemon on the same cores: that comes first


def main() -> None:
    """Serve stdin until it ends."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    os.nice(_NICENESS)
    # A library that prints must not be taken for an answer: stdout becomes stderr for all others.
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as answers:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        serve(sys.stdin.buffer, answers)


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer `requests` until they end."""
    decoder = SphinxDecoder()
    try:
        _send(answers, READY)
        while (request := _receive(requests)) is not None:
            _send(answers, answer(decoder, request))
    except BrokenPipeError:  # the daemon has gone
        return


def answer(decoder: SphinxDecoder, request: Request) -> Answer:
    """Carry `request` out. What goes wrong with one request does not end the worker."""
    try:
        match request:
            case Load():
                return decoder.load(request.key, request.sentences)
            case Decode() if request.key not in decoder:
                return Refused(reason=UNKNOWN_VOCABULARY)
            case Decode():
                return decoder.decode(request.key, request.pcm)
    except (RuntimeError, ValueError, OSError) as error:
        # Only the type: the text could hold what the caller said.
        return Refused(reason=type(error).__name__)


def _receive(requests: BinaryIO) -> Request | None:
    """Return the next request, or None at the end. Raises WireError for what is none."""
    prefix = requests.read(PREFIX_BYTES)
    if len(prefix) < PREFIX_BYTES:
        return None
    length = body_length(prefix)
    body = requests.read(length)
    return decode_request(body) if len(body) == length else None


def _send(answers: BinaryIO, message: Answer) -> None:
    answers.write(encode_answer(message))
    answers.flush()


if __name__ == "__main__":
    try:
        main()
    except WireError as error:
        sys.exit(f"voiced.recognizer.worker: {error}")
    except BrokenPipeError:  # whoever asked has died, and can be told nothing
        os._exit(1)  # or Python would try to say so once more
