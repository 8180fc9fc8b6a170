"""Providers that fail on purpose, in front of sound ones: what `voiced simulate --faults` uses.

Each wraps a sound provider and does as that one does until its trouble begins, which is with the
first piece of work ("refuses", "is throttled") or with the second one: the first sentence, answer
or utterance goes well. `in_front_of` puts them into a configuration, with the sound provider itself
as the fallback.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import trio
from pydantic import BaseModel, ConfigDict

from voiced.errors import (
    AgentFailed,
    ConfigError,
    Problem,
    ProviderError,
    RecognizerFailed,
    SynthesizerFailed,
)
from voiced.providers import AGENTS, RECOGNIZERS, SYNTHESIZERS, load_provider
from voiced.recognizer.base import SpeechStarted
from voiced.testing.provider_plans import ProviderTrouble, Trouble

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from voiced.agent.base import CallerTurn, CallInfo, Dialogue, DialogueAgent, Reply
    from voiced.audio.frame import Frame, Pcm
    from voiced.config import Config
    from voiced.config.table import ProviderConfig
    from voiced.recognizer.base import Recognizer, SpeechEvent, Vocabulary
    from voiced.synthesizer.base import PcmSink, Synthesizer

RETRY_AFTER_S = 60.0
"""What a throttled provider asks for."""

MIDWAY_S = 0.5
"""Audio of a sentence that comes before a synthesizer breaks off."""

BEGINNING = "Let me look that up."
"""What an agent says before it breaks off."""

_ErrorT = TypeVar("_ErrorT", bound=ProviderError)


class FaultySettings(BaseModel):
    """The sound provider, its settings, and what goes wrong."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    provider: str
    settings: Any
    trouble: Trouble


def in_front_of(config: Config, troubles: tuple[ProviderTrouble, ...]) -> Config:
    """Return `config` with faulty providers before its own, which stand by where the plan says so.

    Raises:
        ConfigError: the agent converses in audio, and the trouble is one of agents in words.
    """
    for trouble in troubles:
        group, faulty = _FAULTY[trouble.role]
        own: ProviderConfig = getattr(config, trouble.role)
        if hasattr(load_provider(group, own.provider), "converse"):
            reason = f'"{own.provider}" converses in audio; these faults are for agents in words'
            raise ConfigError([Problem(key="--faults", value="", reason=reason)])
        settings = FaultySettings(
            provider=own.provider, settings=own.settings, trouble=trouble.trouble
        )
        sound = own.model_copy(update={"fallback": ()})
        choice = own.model_copy(
            update={
                "provider": f"{__name__}:{faulty.__name__}",
                "settings": settings,
                "fallback": (sound, *own.fallback) if trouble.has_fallback else (),
            }
        )
        config = config.model_copy(update={trouble.role: choice})
    return config


@dataclass(slots=True)
class _Fate:
    """Counts pieces of work; in every call of a faulty provider the trouble begins anew."""

    trouble: Trouble
    done: int = 0

    def next(self) -> Trouble | None:
        """Return the trouble of the next piece of work, None for none."""
        self.done += 1
        at_once = self.trouble in ("refuses", "is throttled")
        return self.trouble if at_once or self.done > 1 else None


async def _meet(trouble: Trouble | None, kind: type[_ErrorT]) -> None:
    """Fail where the trouble is that nothing is done at all."""
    if trouble == "refuses":
        raise kind("faulty", "the key is not known", kind="unauthorized")
    if trouble == "is throttled":
        raise kind("faulty", "too many requests", kind="rate_limited", retry_after_s=RETRY_AFTER_S)
    if trouble == "stalls":
        await trio.sleep_forever()
    await trio.lowlevel.checkpoint()


class FaultySynthesizer:
    """Speaks one sentence, then meets its trouble; "disconnects" is in the middle of one."""

    Settings: ClassVar[type[BaseModel]] = FaultySettings

    def __init__(self, sound: Synthesizer, trouble: Trouble) -> None:
        self.rate_hz = sound.rate_hz
        self._sound = sound
        self._fate = _Fate(trouble)

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: FaultySettings) -> AsyncIterator[FaultySynthesizer]:
        """Open the sound one."""
        provider = load_provider(SYNTHESIZERS, settings.provider)
        async with provider.open(settings.settings) as sound:
            yield cls(sound, settings.trouble)

    async def synthesize(self, text: str, audio: PcmSink) -> None:
        """Speak, or fail."""
        trouble = self._fate.next()
        await _meet(trouble, SynthesizerFailed)
        given = 0

        async def cut(pcm: Pcm) -> None:
            nonlocal given
            piece = pcm[: max(0, int(MIDWAY_S * self.rate_hz) - given)]
            given += len(piece)
            await audio(piece)
            if given >= int(MIDWAY_S * self.rate_hz):
                raise SynthesizerFailed("faulty", "has closed the connection", kind="closed")

        await self._sound.synthesize(text, cut if trouble == "disconnects" else audio)


class FaultyRecognizer:
    """Hears one utterance; the next one begins, and then comes its trouble."""

    Settings: ClassVar[type[BaseModel]] = FaultySettings

    def __init__(self, sound: Recognizer, trouble: Trouble) -> None:
        self.rate_hz = sound.rate_hz
        self.prepare = sound.prepare
        self._sound = sound
        self._trouble: Trouble = trouble

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: FaultySettings) -> AsyncIterator[FaultyRecognizer]:
        """Open the sound one."""
        provider = load_provider(RECOGNIZERS, settings.provider)
        async with provider.open(settings.settings) as sound:
            yield cls(sound, settings.trouble)

    async def recognize(
        self,
        frames: trio.MemoryReceiveChannel[Frame],
        events: trio.MemorySendChannel[SpeechEvent],
        vocabulary: Vocabulary,
    ) -> None:
        """Recognize, or fail."""
        with frames, events:
            if self._trouble in ("refuses", "is throttled"):
                await _meet(self._trouble, RecognizerFailed)
            heard_in, heard = trio.open_memory_channel["SpeechEvent"](8)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._sound.recognize, frames, heard_in, vocabulary)
                await self._tell(heard, events)

    async def _tell(
        self,
        heard: trio.MemoryReceiveChannel[SpeechEvent],
        events: trio.MemorySendChannel[SpeechEvent],
    ) -> None:
        fate, trouble = _Fate(self._trouble), None
        async for event in heard:
            if isinstance(event, SpeechStarted):
                trouble = fate.next()
            if trouble != "stalls" or isinstance(event, SpeechStarted):
                await events.send(event)
            if trouble == "disconnects":
                raise RecognizerFailed("faulty", "has closed the connection", kind="closed")


class FaultyAgent:
    """Greets, then meets its trouble; "disconnects" is after the first sentence of an answer."""

    Settings: ClassVar[type[BaseModel]] = FaultySettings

    def __init__(self, sound: DialogueAgent, trouble: Trouble) -> None:
        self.vocabulary = sound.vocabulary
        self._sound = sound
        self._trouble: Trouble = trouble

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: FaultySettings) -> AsyncIterator[FaultyAgent]:
        """Open the sound one."""
        provider = load_provider(AGENTS, settings.provider)
        async with provider.open(settings.settings) as sound:
            yield cls(sound, settings.trouble)

    def begin(self, call: CallInfo) -> _FaultyDialogue:
        """Begin a dialogue that will fail."""
        return _FaultyDialogue(self._sound.begin(call), _Fate(self._trouble))


class _FaultyDialogue:
    def __init__(self, sound: Dialogue, fate: _Fate) -> None:
        self._fate = fate
        self.transfer_failed = sound.transfer_failed
        self.interrupted = sound.interrupted
        self._sound = sound

    async def open(self, reply: Reply) -> None:
        await self._fail(reply)
        await self._sound.open(reply)

    async def answer(self, turn: CallerTurn, reply: Reply) -> None:
        await self._fail(reply)
        await self._sound.answer(turn, reply)

    async def prompt(self, silences: int, reply: Reply) -> None:
        await self._fail(reply)
        await self._sound.prompt(silences, reply)

    async def _fail(self, reply: Reply) -> None:
        trouble = self._fate.next()
        await _meet(trouble, AgentFailed)
        if trouble == "disconnects":
            await reply.say(BEGINNING)
            raise AgentFailed("faulty", "has closed the connection", kind="closed")


_FAULTY: dict[str, tuple[str, type[Any]]] = {
    "recognizer": (RECOGNIZERS, FaultyRecognizer),
    "agent": (AGENTS, FaultyAgent),
    "synthesizer": (SYNTHESIZERS, FaultySynthesizer),
}
