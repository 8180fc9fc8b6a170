"""Calls a list: asks the plan what to do, writes it down, places the calls. A task.

A number is written down before it is called, and what came of it after. Whoever wants to stop
cleanly calls `stop`: nobody else is called, and `run` returns when the live calls have ended. When
`run` is cancelled, the live calls stay without an outcome, and are not called again.
"""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, TypeAlias, assert_never

import trio

from voiced.campaign.plan import PlaceCall, Stop, WaitForAnEnd, WaitUntil
from voiced.errors import NotPlaced, OutcomeUnknown, VoicedError
from voiced.log import get_logger
from voiced.telnyx.outcome import Outcome

if TYPE_CHECKING:
    from voiced.campaign.contacts import Contact
    from voiced.campaign.plan import Plan, Tally
    from voiced.campaign.state_file import StateFile

log = get_logger(__name__)

Place: TypeAlias = Callable[[str, Mapping[str, str], str], Awaitable[Outcome]]
"""Places a call (number, variables, idempotency key) and returns what came of it, when it is over.

The same key never makes two calls. May raise VoicedError, which counts as `Outcome.FAILED`; but
NotPlaced and OutcomeUnknown end the list, and leave the number as it was, or as interrupted.
"""

Ask: TypeAlias = Callable[[str], Awaitable[Outcome | None]]
"""Returns what came of the call that had this key, when it is over; None if nobody knows."""

LONGEST_SLEEP_S = 60.0
"""Wall time may be set meanwhile: it is looked at again after so long."""


class Campaign:
    """One list being called.

    Args:
        plan: who and when.
        state: where it is written down.
        place: places one call.
        wall: unix time, seconds.
        told: is called after each outcome, with the contact, for whoever shows the progress.
    """

    def __init__(
        self,
        plan: Plan,
        state: StateFile,
        place: Place,
        wall: Callable[[], float],
        told: Callable[[Contact, Outcome], None] = lambda _contact, _outcome: None,
    ) -> None:
        self._plan = plan
        self._state = state
        self._place = place
        self._wall = wall
        self._told = told
        self._stopped = ""
        self._changed = trio.Event()

    def stop(self, reason: str = "stopped") -> None:
        """Call nobody else; the first reason counts."""
        self._stopped = self._stopped or reason
        self._changed.set()

    async def run(self) -> tuple[Tally, str]:
        """Call the list; returns how far it came, and why it ended early ("" when all is done).

        Raises:
            CallListError: the state cannot be written: no call is placed that is not written down.
        """
        reason = ""
        async with trio.open_nursery() as nursery:
            while not self._stopped:
                self._changed = trio.Event()
                step = self._plan.next(self._wall())
                match step:
                    case PlaceCall():
                        self._start(nursery, step)
                        await trio.lowlevel.checkpoint()
                    case WaitUntil(at=at):
                        with trio.move_on_after(min(at - self._wall(), LONGEST_SLEEP_S)):
                            await self._changed.wait()
                    case WaitForAnEnd():
                        await self._changed.wait()
                    case Stop():
                        reason = step.reason
                        break
                    case _:
                        assert_never(step)
        return self._plan.tally(), reason or self._stopped

    def _start(self, nursery: trio.Nursery, step: PlaceCall) -> None:
        now, key = self._wall(), str(uuid.uuid4())
        self._state.attempt(step.contact.number, step.attempt, key, now)
        self._plan.placed(step.contact, now)
        nursery.start_soon(self._call, step, key)

    async def _call(self, step: PlaceCall, key: str) -> None:
        contact = step.contact
        try:
            outcome = await self._place(contact.number, contact.variables, key)
        except NotPlaced as refused:
            now = self._wall()
            self._state.withdrawn(contact.number, step.attempt, now)
            self._plan.withdrawn(contact, now)
            self.stop(str(refused))
            return
        except OutcomeUnknown as unknown:  # what is written stays as it is: an open attempt
            self._plan.interrupted(contact)
            self.stop(str(unknown))
            return
        except VoicedError as error:
            log.warning("call could not be placed", line=contact.line, reason=str(error))
            outcome = Outcome.FAILED
        now = self._wall()
        self._state.outcome(contact.number, step.attempt, outcome, now)
        self._plan.ended(contact, outcome, now)
        self._told(contact, outcome)
        self._changed.set()
