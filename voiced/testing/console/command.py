"""Runs the console: one call in memory, lines from the keyboard, words to the terminal."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import trio

from voiced.agent.base import AudioAgent
from voiced.config import ProviderConfig
from voiced.errors import ConfigError, Problem
from voiced.log import configure_logging
from voiced.progress import telling
from voiced.record.end_words import is_failure
from voiced.server.core import open_core
from voiced.server.renewal import open_staff_room
from voiced.server.shared import open_services
from voiced.testing.console.party import ConsoleParty
from voiced.testing.console.screen import open_screen
from voiced.testing.console.sound_card import open_sound_card
from voiced.testing.console.telling import ConsoleTeller
from voiced.testing.console.typed import TypedRecognizer
from voiced.testing.emulator import Account, open_emulator
from voiced.testing.local import local_config, read_config, speak_as_telnyx
from voiced.testing.memory import CoreNetwork
from voiced.testing.network import AsgiNetwork
from voiced.testing.providers import NoSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from voiced.config import Config
    from voiced.testing.console.party import SoundCard
    from voiced.testing.console.screen import Screen
    from voiced.testing.emulator import EmulatedTelnyx

WEBHOOK_URL = "http://voiced/telnyx/webhook"
API_BASE = "http://127.0.0.1/v2"  # never dialled: it is answered in memory

FROM = "+13125550100"

ANSWER_S = 30.0
"""A line from a file waits so long for the agent's answer to the one before."""

PAUSE_S = 0.5
"""And until the agent has been silent for so long."""

TYPED = "voiced.testing.console.typed:TypedRecognizer"

KEYS = "0123456789ABCD*#"

WARM_S = 10.0
"""For the recognizer to load its vocabulary: no turn shall wait for that."""

HELP = "type what the caller says; /key 12# presses keys, /hangup (or Ctrl-D) hangs up"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleOptions:
    """What to talk with.

    Attributes:
        config: configuration; None for ./config.toml or the built-in defaults.
        line: the `[lines.NAME]` whose agent talks; "" for `[agent]`.
        voice: by microphone and loudspeaker instead of typing.
        output: folder for the call's record; None for `simulated/<time>`.
    """

    config: Path | None = None
    line: str = ""
    voice: bool = False
    output: Path | None = None


async def run(options: ConsoleOptions) -> int:
    """Hold one call; returns 0, or 1 if it ended by a failure.

    Raises:
        ConfigError: options or configuration cannot be used.
        StartupError: a provider, or the sound card, cannot be opened.
    """
    config = _narrowed(read_config(options.config), options)
    folder = options.output or Path("simulated") / datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    configure_logging("warning", config.log.format)
    with open_screen() as screen:
        tells_caller = options.voice or not screen.is_terminal
        teller = ConsoleTeller(screen.write, tells_caller=tells_caller)
        with _open_card(options) as card:
            await _talk(config, options, folder, screen, teller, card)
        screen.close()
        screen.write(teller.summary())
        for directory in sorted((folder / "records").glob("*/call.json")):
            screen.write(f"record: {directory.parent}  (voiced explain {directory.parent})")
    return 1 if is_failure(teller.end_reason) else 0


async def _talk(
    config: Config,
    options: ConsoleOptions,
    folder: Path,
    screen: Screen,
    teller: ConsoleTeller,
    card: SoundCard | None,
) -> None:
    """Hold the call, to its end or to that of the lines."""
    party = ConsoleParty(card)
    async with (
        telling("getting ready") as is_ready,
        _open_house(config, folder, teller) as (telnyx, recognizer),
    ):
        is_ready.set()
        screen.write(f"voiced console: {'speak; /hangup' if options.voice else HELP}")
        keyboard = Keyboard(
            party, recognizer, teller, waits=not screen.is_terminal, read=screen.read
        )
        async with trio.open_nursery() as nursery:
            nursery.start_soon(keyboard.run, name="keyboard")
            await telnyx.ring(party, from_=FROM)
            nursery.cancel_scope.cancel()


# -- what is talked with -------------------------------------------------------------------------


def _narrowed(config: Config, options: ConsoleOptions) -> Config:
    """Return `config` with one line only, and with a recognizer that reads."""
    if options.line and options.line not in config.lines:
        known = ", ".join(config.lines) or "none"
        problem = Problem(
            key="--line",
            value=options.line,
            reason="there is no such line",
            remedy=f"known: {known}",
        )
        raise ConfigError([problem])
    staff = config.staff(options.line)
    typed = ProviderConfig(provider=TYPED, settings=NoSettings())
    return config.model_copy(
        update={
            "lines": {},
            "agent": staff.agent,
            "synthesizer": staff.synthesizer,
            "recognizer": staff.recognizer if options.voice else typed,
        }
    )


@contextmanager
def _open_card(options: ConsoleOptions) -> Iterator[SoundCard | None]:
    if not options.voice:
        yield None
        return
    with open_sound_card() as card:
        yield card


@asynccontextmanager
async def _open_house(
    config: Config, folder: Path, teller: ConsoleTeller
) -> AsyncIterator[tuple[EmulatedTelnyx, TypedRecognizer | None]]:
    """Open daemon and emulated Telnyx, in memory."""
    account = Account(speaker=speak_as_telnyx)
    async with AsyncExitStack() as stack:
        telnyx = await stack.enter_async_context(
            open_emulator(AsgiNetwork(None), WEBHOOK_URL, account=account)
        )
        config = local_config(config, telnyx, API_BASE, folder)
        config = config.with_public_address("127.0.0.1:80")  # which nobody dials, either
        transport = httpx.ASGITransport(telnyx.app)
        services = await stack.enter_async_context(
            open_services(config, observer=teller, transport=transport)
        )
        room = await stack.enter_async_context(open_staff_room())
        hired = await room.hire(config)
        recognizer = hired.staff[""].recognizer
        typed = recognizer if isinstance(recognizer, TypedRecognizer) else None
        if isinstance(hired.staff[""].agent, AudioAgent) and config.recognizer.provider == TYPED:
            problem = Problem(
                key="agent.provider",
                value=f'"{config.agent.provider}"',
                reason="listens to audio, and reads nothing",
                remedy="talk with it by `voiced console --voice`",
            )
            raise ConfigError([problem])
        core = await stack.enter_async_context(
            open_core(replace(services, staff=hired.staff), over=hired.over)
        )
        telnyx.network = CoreNetwork(core)
        with trio.move_on_after(WARM_S):
            await core.warm.wait()
        yield telnyx, typed


# -- the keyboard ----------------------------------------------------------------------------------


class Keyboard:
    """Reads lines in a thread, and lets the caller say or do them."""

    def __init__(
        self,
        party: ConsoleParty,
        recognizer: TypedRecognizer | None,
        teller: ConsoleTeller,
        *,
        waits: bool,
        read: Callable[[], str],
    ) -> None:
        """Read lines by `read`, "" at their end.

        `waits`: what comes from a file is said when the agent has finished, not over it.
        """
        self._party = party
        self._recognizer = recognizer
        self._teller = teller
        self._waits = waits
        self._read = read
        self._told = trio.Event()
        teller.changed = self._changed

    async def run(self) -> None:
        """Read until the end of lines, or until cancelled."""
        while True:
            if self._waits:
                await self._agent_has_finished(self._teller.n_answers)
            line = await trio.to_thread.run_sync(self._read, abandon_on_cancel=True)
            if not line:
                break
            n_before = self._teller.n_answers
            self._obey(line.strip())
            if self._waits and line.strip():
                await self._agent_has_answered(n_before)
        self._party.hang_up()

    def _obey(self, line: str) -> None:
        if line.startswith("/key"):
            keys = "".join(key for key in line[4:].upper() if key in KEYS)
            self._party.press(keys)
            self._teller.remark(f"you press {keys}" if keys else f"there are the keys {KEYS}")
        elif line in ("/hangup", "/quit", "/exit"):
            self._party.hang_up()
        elif line.startswith("/"):
            self._teller.remark(f"there is no {line.split()[0]}: /key 12#, /hangup")
        elif line and self._recognizer is not None and not self._recognizer.say(line):
            self._teller.remark("nobody listens: too many lines wait")

    def _changed(self) -> None:
        self._told.set()

    async def _agent_has_answered(self, n_before: int) -> None:
        with trio.move_on_after(ANSWER_S):
            while self._teller.n_answers == n_before:
                await self._next_event()

    async def _agent_has_finished(self, n_before: int) -> None:
        """Wait until the agent has been silent for a while, and has greeted."""
        if n_before == 0:
            await self._agent_has_answered(0)
        with trio.move_on_after(ANSWER_S):
            while True:
                while self._teller.agent_speaks:
                    await self._next_event()
                with trio.move_on_after(PAUSE_S) as pause:
                    await self._next_event()
                if pause.cancelled_caught and not self._teller.agent_speaks:
                    return

    async def _next_event(self) -> None:
        self._told = trio.Event()
        await self._told.wait()
