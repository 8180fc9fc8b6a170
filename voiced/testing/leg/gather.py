"""The gathering of keys on a leg: prompts, tries, and how it is told that it is over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import trio

from voiced.testing.announcer import Announcement
from voiced.testing.gather import Gathering, GatherRules, GatherStatus

if TYPE_CHECKING:
    from voiced.testing.announcer import Announcer, AudioLoader
    from voiced.testing.leg.context import LegContext


class PromptTold(Protocol):
    """Takes how a prompt goes, beside the gathering itself."""

    def started(self) -> None:
        """Take that it can be heard from now on."""
        ...

    def ended(self, status: str) -> None:
        """Take that it is over."""
        ...

    def failed(self, detail: str) -> None:
        """Take that there is no audio to play."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class GatherOrder:
    """What a `gather` command asks for.

    Attributes:
        rules: of each round.
        prompt: played before each round; None for a single round without one.
        wrong_prompt: played instead after a round that was invalid.
        tries: how many rounds.
        told: takes how the prompts go; None when Telnyx tells nothing of them.
    """

    rules: GatherRules
    prompt: AudioLoader | None = None
    wrong_prompt: AudioLoader | None = None
    tries: int = 1
    told: PromptTold | None = None


class LegGather:
    """At most one gathering at a time."""

    def __init__(self, context: LegContext, announcer: Announcer) -> None:
        self._context = context
        self._announcer = announcer
        self._order: GatherOrder | None = None
        self._round: Gathering | None = None
        self._n_rounds = 0
        self._prompting = False

    def start(self, order: GatherOrder) -> None:
        """Begin; a gathering that is under way is cancelled."""
        self.stop("cancelled")
        self._order, self._n_rounds = order, 0
        self._begin_round(order.prompt)

    def stop(self, status: GatherStatus) -> None:
        """End the gathering, if there is one."""
        if self._order is not None and self._round is not None:
            self._end(self._round, status)

    def press(self, digit: str) -> None:
        """Take a key of the party; it interrupts the prompt."""
        if self._round is None:
            return
        if self._prompting:
            self._announcer.stop("current", "cancelled")
        status = self._round.press(digit, trio.current_time())
        if status is not None:
            self._round_over(self._round, status)

    def poll(self, now: float) -> None:
        """Let time pass."""
        if self._round is not None:
            status = self._round.poll(now)
            if status is not None:
                self._round_over(self._round, status)

    def prompt_over(self, of: Gathering) -> None:
        """Note that the prompt of a round is over; from now on it is waited for the keys."""
        if of is self._round:
            self._prompting = False
            of.begin(trio.current_time())

    def _begin_round(self, prompt: AudioLoader | None) -> None:
        order = self._order
        if order is None:
            return
        self._n_rounds += 1
        began_at = trio.current_time() if prompt is None else None
        self._round = Gathering(order.rules, began_at)
        if prompt is not None:
            self._prompting = True
            told = _Prompt(self, self._round, order.told)
            self._announcer.play(Announcement(load=prompt, told=told))

    def _round_over(self, round_: Gathering, status: GatherStatus) -> None:
        order = self._order
        if order is None:
            return
        again = status != "valid" and order.prompt is not None and self._n_rounds < order.tries
        if not again:
            self._end(round_, status)
        elif status == "invalid" and order.wrong_prompt is not None:
            self._begin_round(order.wrong_prompt)
        else:
            self._begin_round(order.prompt)

    def _end(self, round_: Gathering, status: GatherStatus) -> None:
        self._order = self._round = None
        if self._prompting:
            self._prompting = False
            self._announcer.stop("current", "cancelled")
        self._context.tell_people("call.gather.ended", digits=round_.digits, status=status)


class _Prompt:
    """Tells the gathering, and perhaps the daemon, how a prompt goes."""

    def __init__(self, gather: LegGather, of: Gathering, told: PromptTold | None) -> None:
        self._gather = gather
        self._of = of
        self._told = told

    def started(self) -> None:
        if self._told is not None:
            self._told.started()

    def ended(self, status: str) -> None:
        if self._told is not None:
            self._told.ended(status)
        self._gather.prompt_over(self._of)

    def failed(self, detail: str) -> None:
        if self._told is not None:
            self._told.failed(detail)
        self._gather.prompt_over(self._of)
