import pytest

from voiced.campaign import Contact, Limits, Plan, Retry, Tally, parse_hours
from voiced.campaign.plan import PlaceCall, Stop, WaitForAnEnd, WaitUntil
from voiced.campaign.state_file import Progress
from voiced.telnyx.outcome import Outcome

NOW = 1_770_000_000.0
ONE, TWO, THREE = (Contact(number=f"+1312555012{n}", line=n) for n in (1, 2, 3))
RETRIES = {Outcome.BUSY: Retry(times=2, after_s=60), Outcome.NO_ANSWER: Retry(times=1, after_s=600)}


def plan_of(*contacts, progress=None, **limits):
    return Plan(contacts, progress or {}, Limits(**{"retries": RETRIES, "per_s": 1000, **limits}))


def place(plan, now):
    """Do what the plan says, which must be a call."""
    step = plan.next(now)
    assert isinstance(step, PlaceCall)
    plan.placed(step.contact, now)
    return step.contact


def test_numbers_are_called_in_their_order_and_only_once():
    plan = plan_of(ONE, TWO)
    for now, contact in ((NOW, ONE), (NOW + 1, TWO)):
        assert plan.next(now) == PlaceCall(contact=contact, attempt=1)
        plan.placed(contact, now)
        plan.ended(contact, Outcome.COMPLETED, now)
    assert plan.next(NOW + 2) == Stop()
    assert plan.tally() == Tally(outcomes={Outcome.COMPLETED: 2}, interrupted=0, waiting=0, live=0)


def test_no_more_are_called_at_once_than_allowed():
    plan = plan_of(ONE, TWO, THREE, at_once=2)
    place(plan, NOW)
    place(plan, NOW + 1)
    assert plan.next(NOW + 2) == WaitForAnEnd()
    plan.ended(ONE, Outcome.DECLINED, NOW + 3)
    assert place(plan, NOW + 3) is THREE


def test_no_more_are_called_in_a_second_than_allowed():
    plan = plan_of(ONE, TWO, at_once=9, per_s=0.2)
    place(plan, NOW)
    assert plan.next(NOW) == WaitUntil(at=NOW + 5)
    assert plan.next(NOW + 4) == WaitUntil(at=NOW + 5)
    assert place(plan, NOW + 5) is TWO


def test_nobody_is_called_outside_of_the_hours():
    hours = parse_hours("mo-fr 9:00-18:00", "UTC")
    plan = plan_of(ONE, hours=hours)
    opens = hours.next_open(NOW)
    assert opens > NOW
    assert plan.next(NOW) == WaitUntil(at=opens)
    assert place(plan, opens) is ONE


def test_a_busy_number_is_called_again_so_often_and_no_more():
    plan = plan_of(ONE)
    for attempt in (1, 2, 3):
        now = NOW + 100 * attempt
        assert plan.next(now) == PlaceCall(contact=ONE, attempt=attempt)
        plan.placed(ONE, now)
        plan.ended(ONE, Outcome.BUSY, now)
        if attempt < 3:
            assert plan.next(now) == WaitUntil(at=now + 60)
    assert plan.next(NOW + 9999) == Stop()
    assert plan.tally().outcomes == {Outcome.BUSY: 1}


def test_each_outcome_has_its_own_rule():
    plan = plan_of(ONE)
    now = NOW
    for outcome, wait_s in ((Outcome.BUSY, 60), (Outcome.NO_ANSWER, 600), (Outcome.BUSY, 60)):
        plan.ended(place(plan, now), outcome, now)
        assert plan.next(now) == WaitUntil(at=now + wait_s)
        now += wait_s
    plan.ended(place(plan, now), Outcome.NO_ANSWER, now)
    assert plan.next(now + 9999) == Stop()  # the second no_answer, and its rule says once


def test_whose_turn_has_come_again_goes_before_the_rest():
    plan = plan_of(ONE, TWO, THREE)
    place(plan, NOW)
    plan.ended(ONE, Outcome.BUSY, NOW)
    assert place(plan, NOW + 1) is TWO
    plan.ended(TWO, Outcome.COMPLETED, NOW + 61)
    assert place(plan, NOW + 61) is ONE
    plan.ended(ONE, Outcome.COMPLETED, NOW + 62)
    assert place(plan, NOW + 62) is THREE


def test_a_live_call_is_waited_for_before_the_end():
    plan = plan_of(ONE)
    place(plan, NOW)
    assert plan.next(NOW) == WaitForAnEnd()
    assert plan.tally().live == 1


@pytest.mark.parametrize(("problems", "stops"), [(2, False), (3, True)])
def test_a_refused_account_calls_nobody_else(problems, stops):
    many = [Contact(number=f"+1312555{n:04}", line=n) for n in range(10)]
    plan = plan_of(*many)
    for n in range(problems):
        plan.ended(place(plan, NOW + n), Outcome.ACCOUNT_PROBLEM, NOW + n)
    step = plan.next(NOW + problems)
    assert isinstance(step, Stop) == stops
    if isinstance(step, Stop):
        assert "voiced doctor" in step.reason


def test_account_problems_count_in_a_row_only():
    many = [Contact(number=f"+1312555{n:04}", line=n) for n in range(10)]
    plan = plan_of(*many)
    account, good = Outcome.ACCOUNT_PROBLEM, Outcome.COMPLETED
    for n, outcome in enumerate((account, account, good, account, account)):
        plan.ended(place(plan, NOW + n), outcome, NOW + n)
    assert isinstance(plan.next(NOW + 10), PlaceCall)


# After a restart.


def test_what_was_done_is_not_done_again():
    progress = {
        ONE.number: Progress(outcomes=(Outcome.COMPLETED,), ended_at=NOW),
        TWO.number: Progress(is_open=True),
        "+4930123456": Progress(is_open=True),  # of another list
    }
    plan = plan_of(ONE, TWO, THREE, progress=progress)
    assert place(plan, NOW) is THREE
    plan.ended(THREE, Outcome.COMPLETED, NOW)
    assert plan.next(NOW + 9999) == Stop()
    assert plan.tally() == Tally(outcomes={Outcome.COMPLETED: 2}, interrupted=1, waiting=0, live=0)


def test_a_second_call_that_was_due_is_still_due():
    progress = {ONE.number: Progress(outcomes=(Outcome.BUSY,), ended_at=NOW - 20)}
    plan = plan_of(ONE, progress=progress)
    assert plan.next(NOW) == WaitUntil(at=NOW + 40)
    assert plan.next(NOW + 40) == PlaceCall(contact=ONE, attempt=2)


@pytest.mark.parametrize("bad", [{"at_once": 0}, {"per_s": 0}, {"account_problems": 0}])
def test_limits_that_would_never_call_are_refused(bad):
    with pytest.raises(ValueError, match="must be"):
        Limits(**bad)
