"""Knock on the microphone: it counts, whistles what it has heard, and hangs up at three."""

from contextlib import asynccontextmanager, suppress

import numpy as np
import trio
from pydantic import BaseModel

from voiced.audio.level import normalize, rms_dbfs
from voiced.recognizer.base import Final, SpeechEnded, SpeechStarted, Vocabulary


class Provider:
    """What all three have: keys in the configuration, and nothing to acquire."""

    def __init__(self, settings):
        self.settings = settings

    @classmethod
    @asynccontextmanager
    async def open(cls, settings):
        yield cls(settings)


class Knocks(Provider):
    """A recognizer: what is loud is a knock, and a second without one ends them."""

    class Settings(BaseModel, frozen=True, extra="forbid"):
        loud_dbfs: float = -40.0

    rate_hz = 8000

    async def prepare(self, vocabulary): ...

    async def recognize(self, frames, events, vocabulary):
        n, was_loud, began_at, last_at = 0, False, 0.0, 0.0
        with frames, events, suppress(trio.BrokenResourceError):  # nobody listens any more
            async for frame in frames:
                is_loud = rms_dbfs(frame.pcm) >= self.settings.loud_dbfs
                if is_loud and not n:
                    began_at = frame.at
                    await events.send(SpeechStarted(at=began_at, voice_at=began_at))
                n += is_loud and not was_loud
                last_at = frame.at if is_loud else last_at
                was_loud = is_loud
                if n and frame.at - last_at > 1.0:
                    times = {"started_at": began_at, "last_voice_at": last_at}
                    await events.send(SpeechEnded(at=frame.at, last_voice_at=last_at))
                    await events.send(Final(text=f"{n} knocks", confidence=1.0, **times))
                    n = 0


class Counter(Provider):  # an agent; `Talk` is one call's
    class Settings(BaseModel, frozen=True, extra="forbid"):
        enough: int = 3

    vocabulary = Vocabulary()

    def begin(self, call):
        return Talk(self.settings.enough)


class Talk:
    def __init__(self, enough):
        self.enough = enough

    async def open(self, reply):
        await reply.say("Knock, please.")

    async def answer(self, turn, reply):
        await reply.say(f"I have heard {turn.text or 'nothing'}.")
        if turn.text.startswith(f"{self.enough} "):
            reply.hang_up()

    async def prompt(self, silences, reply):
        await reply.say("Knock again.")

    async def transfer_failed(self, reason, reply):
        await reply.say("Nobody is there.")

    def interrupted(self, heard): ...


class Whistle(Provider):
    """A voice: each letter has its tone, a word at a time."""

    class Settings(BaseModel, frozen=True, extra="forbid"):
        letter_s: float = 0.06

    rate_hz = 16_000

    async def synthesize(self, text, audio):
        time = np.arange(round(self.settings.letter_s * self.rate_hz)) / self.rate_hz
        for word in text.lower().split():
            tones = [600 + 40 * (ord(c) % 32) for c in word if c.isalnum()]
            if tones:
                wave = np.concatenate([np.sin(2 * np.pi * hz * time) for hz in tones])
                await audio(normalize((8000 * wave).astype(np.int16), -20.0))
