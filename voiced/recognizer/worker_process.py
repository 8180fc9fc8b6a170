"""One decoder worker as the daemon sees it: a process, its pipes, a request and its answer."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import trio

from voiced.errors import RecognizerFailed
from voiced.recognizer.worker_wire import (
    PREFIX_BYTES,
    UNKNOWN_VOCABULARY,
    Answer,
    Decode,
    Load,
    Loaded,
    Refused,
    Request,
    Transcript,
    WireError,
    body_length,
    decode_answer,
    encode_request,
    vocabulary_key,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from voiced.audio.frame import Pcm
    from voiced.recognizer.base import Vocabulary

PROVIDER = "embedded recognizer"
WORKER_COMMAND = (sys.executable, "-m", "voiced.recognizer.worker")
GOODBYE_S = 0.5
"""A worker ends within milliseconds of its stdin, or when its present utterance is decoded."""

_REAP_S = 1.0
_SECRETS = "TELNYX_"
_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


class WorkerDied(Exception):
    """The worker ended, or said something that is no answer."""


class Worker:
    """A living worker. Its requests are carried out one after the other.

    Once `retired` is set nobody may ask it anything: it has died, or an answer to a question that
    its asker gave up is still to come. Whoever opened it ends it.
    """

    def __init__(self, process: trio.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.retired = trio.Event()
        self._process = process
        self._stdin = process.stdin
        self._stdout = process.stdout
        self._turn = trio.StrictFIFOLock()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    async def wait_ready(self) -> None:
        """Wait until it can take requests. Raises WorkerDied."""
        await self._listen()

    async def wait_retired(self) -> None:
        """Wait until it must not be used any more, also because its process has ended."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._retire_when_ended)
            await self.retired.wait()
            nursery.cancel_scope.cancel()

    async def _retire_when_ended(self) -> None:
        await self._process.wait()
        self.retired.set()

    async def load(self, vocabulary: Vocabulary) -> Loaded:
        """Have the vocabulary loaded.

        Raises:
            WorkerDied: ask another one.
            WireError: the vocabulary is too big for a message.
            RecognizerFailed: it cannot be loaded.
        """
        answer = await self._ask(
            Load(key=vocabulary_key(vocabulary), sentences=vocabulary.sentences)
        )
        if isinstance(answer, Loaded):
            return answer
        raise _failed("the vocabulary could not be loaded", answer)

    async def decode(self, pcm: Pcm, vocabulary: Vocabulary) -> Transcript:
        """Decode 8 kHz audio, loading the vocabulary if need be. Raises as `load` does."""
        request = Decode(key=vocabulary_key(vocabulary), pcm=pcm)
        answer = await self._ask(request)
        if answer == Refused(reason=UNKNOWN_VOCABULARY):
            await self.load(vocabulary)
            answer = await self._ask(request)
        if isinstance(answer, Transcript):
            return answer
        raise _failed("an utterance could not be decoded", answer)

    async def _ask(self, request: Request) -> Answer:
        message = encode_request(request)
        async with self._turn:
            if self.retired.is_set():
                raise WorkerDied("it was retired")
            answered = False
            try:
                await self._say(message)
                answer = await self._listen()
                answered = True
            finally:
                if not answered:  # cancelled or broken off: no other question may follow this one
                    self.retired.set()
        return answer

    async def _say(self, message: bytes) -> None:
        try:
            await self._stdin.send_all(message)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise WorkerDied("its stdin is closed") from error

    async def _listen(self) -> Answer:
        try:
            length = body_length(await self._read(PREFIX_BYTES))
            return decode_answer(await self._read(length))
        except WireError as error:
            raise WorkerDied(str(error)) from error

    async def _read(self, length: int) -> bytes:
        data = bytearray()
        await trio.lowlevel.checkpoint_if_cancelled()
        while len(data) < length:
            try:
                piece = await self._stdout.receive_some(length - len(data))
            except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
                raise WorkerDied("its stdout broke") from error
            if not piece:
                raise WorkerDied("its stdout is closed")
            data += piece
        return bytes(data)

    async def end(self) -> None:
        """Let it go, and kill it if it does not; at once if it was retired."""
        with trio.move_on_after(GOODBYE_S):
            await self._stdin.aclose()
            if not self.retired.is_set():
                self.retired.set()
                await self._process.wait()
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        await self._stdout.aclose()


def _failed(what: str, answer: Answer) -> RecognizerFailed:
    reason = answer.reason if isinstance(answer, Refused) else "the answer was to something else"
    return RecognizerFailed(PROVIDER, f"{what}: {reason}")


@asynccontextmanager
async def open_worker(command: Sequence[str]) -> AsyncIterator[Worker]:
    """Start a worker and end it on leaving. Raises OSError when it cannot be started."""
    process = await trio.lowlevel.open_process(
        list(command),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=_environment(),
        process_group=0,  # Ctrl-C on a terminal reaches the daemon, which then ends its workers
    )
    worker = Worker(process)
    try:
        yield worker
    finally:
        with trio.move_on_after(GOODBYE_S + _REAP_S, shield=True):
            await worker.end()


def _environment() -> dict[str, str]:
    """Return ours without the secrets: a worker has no use for them."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(_SECRETS)}
    return ours | _ONE_THREAD
