"""`voiced call --list FILE`, all but the placing: files in, lines out, signals between. IO.

The progress lies beside the list, in `FILE.state`. A first SIGINT or SIGTERM calls nobody else and
waits for the live calls; a second one ends at once, and what came of those stays unknown.
"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import trio

from voiced.campaign.contacts import read_contacts
from voiced.campaign.plan import Plan
from voiced.campaign.runner import Campaign
from voiced.campaign.state_file import open_state
from voiced.errors import CallListError

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator
    from pathlib import Path

    from voiced.campaign.contacts import Contact
    from voiced.campaign.plan import Limits, Tally
    from voiced.campaign.runner import Ask, Place
    from voiced.campaign.state_file import StateFile
    from voiced.telnyx.outcome import Outcome

LARGEST_FILE = 64 * 1024 * 1024
"""Bytes; a million numbers with some words each."""


async def call_list(
    file: Path,
    limits: Limits,
    place: Place,
    *,
    wall: Callable[[], float],
    say: Callable[[str], None],
    state_file: Path | None = None,
    ask: Ask | None = None,
) -> bool:
    """Call the numbers of the CSV `file` that have not been called yet.

    Args:
        file: UTF-8.
        limits: how fast and when.
        place: places one call.
        wall: unix time, seconds.
        say: shows a line; lines name rows of the file, and no numbers.
        state_file: where the progress lies, beside the list by default.
        ask: what came of calls that an earlier run had placed, and did not see the end of.

    Returns:
        Whether the list is done, and nothing is left to be looked at.

    Raises:
        CallListError: the list, or the file of its progress, cannot be used.
    """
    contacts = read_contacts(_read(file))

    def told(contact: Contact, outcome: Outcome) -> None:
        say(f"line {contact.line}: {outcome.value}")

    with open_state(state_file or file.with_name(f"{file.name}.state")) as state:
        if ask is not None:
            await _ask_after(state, {contact.number for contact in contacts}, ask, wall, say)
        plan = Plan(contacts, state.progress, limits)
        campaign = Campaign(plan, state, place, wall, told)
        say("; ".join(describe(plan.tally())))
        async with trio.open_nursery() as nursery:
            await nursery.start(_watch_signals, campaign, say)
            tally, reason = await campaign.run()
            nursery.cancel_scope.cancel()
    say("; ".join(describe(plan.tally())))
    if reason:
        say(f"ended early: {reason}")
    return not reason and not tally.interrupted


async def _ask_after(
    state: StateFile,
    numbers: Container[str],
    ask: Ask,
    wall: Callable[[], float],
    say: Callable[[str], None],
) -> None:
    """Write down what came of the calls that an earlier run has left, as far as it is known."""
    left = [
        number for number in state.progress if number in numbers and state.progress[number].is_open
    ]
    if left:
        say(f"asking what came of {len(left)} interrupted calls")

    async def settle(number: str) -> None:
        outcome = await ask(state.progress[number].key)
        if outcome is not None:
            state.settle(number, outcome, wall())

    async with trio.open_nursery() as nursery:
        for number in left:
            nursery.start_soon(settle, number)


def describe(tally: Tally) -> Iterator[str]:
    """Yield how far a list is, in words; at least one."""
    done = sum(tally.outcomes.values())
    by_outcome = ", ".join(
        f"{count} {outcome.value}" for outcome, count in sorted(tally.outcomes.items(), key=_name)
    )
    yield f"{done} done" + (f" ({by_outcome})" if by_outcome else "")
    if tally.waiting or tally.live:
        yield f"{tally.waiting + tally.live} to be called"
    if tally.interrupted:
        yield f"{tally.interrupted} interrupted, and not called again"


def _name(entry: tuple[Outcome, int]) -> str:
    return entry[0].value


async def _watch_signals(
    campaign: Campaign,
    say: Callable[[str], None],
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Turn the first signal into a stop; the second one interrupts."""
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        task_status.started()
        await anext(signals)
        campaign.stop()
        say("no further calls; waiting for those that are live (again: end at once)")
        await anext(signals)
        raise KeyboardInterrupt


def _read(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            content = opened.read(LARGEST_FILE + 1)
    except OSError as error:
        raise CallListError([f"{file}: {error.strerror}"]) from error
    if len(content) > LARGEST_FILE:
        raise CallListError([f"{file} is larger than {LARGEST_FILE // 1024**2} MiB"])
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise CallListError([f"line {line}: not UTF-8; save the file as UTF-8"]) from None
