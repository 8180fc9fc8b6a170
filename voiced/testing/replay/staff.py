"""Recognizer, agent and synthesizer of a replay: they do what was recorded of them."""

from __future__ import annotations

from collections import defaultdict, deque
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

import numpy as np
import trio

from voiced.agent.memory import AgentSpoke, CallerSpoke
from voiced.errors import AgentFailed
from voiced.flight.taps.fields import TIMES
from voiced.recognizer import base as speech
from voiced.recognizer.base import Vocabulary
from voiced.record import journal
from voiced.synthesizer.base import Word, no_words
from voiced.testing.providers import NoSettings
from voiced.testing.replay.reply import REPLY_STEPS, Acts, perform
from voiced.testing.replay.tasks import let_pass, raise_like, tasks_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

    from pydantic import BaseModel

    from voiced.agent.base import AudioLine, CallerTurn, CallInfo, Reply
    from voiced.audio.frame import Frame, Pcm
    from voiced.flight.entries import Entry
    from voiced.flight.reading import FlightRecording
    from voiced.recognizer.base import SpeechEvent
    from voiced.synthesizer.base import PcmSink, WordSink
    from voiced.testing.replay.tasks import Task

UNKNOWN_LETTERS_PER_S = 14.0
"""How fast a text that was not recorded is taken to be spoken: by silence of that length."""


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
                await events.send(_event(speech, entry, self._origin))
            elif "error" in entry.data:
                raise_like(entry.data["error"])
            else:
                return
        await trio.sleep_forever()


def _event(module: ModuleType, entry: Entry, origin: float) -> Any:
    """Return the event of `module` that an entry tells of, its times counted from `origin`."""
    fields = {key: value for key, value in entry.data.items() if key != "event"}
    for name in TIMES:
        if fields.get(name) is not None:
            fields[name] += origin
    return getattr(module, entry.data["event"])(**fields)


def _forget(name: str) -> None:
    """Take note of a mark that came back: what was heard is recorded."""


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
        self._tasks: dict[str, deque[Task]] = defaultdict(deque)
        for task in tasks_of(recording, "speak", frozenset({"pcm", "words"}), "spoken"):
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
            await let_pass(step.data["after_s"])
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
        return _RecordedDialogue(list(tasks_of(self._recording, "ask", REPLY_STEPS, "asked")))


class _RecordedDialogue:
    def __init__(self, tasks: list[Task]) -> None:
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
        await perform(task, reply)

    def _find(self, asked: Mapping[str, Any]) -> Task:
        """Return what was done when the same was asked; once each."""
        for number, task in enumerate(self._tasks):
            data = task.asked.data
            if all(data.get(key, value) == value for key, value in asked.items()):
                return self._tasks.pop(number)
        raise AgentFailed("recorded agent", f"was not asked for this when recorded: {asked}")


_LINE_STEPS = (
    *("play", "unplay", "mark", "told", "hand_over", "nobody_speaks"),
    *("phone", "phone_done", "conversed"),
)


class RecordedAudioAgent:
    """Plays what was played, at its times."""

    Settings: ClassVar[type[BaseModel]] = NoSettings

    def __init__(self, recording: FlightRecording, origin: float) -> None:
        """Count the recording's times from `origin`."""
        self.rate_hz: int = recording.header["rates_hz"]["agent"] or 8000
        self._recording = recording
        self._origin = origin
        self._steps = deque(recording.of(*_LINE_STEPS))

    @classmethod
    def open(cls, settings: Any) -> NoReturn:
        """Be made from a recording instead."""
        raise NotImplementedError

    async def converse(
        self, call: CallInfo, frames: trio.MemoryReceiveChannel[Frame], line: AudioLine
    ) -> None:
        """Play while `frames` drains, up to the end of a conversation; then comes the next one."""
        del call
        ended: Mapping[str, Any] = {}
        with frames:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_drain, frames)
                ended = await self._play(line, Acts(line.phone), nursery)
                nursery.cancel_scope.cancel()
        if "error" in ended:
            _leave(line, ended.get("left") or {})
            raise_like(ended["error"])

    async def _play(self, line: AudioLine, acts: Acts, nursery: trio.Nursery) -> Mapping[str, Any]:
        """Take the steps of one conversation; return how it ended."""
        while self._steps:
            entry = self._steps.popleft()
            await trio.sleep_until(self._origin + entry.at_s)
            match entry.kind:
                case "play":
                    await line.play(self._recording.audio(entry), entry.data["rate_hz"])
                case "phone":
                    acts.begin(entry.data["act"])
                    nursery.start_soon(acts.do, entry)
                case "phone_done":
                    nursery.start_soon(acts.end, entry)
                case "conversed":
                    return entry.data
                case _:
                    self._tell(line, entry)
        return await trio.sleep_forever()

    def _tell(self, line: AudioLine, entry: Entry) -> None:
        """Take a step that does not wait."""
        match entry.kind:
            case "unplay":
                line.clear()
            case "mark":
                line.mark(_forget)
            case "told":
                line.note(_event(journal, entry, self._origin))
            case "nobody_speaks":
                line.nobody_speaks()
            case _:
                line.transfer(entry.data["to"], entry.data["briefing"])


def _leave(line: AudioLine, left: Mapping[str, Any]) -> None:
    """Leave to another agent what was left when it was recorded; see `describe_standing`."""
    line.standing.owes_answer = bool(left.get("owes"))
    line.standing.has_apologized = bool(left.get("apologized"))
    if left.get("begun"):
        line.past.append(AgentSpoke(heard=""))
    if left.get("turn"):
        line.past.append(CallerSpoke(**left["turn"]))
