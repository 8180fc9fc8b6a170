"""Recognizer, agent and synthesizer of a replay: they do what was recorded of them."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

import numpy as np
import trio

import voiced.errors
from voiced.errors import AgentFailed, ProviderError, ToolTooSlow
from voiced.flight.taps import TIMES
from voiced.recognizer import base as speech
from voiced.recognizer.base import Vocabulary
from voiced.synthesizer.base import Word, no_words
from voiced.testing.providers import NoSettings
from voiced.turns import expect as expectations

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic import BaseModel

    from voiced.agent.base import AudioLine, CallerTurn, CallInfo, Reply
    from voiced.audio.frame import Frame, Pcm
    from voiced.flight.entries import Entry
    from voiced.flight.reading import FlightRecording
    from voiced.recognizer.base import SpeechEvent
    from voiced.synthesizer.base import PcmSink, WordSink

UNKNOWN_LETTERS_PER_S = 14.0
"""How fast a text that was not recorded is taken to be spoken: by silence of that length."""

CUT_S = 2.0
"""A step that was cut waits for its cut for so long, then goes on."""

_OURS_S = 0.0005
"""Shorter times between steps are not the provider's but the daemon's own."""


def raise_like(error: Mapping[str, Any]) -> NoReturn:
    """Raise what `voiced.flight.taps.describe_error` described."""
    name = error["type"]
    kind = getattr(voiced.errors, name, None)
    if isinstance(kind, type) and issubclass(kind, ProviderError):
        raise kind(error.get("provider", ""), error.get("reason", ""))
    raise type(name, (Exception,), {})("as recorded")


async def _pass(after_s: float) -> None:
    if after_s > _OURS_S:
        await trio.sleep(after_s)
    else:
        await trio.lowlevel.checkpoint()


@dataclass(slots=True)
class _Task:
    """Something that was asked of a provider: its steps, and how it ended (None: it was cut)."""

    asked: Entry
    steps: list[Entry] = field(default_factory=list)
    end: Entry | None = None

    async def finish(self) -> None:
        """Come to the recorded end."""
        if self.end is None:
            await trio.sleep(CUT_S)
            return
        await _pass(self.end.data["after_s"])
        if "error" in self.end.data:
            raise_like(self.end.data["error"])


def _tasks(recording: FlightRecording, asked: str, steps: set[str], end: str) -> Iterator[_Task]:
    """Return what was asked, in order, with what came of it."""
    tasks: dict[int, _Task] = {}
    for entry in recording.entries:
        if entry.kind == asked:
            tasks[entry.data["n"]] = _Task(entry)
        elif entry.kind in steps:
            tasks[entry.data["n"]].steps.append(entry)
        elif entry.kind == end:
            tasks[entry.data["n"]].end = entry
    yield from tasks.values()


# -- the recognizer -------------------------------------------------------------------------------


class RecordedRecognizer:
    """Tells the recorded events at their times, whatever it hears."""

    Settings: ClassVar[type[BaseModel]] = NoSettings

    def __init__(self, recording: FlightRecording, origin: float) -> None:
        """Count the recording's times from `origin`."""
        self.rate_hz: int = recording.header["rates_hz"]["recognizer"] or 8000
        self._origin = origin
        self._entries = deque(recording.of("speech", "recognized"))

    @classmethod
    def open(cls, settings: Any) -> NoReturn:
        """Be made from a recording instead."""
        raise NotImplementedError

    async def prepare(self, vocabulary: Vocabulary) -> None:
        """Need nothing."""

    async def recognize(
        self,
        frames: trio.MemoryReceiveChannel[Frame],
        events: trio.MemorySendChannel[SpeechEvent],
        vocabulary: Vocabulary,
    ) -> None:
        """Tell the events while `frames` drains."""
        del vocabulary
        with frames, events:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_drain, frames)
                await self._tell(events)
                nursery.cancel_scope.cancel()

    async def _tell(self, events: trio.MemorySendChannel[SpeechEvent]) -> None:
        while self._entries:
            entry = self._entries.popleft()
            await trio.sleep_until(self._origin + entry.at_s)
            if entry.kind == "speech":
                await events.send(self._event(entry))
            elif "error" in entry.data:
                raise_like(entry.data["error"])
            else:
                return
        await trio.sleep_forever()

    def _event(self, entry: Entry) -> SpeechEvent:
        fields = dict(entry.data)
        kind = getattr(speech, fields.pop("event"))
        for name in TIMES:
            if fields.get(name) is not None:
                fields[name] += self._origin
        event: SpeechEvent = kind(**fields)
        return event


async def _drain(frames: trio.MemoryReceiveChannel[Frame]) -> None:
    async for _ in frames:
        pass


# -- the synthesizer ------------------------------------------------------------------------------


class RecordedSynthesizer:
    """Speaks a text as it was spoken; a text that was not, as silence of about its length."""

    Settings: ClassVar[type[BaseModel]] = NoSettings

    def __init__(self, recording: FlightRecording) -> None:
        self.rate_hz: int = recording.header["rates_hz"]["synthesizer"] or 8000
        self._recording = recording
        self._tasks: dict[str, deque[_Task]] = defaultdict(deque)
        for task in _tasks(recording, "speak", {"pcm", "words"}, "spoken"):
            self._tasks[task.asked.data["text"]].append(task)

    @classmethod
    def open(cls, settings: Any) -> NoReturn:
        """Be made from a recording instead."""
        raise NotImplementedError

    async def synthesize(self, text: str, audio: PcmSink) -> None:
        """Give the recorded pieces, each after its time."""
        await self.synthesize_timed(text, audio, no_words)

    async def synthesize_timed(self, text: str, audio: PcmSink, words: WordSink) -> None:
        """Give the recorded pieces, and tell the words that were told."""
        tasks = self._tasks.get(text)
        if not tasks:
            await audio(self._silence(text))
            return
        task = tasks.popleft() if len(tasks) > 1 else tasks[0]
        for step in task.steps:
            await _pass(step.data["after_s"])
            if step.kind == "words":
                words([Word(text, end_s) for text, end_s in step.data["words"]])
            else:
                await audio(self._recording.audio(step))
        await task.finish()

    def _silence(self, text: str) -> Pcm:
        return np.zeros(round(len(text) / UNKNOWN_LETTERS_PER_S * self.rate_hz), np.int16)


# -- agents ---------------------------------------------------------------------------------------


class RecordedAgent:
    """Says what was said to the same turns."""

    Settings: ClassVar[type[BaseModel]] = NoSettings
    vocabulary = Vocabulary()

    def __init__(self, recording: FlightRecording) -> None:
        self._recording = recording

    @classmethod
    def open(cls, settings: Any) -> NoReturn:
        """Be made from a recording instead."""
        raise NotImplementedError

    def begin(self, call: CallInfo) -> _RecordedDialogue:
        """Begin the recorded dialogue."""
        del call
        return _RecordedDialogue(list(_tasks(self._recording, "ask", _REPLY_STEPS, "asked")))


_REPLY_STEPS = {
    *("say", "stream", "piece", "streamed", "fill", "spend", "tool", "tool_done"),
    *("expect", "hang_up", "transfer", "wait_heard"),
}


class _RecordedDialogue:
    def __init__(self, tasks: list[_Task]) -> None:
        self._tasks = tasks

    async def open(self, reply: Reply) -> None:
        await self._perform(reply, what="open")

    async def answer(self, turn: CallerTurn, reply: Reply) -> None:
        await self._perform(reply, what="answer", text=turn.text, digits=turn.digits)

    async def prompt(self, silences: int, reply: Reply) -> None:
        await self._perform(reply, what="prompt", silences=silences)

    async def transfer_failed(self, reason: str, reply: Reply) -> None:
        await self._perform(reply, what="transfer_failed", reason=reason)

    async def time_is_short(self, left_s: float, reply: Reply) -> None:
        del left_s
        await self._perform(reply, what="time_is_short")

    def interrupted(self, heard: str) -> None:
        del heard

    async def _perform(self, reply: Reply, **asked: Any) -> None:
        task = self._find(asked)
        await _Performance(task.steps, reply).run()
        await task.finish()

    def _find(self, asked: Mapping[str, Any]) -> _Task:
        """Return what was done when the same was asked; once each."""
        for number, task in enumerate(self._tasks):
            data = task.asked.data
            if all(data.get(key, value) == value for key, value in asked.items()):
                return self._tasks.pop(number)
        raise AgentFailed("recorded agent", f"was not asked for this when recorded: {asked}")


class _Performance:
    """The steps of one reply, taken again."""

    def __init__(self, steps: list[Entry], reply: Reply) -> None:
        self._steps = deque(steps)
        self._reply = reply
        self._begun: Entry | None = None

    async def run(self, until: str = "") -> None:
        """Take the steps, each after its time, up to one of the kind `until`."""
        while (step := await self._next()) is not None and step.kind != until:
            await self._take(step)

    async def _next(self) -> Entry | None:
        self._begun = step = _next_step(self._steps)
        if step is not None:
            await _pass(step.data["after_s"])
        return step

    async def _use_tool(self, name: str, arguments: str) -> None:
        """Take the steps within a tool; its lateness is ours to raise only if it was then."""
        try:
            async with self._reply.tool(name, arguments):
                await self.run(until="tool_done")
        except ToolTooSlow:
            if self._begun is None or self._begun.kind != "tool_done":
                raise

    async def _take(self, step: Entry) -> None:
        data = step.data
        match step.kind:
            case "say":
                await self._reply.say(data["text"], protected=data["protected"])
            case "stream":
                await self._reply.say(_RecordedPieces(self._steps), protected=data["protected"])
            case "tool":
                await self._use_tool(data["name"], data["arguments"])
            case "wait_heard":
                await self._reply.wait_heard()
            case "fill":
                self._reply.fill(data["text"])
            case "spend":
                self._reply.spend(data["tokens"])
            case "expect":
                fields = {key: data[key] for key in data.keys() - {"n", "after_s", "what"}}
                self._reply.expect(getattr(expectations, data["what"])(**fields))
            case "hang_up":
                self._reply.hang_up()
            case _:
                self._reply.transfer(data["to"], data.get("briefing", ""))


class _RecordedPieces:
    """A model's stream, piece by piece, as it came."""

    def __init__(self, steps: deque[Entry]) -> None:
        self._steps = steps

    def __aiter__(self) -> _RecordedPieces:
        return self

    async def __anext__(self) -> str:
        step = _next_step(self._steps)
        if step is None:  # it was cut here
            await trio.sleep(CUT_S)
            raise StopAsyncIteration
        await _pass(step.data["after_s"])
        if step.kind != "piece":
            raise StopAsyncIteration
        text: str = step.data["text"]
        return text


def _next_step(steps: deque[Entry]) -> Entry | None:
    return steps.popleft() if steps else None


class RecordedAudioAgent:
    """Plays what was played, at its times."""

    Settings: ClassVar[type[BaseModel]] = NoSettings

    def __init__(self, recording: FlightRecording, origin: float) -> None:
        """Count the recording's times from `origin`."""
        self.rate_hz: int = recording.header["rates_hz"]["agent"] or 8000
        self._recording = recording
        self._origin = origin

    @classmethod
    def open(cls, settings: Any) -> NoReturn:
        """Be made from a recording instead."""
        raise NotImplementedError

    async def converse(
        self, call: CallInfo, frames: trio.MemoryReceiveChannel[Frame], line: AudioLine
    ) -> None:
        """Play while `frames` drains."""
        del call
        with frames:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_drain, frames)
                await self._play(line)
                nursery.cancel_scope.cancel()

    async def _play(self, line: AudioLine) -> None:
        for entry in self._recording.of("play", "unplay", "conversed"):
            await trio.sleep_until(self._origin + entry.at_s)
            match entry.kind:
                case "play":
                    await line.play(self._recording.audio(entry), entry.data["rate_hz"])
                case "unplay":
                    line.clear()
                case _ if "error" in entry.data:
                    raise_like(entry.data["error"])
                case _:
                    return
        await trio.sleep_forever()
