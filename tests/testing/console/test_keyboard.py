"""What lines do."""

from typing import Any

import numpy as np
import trio

from voiced.testing.console.command import Keyboard
from voiced.testing.console.party import KEY_EVERY, ConsoleParty
from voiced.testing.console.telling import ConsoleTeller

QUIET = np.zeros(160, np.int16)


class NotingRecognizer:
    def __init__(self):
        self.said = []

    def say(self, line):
        self.said.append(line)
        return True


async def typed(*lines):
    """Return the party, and what it said, after these lines and their end."""
    party = ConsoleParty()
    recognizer: Any = NotingRecognizer()
    coming = [*lines, ""]
    keyboard = Keyboard(
        party,
        recognizer,
        ConsoleTeller(lambda _: None, tells_caller=False),
        waits=False,
        read=lambda: coming.pop(0),
    )
    with trio.fail_after(10):
        await keyboard.run()
    return party, recognizer.said


async def test_a_line_is_said_and_the_end_of_lines_hangs_up():
    party, said = await typed("hello there\n", "\n", "goodbye\n")
    assert said == ["hello there", "goodbye"]
    assert party.step(QUIET).hangs_up


async def test_keys_are_pressed_and_what_is_no_key_is_not():
    party, said = await typed("/key 1x2#\n")
    assert said == []
    assert "".join(party.step(QUIET).digit for _ in range(3 * KEY_EVERY)) == "12#"


async def test_what_keys_do_and_commands_that_there_are_not_are_told():
    party = ConsoleParty()
    lines: list[str] = []
    coming = ["/key 1x2#\n", "/key\n", "/hang up\n", ""]
    recognizer: Any = NotingRecognizer()
    teller = ConsoleTeller(lines.append, tells_caller=False)
    keyboard = Keyboard(party, recognizer, teller, waits=False, read=lambda: coming.pop(0))
    with trio.fail_after(10):
        await keyboard.run()
    assert lines == [
        "        (you press 12#)",
        "        (there are the keys 0123456789ABCD*#)",
        "        (there is no /hang: /key 12#, /hangup)",
    ]
    assert recognizer.said == []


async def test_hanging_up_is_a_command():
    party, said = await typed("/hangup\n")
    assert said == []
    assert party.step(QUIET).hangs_up
