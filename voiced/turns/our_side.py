"""Our side of the floor: a reply that is begun, sounds, falls silent, goes on, ends. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from voiced.turns import events as did
from voiced.turns.floor_state import Phase
from voiced.turns.timers import Timer

if TYPE_CHECKING:
    from voiced.turns.events import Said
    from voiced.turns.floor_state import FloorState


class OurSide:
    """What can become of our reply; each method changes the floor and says what is to be done."""

    def __init__(self, floor: FloorState) -> None:
        self._floor = floor
        self._n_fillers = 0

    def sounds(self) -> None:
        """The first audio of our reply goes out."""
        floor = self._floor
        if floor.phase is Phase.THINKING:
            floor.phase = Phase.SOUNDING
            floor.timers.stop(Timer.FILL)

    def is_over(self) -> None:
        """Our reply was heard to its end."""
        floor = self._floor
        floor.phase = Phase.NOTHING
        floor.timers.stop(Timer.FILL, Timer.HOLD, Timer.SURE, Timer.FALSE_ALARM)
        floor.silence.restart(floor.now)

    def hold(self) -> None:
        """Fall silent; perhaps we go on."""
        floor = self._floor
        floor.do(did.Hold())
        floor.phase = Phase.HELD
        floor.timers.set(Timer.SURE, floor.now + floor.rules.sure_s)

    def resume(self) -> None:
        """It was a false alarm."""
        floor = self._floor
        floor.do(did.Resume())
        floor.phase = Phase.SOUNDING
        floor.timers.stop(Timer.SURE, Timer.FALSE_ALARM)

    def cut(self) -> None:
        """The caller interrupts for good."""
        floor = self._floor
        floor.do(did.Cut())
        floor.phase = Phase.NOTHING
        floor.was_cut = True
        floor.silence.sound(floor.now)
        floor.timers.stop(
            Timer.HOLD, Timer.SURE, Timer.FALSE_ALARM, Timer.ECHO, Timer.FILL, Timer.END
        )

    def withdraw(self) -> None:
        """The turn was not over: our reply, of which nothing has sounded, is dropped."""
        floor = self._floor
        floor.do(did.Withdraw())
        floor.phase = Phase.NOTHING
        floor.timers.stop(Timer.END, Timer.FILL, Timer.STABLE)
        if floor.turn.answering.is_empty:
            floor.silence.not_prompted()
        floor.turn.give_back()
        floor.held_back = floor.may_withdraw = False
        floor.silence.sound(floor.now)

    def answer(self, said: Said, *, held_back: bool) -> None:
        """Begin a reply to `said`."""
        floor = self._floor
        since = floor.now if said.digits else said.words[-1].last_voice_at
        floor.do(did.Answer(said=said, since=since, held_back=held_back))
        floor.phase = Phase.THINKING
        floor.held_back, floor.may_withdraw = held_back, True
        floor.turn.set_aside(said)
        floor.timers.stop(Timer.STABLE)

    def begin_unasked(self, *, may_withdraw: bool) -> None:
        """Begin a reply that answers nothing."""
        floor = self._floor
        floor.phase = Phase.THINKING
        floor.turn.set_nothing_aside()
        floor.may_withdraw, floor.held_back = may_withdraw, False

    def fill(self) -> None:
        """Bridge the wait for the answer."""
        floor = self._floor
        if floor.phase is Phase.THINKING:
            fillers = floor.rules.fillers
            floor.do(did.Fill(fillers[self._n_fillers % len(fillers)]))
            self._n_fillers += 1
