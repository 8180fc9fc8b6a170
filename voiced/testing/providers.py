"""Deterministic providers for tests of calls on the virtual clock: no model, no thread, no process.

They fit the same protocols as the real ones, and they can fail on request.
"""

from __future__ import annotations

import math
from collections import deque
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import trio
from pydantic import BaseModel

from voiced.recognizer.base import (
    Final,
    SpeechEnded,
    SpeechStarted,
    Vocabulary,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from voiced.agent.base import CallerTurn, CallInfo, Reply
    from voiced.audio.frame import Frame
    from voiced.recognizer.base import SpeechEvent
    from voiced.synthesizer.base import PcmSink


class NoSettings(BaseModel):
    """A provider without keys of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Speech:
    """The caller speaks from `from_s` to `to_s`, seconds after media began.

    The recognizer notices `onset_s` after the beginning, decides that it is over `silence_s` after
    the end, and needs `decode_s` more for the text.
    """

    from_s: float
    to_s: float
    text: str
    confidence: float = 0.9
    onset_s: float = 0.1
    silence_s: float = 0.6
    decode_s: float = 0.2


def _timed_events(script: Sequence[Speech], begun_at: float) -> list[tuple[float, SpeechEvent]]:
    """Return what a recognizer tells of `script`, and when."""
    timed: list[tuple[float, SpeechEvent]] = []
    for speech in script:
        start_at, voice_at = begun_at + speech.from_s, begun_at + speech.to_s
        on_at = start_at + speech.onset_s
        off_at = voice_at + speech.silence_s
        timed += [
            (on_at, SpeechStarted(at=on_at, voice_at=start_at)),
            (off_at, SpeechEnded(at=off_at, last_voice_at=voice_at)),
            (
                off_at + speech.decode_s,
                Final(
                    text=speech.text,
                    confidence=speech.confidence,
                    started_at=start_at,
                    last_voice_at=voice_at,
                ),
            ),
        ]
    return sorted(timed, key=lambda pair: pair[0])


class HearingRecognizer:
    """Tells what its script says once it has heard the frames of that time.

    Frames that are given again, or late, are heard again, or late: so it can take over from another
    one.
    """

    Settings: ClassVar[type[BaseModel]] = NoSettings
    rate_hz = 8000

    def __init__(self, script: Sequence[Speech], *, begins_at: float = 0.0) -> None:
        """`begins_at` is the trio time from which the script counts."""
        self._script = script
        self._begins_at = begins_at

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: NoSettings) -> AsyncIterator[HearingRecognizer]:
        """Give one that hears nothing."""
        del settings
        yield cls(())

    async def prepare(self, vocabulary: Vocabulary) -> None:
        """Need nothing."""

    async def recognize(
        self,
        frames: trio.MemoryReceiveChannel[Frame],
        events: trio.MemorySendChannel[SpeechEvent],
        vocabulary: Vocabulary,
    ) -> None:
        """Tell the script by the frames' times; nothing of speech whose beginning was not heard."""
        del vocabulary
        timed: deque[tuple[float, SpeechEvent]] | None = None
        with frames, events:
            async for frame in frames:
                if timed is None:
                    timed = deque(self._audible(frame.at))
                while timed and timed[0][0] <= frame.at:
                    await events.send(timed.popleft()[1])

    def _audible(self, since: float) -> list[tuple[float, SpeechEvent]]:
        heard = [speech for speech in self._script if self._begins_at + speech.from_s >= since]
        return _timed_events(heard, self._begins_at)


class ScriptedRecognizer:
    """Tells what its script says at the times that it says, whatever it hears."""

    Settings: ClassVar[type[BaseModel]] = NoSettings
    rate_hz = 8000

    def __init__(self, script: Sequence[Speech] = (), error: Exception | None = None) -> None:
        """Tell `script`; raise `error`, if given, once it is told."""
        self._script = script
        self._error = error

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: NoSettings) -> AsyncIterator[ScriptedRecognizer]:
        """Give one without a script."""
        del settings
        yield cls()

    async def prepare(self, vocabulary: Vocabulary) -> None:
        """Need nothing."""

    async def recognize(
        self,
        frames: trio.MemoryReceiveChannel[Frame],
        events: trio.MemorySendChannel[SpeechEvent],
        vocabulary: Vocabulary,
    ) -> None:
        """Tell the script while `frames` drains."""
        del vocabulary
        with frames, events:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._tell, events, trio.current_time())
                async for _ in frames:
                    pass
                nursery.cancel_scope.cancel()

    async def _tell(self, events: trio.MemorySendChannel[SpeechEvent], begun_at: float) -> None:
        for at, event in _timed_events(self._script, begun_at):
            await trio.sleep_until(at)
            await events.send(event)
        if self._error is not None:
            raise self._error


class ToneSynthesizer:
    """Speaks in a tone, as long as the text: `letters_per_s` letters a second."""

    Settings: ClassVar[type[BaseModel]] = NoSettings

    def __init__(
        self,
        *,
        rate_hz: int = 24_000,
        letters_per_s: float = 20.0,
        first_audio_s: float = 0.1,
        error: Exception | None = None,
    ) -> None:
        """Speak after `first_audio_s`; or raise `error` then."""
        self.rate_hz = rate_hz
        self._letters_per_s = letters_per_s
        self._first_audio_s = first_audio_s
        self._error = error

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: NoSettings) -> AsyncIterator[ToneSynthesizer]:
        """Give one with default speed."""
        del settings
        yield cls()

    async def synthesize(self, text: str, audio: PcmSink) -> None:
        """Give a tone of 440 Hz at -14 dBFS in pieces of 200 ms."""
        await trio.sleep(self._first_audio_s)
        if self._error is not None:
            raise self._error
        n_samples = math.ceil(len(text) / self._letters_per_s * self.rate_hz)
        phase = np.arange(n_samples) * (2 * math.pi * 440 / self.rate_hz)
        pcm = (9000 * np.sin(phase)).astype(np.int16)
        for start in range(0, n_samples, self.rate_hz // 5):
            await audio(pcm[start : start + self.rate_hz // 5])


@dataclass(slots=True)
class TestDialogue:
    """A dialogue of functions; notes what it was told."""

    __test__: ClassVar[bool] = False

    greet: Callable[[Reply], Awaitable[None]]
    respond: Callable[[CallerTurn, Reply], Awaitable[None]]
    nudge: Callable[[int, Reply], Awaitable[None]]
    take_back: Callable[[str, Reply], Awaitable[None]]
    turns: list[str] = field(default_factory=list)
    digits: list[str] = field(default_factory=list)
    failed_transfers: list[str] = field(default_factory=list)
    cut: list[str] = field(default_factory=list)

    async def open(self, reply: Reply) -> None:
        """Greet the caller."""
        await self.greet(reply)

    async def answer(self, turn: CallerTurn, reply: Reply) -> None:
        """Note the turn and answer it."""
        self.turns.append(turn.text)
        self.digits.append(turn.digits)
        await self.respond(turn, reply)

    async def prompt(self, silences: int, reply: Reply) -> None:
        """Prompt a silent caller."""
        await self.nudge(silences, reply)

    async def transfer_failed(self, reason: str, reply: Reply) -> None:
        """Note that the caller is back and say so."""
        self.failed_transfers.append(reason)
        await self.take_back(reason, reply)

    def interrupted(self, heard: str) -> None:
        """Note what was heard of a reply that was cut."""
        self.cut.append(heard)


async def _say_nothing(*_: object) -> None:
    await trio.lowlevel.checkpoint()


class FunctionAgent:
    """A dialogue agent made of functions; `dialogues` holds those it has begun."""

    Settings: ClassVar[type[BaseModel]] = NoSettings
    vocabulary = Vocabulary()

    def __init__(
        self,
        *,
        greet: Callable[[Reply], Awaitable[None]] = _say_nothing,
        respond: Callable[[CallerTurn, Reply], Awaitable[None]] = _say_nothing,
        nudge: Callable[[int, Reply], Awaitable[None]] = _say_nothing,
        take_back: Callable[[str, Reply], Awaitable[None]] = _say_nothing,
    ) -> None:
        """Answer with the functions given; those left out say nothing."""
        self._functions = (greet, respond, nudge, take_back)
        self.dialogues: list[TestDialogue] = []

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: NoSettings) -> AsyncIterator[FunctionAgent]:
        """Give one that says nothing."""
        del settings
        yield cls()

    def begin(self, call: CallInfo) -> TestDialogue:
        """Begin a dialogue."""
        del call
        dialogue = TestDialogue(*self._functions)
        self.dialogues.append(dialogue)
        return dialogue
