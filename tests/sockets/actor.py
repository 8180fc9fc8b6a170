"""A dialogue agent whose calls a test plays: who opens, answers and takes back, by direction."""

from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar

import trio

from voiced.recognizer.base import Vocabulary
from voiced.testing.providers import NoSettings


async def nothing(*_args):
    await trio.lowlevel.checkpoint()


@dataclass
class Part:
    """What the agent does in a call to or from one number; `log` is the test's."""

    open: Callable[..., Awaitable[None]] = nothing
    answer: Callable[..., Awaitable[None]] = nothing
    back: Callable[..., Awaitable[None]] = nothing
    log: list[Any] = field(default_factory=list)


@dataclass
class ActedDialogue:
    part: Part

    async def open(self, reply):
        await self.part.open(reply)

    async def answer(self, turn, reply):
        await self.part.answer(turn, reply)

    async def prompt(self, silences, reply):
        await trio.lowlevel.checkpoint()

    async def transfer_failed(self, reason, reply):
        await self.part.back(reason, reply)

    def interrupted(self, heard):
        pass


class Actor:
    """Named in the daemon's config; `parts` is by the number of the other end."""

    Settings = NoSettings
    vocabulary = Vocabulary()
    parts: ClassVar[dict[str, Part]] = {}
    our_number: ClassVar[str] = ""

    @classmethod
    @asynccontextmanager
    async def open(cls, settings):
        yield cls()

    def begin(self, call):
        other = call.called if call.caller == self.our_number else call.caller
        return ActedDialogue(self.parts[other])
