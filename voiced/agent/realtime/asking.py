"""How the model of a realtime conversation is asked to speak, and what for.

The API makes one response at a time, also those that its own turn detection wants: what is asked
meanwhile waits for the end of that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from voiced.agent.realtime.wire import response_create

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from voiced.agent.base import AudioLine
    from voiced.agent.realtime.playing import Player
    from voiced.agent.realtime.waits import Waits

GREET = "The call begins now. Greet the caller in one short sentence."
NUDGE = "The caller has been silent for a while. Ask in a few words whether they are still there."
FAREWELL = "The caller does not answer. Say goodbye in a few words."
GO_ON = "Go on with the conversation where it stands; neither greet the caller nor apologize."
SORRY = (
    "The connection was lost for a moment, and your last answer with it. Apologize in a few words, "
    "then answer what the caller said last."
)
LOST_FOR_WORDS = (
    "Your last answer was stopped before it had a word. Say in a few words that you cannot answer "
    "this, and ask what else you can do."
)
HURRY = "The call will be cut in {left_s:.0f} seconds. Say so in a few words, and come to an end."


class Asking:
    """One conversation's."""

    def __init__(
        self,
        prompt: str,
        player: Player,
        waits: Waits,
        send: Callable[[str], Awaitable[None]],
    ) -> None:
        """`send` sends a message to the session.

        `prompt` is the session's own: the instructions of a response stand in its place.
        """
        self._prompt = prompt
        self._player = player
        self._waits = waits
        self._send = send
        self._next: str | None = None
        self._last = ""

    async def ask(self, what: str) -> None:
        """Have the model speak: as it is told in `what`, or by itself for ""."""
        await self._ask(f"{self._prompt}\n\n{what}" if what else "")

    async def ask_to_say(self, text: str) -> None:
        """Have the model say a text, and nothing else."""
        await self._ask(saying(text))

    async def _ask(self, instructions: str) -> None:
        self._next = instructions
        self._waits.asked(trio.current_time())
        await self.go_on()

    async def begin(self, line: AudioLine, greeting: str | None) -> None:
        """Ask for what a first session begins with; `greeting` None waits for the caller."""
        if line.failed_transfer:
            await self.ask("")
        elif line.past:
            await self.ask(GO_ON)  # somebody else had to stop, and has apologized
        elif greeting:
            await self.ask_to_say(greeting)
        elif greeting is not None:
            await self.ask(GREET)

    async def begin_again(self, line: AudioLine, greeting: str | None) -> None:
        """Ask for what was owed by a session that was lost."""
        if line.past:
            await self.ask(SORRY)
        else:
            await self.begin(line, greeting or "")

    async def go_on(self) -> None:
        """Ask for what waits, if the API is free."""
        if self._next is not None and not self._player.is_making:
            self._last, self._next = self._next, None
            await self._send(response_create(self._last))

    def was_busy(self) -> None:
        """The API has refused what was asked last: ask again once it is free."""
        if self._next is None:
            self._next = self._last

    def forget(self) -> None:
        """The caller speaks, or the session is lost: what waits is not wanted any more."""
        self._next = None


def saying(text: str) -> str:
    """Return the instructions to say a text."""
    return f'Say exactly the following, in its language, and nothing else: "{text}"'
