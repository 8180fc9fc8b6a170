"""Where the flight recorder listens: thin wrappers around what a call talks to.

Each passes everything on as it is and notes it; none waits for anything of its own, and whatever is
raised goes through. A step that is cancelled leaves no entry of its end.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager, nullcontext
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from voiced.agent.base import AudioAgent, Remembering, TakingOver, TimeAware
from voiced.errors import MediaStreamClosed, RemoteProtocolError
from voiced.flight.header import is_repeatable
from voiced.flight.phone_tap import TappedPhone
from voiced.flight.steps import Steps, describe_error, describe_standing
from voiced.services.services import Staff, anticipate, anticipate_words
from voiced.synthesizer.base import no_words, speak

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Callable, Sequence
    from contextlib import AbstractAsyncContextManager
    from types import TracebackType

    import trio

    from voiced.agent.base import (
        AudioLine,
        CallerTurn,
        CallInfo,
        Dialogue,
        DialogueAgent,
        Phone,
        Reply,
    )
    from voiced.audio.frame import Frame, Pcm
    from voiced.flight.flight import Flight
    from voiced.recognizer.base import Recognizer, SpeechEvent, Vocabulary
    from voiced.record.heard import HeardPiece
    from voiced.record.journal import JournalEvent
    from voiced.services.services import MediaSocket
    from voiced.synthesizer.base import PcmSink, Synthesizer, Word, WordSink
    from voiced.turns.expect import Expectation

TIMES = ("at", "voice_at", "started_at", "last_voice_at")
"""Fields of events that are trio times."""


def tap_staff(staff: Staff, flight: Flight) -> Staff:
    """Return `staff` with `flight` listening."""
    recognizer, synthesizer, stand_in = staff.recognizer, staff.synthesizer, staff.stand_in
    # The casts: taps are made, not opened, and so lack `Settings` and `open`.
    return Staff(
        agent=_tap_agent(staff.agent, flight),
        stand_in=stand_in and cast("DialogueAgent", TappedDialogueAgent(stand_in, flight)),
        recognizer=recognizer and cast("Recognizer", TappedRecognizer(recognizer, flight)),
        synthesizer=synthesizer and cast("Synthesizer", TappedSynthesizer(synthesizer, flight)),
    )


def _tap_agent(agent: DialogueAgent | AudioAgent, flight: Flight) -> DialogueAgent | AudioAgent:
    if not isinstance(agent, AudioAgent):
        return cast("DialogueAgent", TappedDialogueAgent(agent, flight))
    return agent if is_repeatable(agent) else cast("AudioAgent", TappedAudioAgent(agent, flight))


class TappedSocket:
    """A media socket whose messages are noted. On the frame path, both ways."""

    def __init__(self, socket: MediaSocket, flight: Flight) -> None:
        self._socket = socket
        self._flight = flight
        self._is_lost = False

    async def receive_text(self) -> str:
        """Return the next message."""
        try:
            text = await self._socket.receive_text()
        except MediaStreamClosed as closed:
            self._note_loss(closed)
            raise
        except RemoteProtocolError as error:
            self._flight.note("garbled", reason=str(error))
            raise
        self._flight.message("rx", text)
        return text

    def send_text_nowait(self, text: str) -> bool:
        """Take one message to send."""
        self._flight.message("tx", text)  # before: what comes back must come after it
        return self._socket.send_text_nowait(text)

    async def flush(self) -> None:
        """Wait until every message is out."""
        try:
            await self._socket.flush()
        except MediaStreamClosed as closed:
            self._note_loss(closed)
            raise

    def _note_loss(self, closed: MediaStreamClosed) -> None:
        """Note that the socket is lost: by whoever learns it first, the reader or a sender."""
        if not self._is_lost:
            self._is_lost = True
            self._flight.note("close", code=closed.code)


# -- the recognizer -------------------------------------------------------------------------------


class TappedRecognizer:
    """Notes the events of each call."""

    def __init__(self, recognizer: Recognizer, flight: Flight) -> None:
        self.rate_hz = recognizer.rate_hz
        self.prepare = recognizer.prepare
        self.anticipate_words = partial(anticipate_words, recognizer)
        self._recognizer = recognizer
        self._flight = flight

    async def recognize(
        self,
        frames: trio.MemoryReceiveChannel[Frame],
        events: trio.MemorySendChannel[SpeechEvent],
        vocabulary: Vocabulary,
    ) -> None:
        """Recognize, and note the events."""
        noted = cast("trio.MemorySendChannel[SpeechEvent]", _NotedEvents(events, self._flight))
        try:
            await self._recognizer.recognize(frames, noted, vocabulary)
        except Exception as error:
            self._flight.note("recognized", error=describe_error(error))
            raise
        self._flight.note("recognized")


class _NotedEvents:
    """The sending end of a memory channel, as far as one is used."""

    def __init__(self, events: trio.MemorySendChannel[SpeechEvent], flight: Flight) -> None:
        self.close = events.close
        self.aclose = events.aclose
        self.statistics = events.statistics
        self._events = events
        self._flight = flight

    async def send(self, event: SpeechEvent) -> None:
        self._note(event)
        await self._events.send(event)

    def send_nowait(self, event: SpeechEvent) -> None:
        self._events.send_nowait(event)
        self._note(event)

    def clone(self) -> _NotedEvents:
        return _NotedEvents(self._events.clone(), self._flight)

    def _note(self, event: SpeechEvent) -> None:
        fields = _fields(event, self._flight.origin)
        self._flight.note("speech", event=type(event).__name__, **fields)

    def __enter__(self) -> _NotedEvents:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    async def __aenter__(self) -> _NotedEvents:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()


# -- the synthesizer ------------------------------------------------------------------------------


class TappedSynthesizer:
    """Notes what it is asked to speak, its audio, and when its words have sounded."""

    def __init__(self, synthesizer: Synthesizer, flight: Flight) -> None:
        self.rate_hz = synthesizer.rate_hz
        self.anticipate = partial(anticipate, synthesizer)
        self._synthesizer = synthesizer
        self._flight = flight

    async def synthesize(self, text: str, audio: PcmSink) -> None:
        """Speak, and note it."""
        await self.synthesize_timed(text, audio, no_words)

    async def synthesize_timed(self, text: str, audio: PcmSink, words: WordSink) -> None:
        """Speak, and note it, with its words if the synthesizer tells them."""
        steps = Steps(self._flight)
        self._flight.note("speak", len(text), n=steps.n, text=text)

        async def noted(pcm: Pcm) -> None:
            steps.note("pcm", pcm.nbytes, audio=pcm)
            await audio(pcm)
            steps.taken()

        def noted_words(told: Sequence[Word]) -> None:
            steps.note("words", words=[(word.text, round(word.end_s, 4)) for word in told])
            words(told)

        with steps.until("spoken"):
            await speak(self._synthesizer, text, noted, noted_words)


# -- agents ---------------------------------------------------------------------------------------


class TappedDialogueAgent:
    """Notes what the agent is asked and what it answers."""

    def __init__(self, agent: DialogueAgent, flight: Flight) -> None:
        self.Settings = agent.Settings  # an audio agent is told by these, see AudioAgent
        self.vocabulary = agent.vocabulary
        self.open = agent.open
        self._agent = agent
        self._flight = flight

    def begin(self, call: CallInfo) -> _TappedDialogue:
        """Begin the call's dialogue."""
        return _TappedDialogue(self._agent.begin(call), self._flight)


class _TappedDialogue:
    def __init__(self, dialogue: Dialogue, flight: Flight) -> None:
        self._dialogue = dialogue
        self._flight = flight
        can: object = dialogue
        if isinstance(can, TakingOver):
            self.take_over = can.take_over

    async def open(self, reply: Reply) -> None:
        noted = self._ask(reply, what="open")
        with noted.steps.until("asked"):
            await self._dialogue.open(noted)

    async def answer(self, turn: CallerTurn, reply: Reply) -> None:
        noted = self._ask(reply, what="answer", **asdict(turn))
        with noted.steps.until("asked"):
            await self._dialogue.answer(turn, noted)

    async def prompt(self, silences: int, reply: Reply) -> None:
        noted = self._ask(reply, what="prompt", silences=silences)
        with noted.steps.until("asked"):
            await self._dialogue.prompt(silences, noted)

    async def transfer_failed(self, reason: str, reply: Reply) -> None:
        noted = self._ask(reply, what="transfer_failed", reason=reason)
        with noted.steps.until("asked"):
            await self._dialogue.transfer_failed(reason, noted)

    def interrupted(self, heard: str) -> None:
        self._flight.note("interrupted", heard=heard)
        self._dialogue.interrupted(heard)

    async def time_is_short(self, left_s: float, reply: Reply) -> None:
        noted = self._ask(reply, what="time_is_short", left_s=left_s)
        with noted.steps.until("asked"):
            if isinstance(self._dialogue, TimeAware):
                await self._dialogue.time_is_short(left_s, noted)

    def withdrawn(self) -> None:
        self._flight.note("withdrawn")
        if isinstance(self._dialogue, Remembering):
            self._dialogue.withdrawn()

    def heard(self, pieces: Sequence[HeardPiece]) -> None:
        self._flight.note("heard", pieces=[asdict(piece) for piece in pieces])
        if isinstance(self._dialogue, Remembering):
            self._dialogue.heard(pieces)

    def _ask(self, reply: Reply, **data: Any) -> _TappedReply:
        noted = _TappedReply(reply, Steps(self._flight))
        self._flight.note("ask", n=noted.steps.n, **data)
        return noted


class _TappedReply:
    def __init__(self, reply: Reply, steps: Steps) -> None:
        self.steps = steps
        self._reply = reply
        self._n_said = 0  # texts whose audio is not yet queued

    @property
    def phone(self) -> Phone:
        return cast("Phone", TappedPhone(self._reply.phone, self.steps))

    async def say(self, text: str | AsyncIterable[str], *, protected: bool = False) -> None:
        if isinstance(text, str):
            self.steps.note("say", len(text), text=text, protected=protected)
            await self._reply.say(text, protected=protected)
        else:
            self.steps.note("stream", protected=protected)
            self._n_said += 1
            try:
                async with _closing(text):
                    await self._reply.say(_NotedPieces(text, self.steps), protected=protected)
            finally:
                self._n_said -= 1
        self.steps.taken()

    def _note(self, kind: str, n_bytes: int = 0, **data: Any) -> None:
        """Note a step that may be taken beside the speaking of a stream."""
        self.steps.note(kind, n_bytes, **data, **({"beside": True} if self._n_said else {}))

    async def wait_heard(self) -> None:
        self.steps.note("wait_heard")
        await self._reply.wait_heard()
        self.steps.taken()

    def fill(self, text: str) -> None:
        self._note("fill", len(text), text=text)
        self._reply.fill(text)

    def spend(self, tokens: int) -> None:
        self._note("spend", tokens=tokens)
        self._reply.spend(tokens)

    @asynccontextmanager
    async def tool(self, name: str, arguments: str = "") -> AsyncIterator[None]:
        self._note("tool", len(arguments), name=name, arguments=arguments)
        try:
            async with self._reply.tool(name, arguments):
                yield
        except Exception as error:
            self._note("tool_done", error=describe_error(error))
            raise
        self._note("tool_done")

    def expect(self, what: Expectation) -> None:
        self._note("expect", what=type(what).__name__, **asdict(what))
        self._reply.expect(what)

    def hang_up(self) -> None:
        self.steps.note("hang_up")
        self._reply.hang_up()

    def transfer(self, to: str, briefing: str = "") -> None:
        self.steps.note("transfer", to=to, briefing=briefing)
        self._reply.transfer(to, briefing)


class _NotedPieces:
    """A model's stream, noted piece by piece."""

    def __init__(self, pieces: AsyncIterable[str], steps: Steps) -> None:
        self._pieces = aiter(pieces)
        self._steps = steps

    def __aiter__(self) -> _NotedPieces:
        return self

    async def __anext__(self) -> str:
        self._steps.taken()
        try:
            piece = await anext(self._pieces)
        except StopAsyncIteration:
            self._steps.note("streamed")
            raise
        self._steps.note("piece", len(piece), text=piece)
        return piece


def _closing(pieces: AsyncIterable[str]) -> AbstractAsyncContextManager[object]:
    """Close a generator when it is left; there is nothing to close in other streams."""
    return aclosing(pieces) if isinstance(pieces, AsyncGenerator) else nullcontext()


class TappedAudioAgent:
    """Notes what the agent plays."""

    def __init__(self, agent: AudioAgent, flight: Flight) -> None:
        self.Settings = agent.Settings
        self.rate_hz = agent.rate_hz
        self.open = agent.open
        self.anticipate = partial(anticipate, agent)
        self._agent = agent
        self._flight = flight

    async def converse(
        self, call: CallInfo, frames: trio.MemoryReceiveChannel[Frame], line: AudioLine
    ) -> None:
        """Converse, and note the agent's side."""
        try:
            await self._agent.converse(call, frames, _TappedLine(line, self._flight))
        except Exception as error:
            left = describe_standing(line.past, line.standing)
            self._flight.note("conversed", error=describe_error(error), left=left)
            raise
        self._flight.note("conversed")


class _TappedLine:
    def __init__(self, line: AudioLine, flight: Flight) -> None:
        self.phone = cast("Phone", TappedPhone(line.phone, Steps(flight)))
        self.past = line.past
        self.standing = line.standing
        self.failed_transfer = line.failed_transfer
        self.ends_at = line.ends_at
        self.rules = line.rules
        self.spending = line.spending
        self.take_keys = line.take_keys
        self._line = line
        self._flight = flight

    async def play(self, pcm: Pcm, rate_hz: int) -> None:
        self._flight.note("play", pcm.nbytes, audio=pcm, rate_hz=rate_hz)
        await self._line.play(pcm, rate_hz)

    def clear(self) -> float:
        self._flight.note("unplay")
        return self._line.clear()

    def mark(self, when_played: Callable[[str], None]) -> object:
        self._flight.note("mark")
        return self._line.mark(when_played)

    def note(self, event: JournalEvent) -> None:
        self._flight.note("told", event=type(event).__name__, **_fields(event, self._flight.origin))
        self._line.note(event)

    def transfer(self, to: str, briefing: str = "") -> None:
        self._flight.note("hand_over", to=to, briefing=briefing)
        self._line.transfer(to, briefing)

    def nobody_speaks(self) -> None:
        self._flight.note("nobody_speaks")
        self._line.nobody_speaks()

    @property
    def position_s(self) -> float:
        return self._line.position_s

    @property
    def unplayed_s(self) -> float:
        return self._line.unplayed_s


def _fields(event: SpeechEvent | JournalEvent, origin: float) -> dict[str, Any]:
    """Return an event's fields, its times counted from `origin`."""
    fields = asdict(event)
    for name in TIMES:
        if fields.get(name) is not None:
            fields[name] = round(fields[name] - origin, 6)
    return fields
