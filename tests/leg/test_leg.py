"""The leg's table: complete, forward only, and each edge as drawn."""

import pytest

from voiced.leg.leg import TRANSITIONS, EndReason, Leg, LegEvent, LegState

S, E = LegState, LegEvent


def test_every_pair_of_state_and_event_has_an_entry():
    assert set(TRANSITIONS) == {(state, event) for state in LegState for event in LegEvent}


def test_no_event_takes_a_leg_backwards_but_a_transfer_that_failed():
    order = list(LegState)
    back = {
        (state, event, after)
        for (state, event), after in TRANSITIONS.items()
        if order.index(after) < order.index(state)
    }
    assert back == {(LegState.TRANSFERRING, LegEvent.TRANSFER_FAILED, LegState.STREAMING)}


@pytest.mark.parametrize(
    ("events", "state"),
    [
        ([], S.RINGING),
        ([E.ANSWER_SENT], S.ANSWERING),
        ([E.ANSWER_SENT, E.ANSWERED], S.ANSWERED),
        ([E.ANSWER_SENT, E.ANSWERED, E.MEDIA_STARTED], S.STREAMING),
        ([E.ANSWER_SENT, E.MEDIA_STARTED, E.ANSWERED], S.STREAMING),  # webhook late
        ([E.GONE], S.GONE),  # the caller gave up while it rang
        ([E.GONE, E.ANSWERED, E.MEDIA_STARTED], S.GONE),  # all of it late
        ([E.HANGUP_SENT, E.ANSWERED], S.HANGING_UP),
        ([E.ANSWER_SENT, E.HANGUP_SENT, E.GONE, E.GONE], S.GONE),
    ],
)
def test_a_leg_follows_its_events_in_whatever_order_they_come(events, state):
    leg = Leg()
    for event in events:
        leg.apply(event)
    assert leg.state is state


def test_the_caller_is_owed_an_apology_only_for_what_went_wrong():
    assert EndReason.INTERNAL_ERROR.is_failure
    assert EndReason.MEDIA_LOST.is_failure
    assert not EndReason.CALLER_HUNG_UP.is_failure
    assert not EndReason.SHUTDOWN.is_failure
    assert not EndReason.SILENCE.is_failure
