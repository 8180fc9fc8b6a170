"""The goodbye: bounded, at an end as soon as the leg is gone, and honest about what it knows."""

import pytest
import trio

from voiced.config import parse_config
from voiced.errors import CallGone, CommandFailed
from voiced.leg.goodbye import Goodbye, speaking_limit_s
from voiced.leg.leg import EndReason, Leg, LegEvent, LegState
from voiced.switchboard.admission import Refuse
from voiced.telnyx.commands import Hangup, Reject, Speak
from voiced.telnyx.ids import CallControlId

CALL = parse_config({"call": {"apology": "Sorry. " * 4}}, {}).call


class Telnyx:
    """Takes commands after `delay_s`, or raises `error` then."""

    def __init__(self, *, delay_s=0.0, error=None):
        self.sent = []
        self._delay_s = delay_s
        self._error = error

    async def send(self, command):
        self.sent.append(type(command))
        await trio.sleep(self._delay_s)
        if self._error is not None:
            raise self._error
        return {}


BUSY = Refuse(reason=EndReason.REFUSED_BUSY, evidence="full")
GONE = CallGone("hangup", "x", status=422, code="90018")
FAILED = CommandFailed("hangup", "x", status=500)


def make(telnyx, *events):
    leg = Leg(CallControlId("v3:one"))
    for event in events or (LegEvent.ANSWERED,):
        leg.apply(event)
    return Goodbye(leg, telnyx), leg


@pytest.mark.parametrize(
    ("telnyx", "confirmed", "state"),
    [
        ({}, True, LegState.HANGING_UP),
        ({"error": GONE}, True, LegState.GONE),
        ({"error": FAILED}, False, LegState.HANGING_UP),
        ({"error": ZeroDivisionError()}, False, LegState.HANGING_UP),
        ({"delay_s": 100}, False, LegState.HANGING_UP),
    ],
)
async def test_a_hangup_is_confirmed_when_telnyx_took_it_or_the_leg_has_gone(
    autojump_clock, telnyx, confirmed, state
):
    goodbye, leg = make(Telnyx(**telnyx))
    assert await goodbye.hang_up(10) is confirmed
    assert leg.state is state
    assert trio.current_time() <= 10


async def test_a_leg_that_has_gone_is_not_hung_up(autojump_clock):
    telnyx = Telnyx()
    goodbye, _ = make(telnyx, LegEvent.GONE)
    assert await goodbye.hang_up(10) is True
    await goodbye.apologize(CALL)
    assert telnyx.sent == []


async def test_a_hangup_under_way_is_over_when_the_leg_goes(autojump_clock, nursery):
    goodbye, leg = make(Telnyx(delay_s=100))

    async def go():
        await trio.sleep(2)
        leg.apply(LegEvent.GONE)
        goodbye.leg_has_gone()

    nursery.start_soon(go)
    assert await goodbye.hang_up(10) is True
    assert trio.current_time() == pytest.approx(2)


async def test_an_apology_is_waited_for_until_it_was_spoken(autojump_clock, nursery):
    telnyx = Telnyx()
    goodbye, _ = make(telnyx)

    async def speak():
        await trio.sleep(3)
        goodbye.spoken.set()

    nursery.start_soon(speak)
    await goodbye.apologize(CALL)
    assert trio.current_time() == pytest.approx(3)
    assert telnyx.sent == [Speak]


@pytest.mark.parametrize("telnyx", [{}, {"delay_s": 100}])
async def test_an_apology_of_whose_end_nobody_tells_is_bounded_by_its_length(
    autojump_clock, telnyx
):
    goodbye, _ = make(Telnyx(**telnyx))
    await goodbye.apologize(CALL)
    assert trio.current_time() == pytest.approx(speaking_limit_s(CALL.apology))
    assert speaking_limit_s(CALL.apology) == pytest.approx(5.8)


async def test_a_refused_apology_is_not_waited_for(autojump_clock):
    goodbye, leg = make(Telnyx(error=FAILED))
    await goodbye.apologize(CALL)
    assert trio.current_time() == 0
    assert leg.is_up


async def test_an_apology_tells_that_the_leg_has_gone(autojump_clock):
    goodbye, leg = make(Telnyx(error=GONE))
    await goodbye.apologize(CALL)
    assert leg.is_gone


async def test_nobody_apologizes_before_the_answer_or_without_words(autojump_clock):
    telnyx = Telnyx()
    goodbye, _ = make(telnyx, LegEvent.HANGUP_SENT)
    await goodbye.apologize(CALL)
    silent = parse_config({"call": {"apology": ""}}, {}).call
    goodbye, _ = make(telnyx)
    await goodbye.apologize(silent)
    assert telnyx.sent == []


@pytest.mark.parametrize(
    ("telnyx", "confirmed"),
    [({}, True), ({"error": GONE}, True), ({"error": FAILED}, False), ({"delay_s": 100}, False)],
)
async def test_a_rejection_is_confirmed_likewise(autojump_clock, telnyx, confirmed):
    far_end = Telnyx(**telnyx)
    goodbye, _ = make(far_end, LegEvent.HANGUP_SENT)
    assert await goodbye.turn_away(BUSY, CALL) is confirmed
    assert far_end.sent == [Reject]
    assert Hangup not in far_end.sent
