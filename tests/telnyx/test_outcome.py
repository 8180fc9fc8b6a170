"""What came of a placed call."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiced.telnyx.outcome import DialResult, Outcome, dial_result, refused_dial

REST: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "data/telnyx/call-control.json").read_text()
)


def causes_in(node: Any) -> set[str]:
    """Return the values of every `hangup_cause` below `node`."""
    if isinstance(node, list):
        return {cause for item in node for cause in causes_in(item)}
    if not isinstance(node, dict):
        return set()
    own = node.get("hangup_cause")
    found = set(own.get("enum", ())) if isinstance(own, dict) else set()
    return found | {cause for item in node.values() for cause in causes_in(item)}


OFFICIAL_CAUSES = sorted(causes_in(REST["components"]["schemas"]))


def result(
    cause: str, sip: str = "", source: str = "unknown", *, answered: bool = False
) -> Outcome:
    return dial_result(
        answered=answered, hangup_cause=cause, sip_hangup_cause=sip, hangup_source=source
    ).outcome


@pytest.mark.parametrize(
    ("cause", "sip", "source", "outcome"),
    [
        ("user_busy", "486", "callee", Outcome.BUSY),
        ("user_busy", "unspecified", "callee", Outcome.BUSY),
        ("timeout", "487", "caller", Outcome.NO_ANSWER),
        ("no_answer", "480", "callee", Outcome.NO_ANSWER),
        ("call_rejected", "603", "callee", Outcome.DECLINED),
        ("call_rejected", "", "callee", Outcome.DECLINED),
        ("call_rejected", "486", "callee", Outcome.BUSY),
        ("call_rejected", "403", "callee", Outcome.ACCOUNT_PROBLEM),
        ("call_rejected", "404", "callee", Outcome.BAD_NUMBER),
        ("not_found", "404", "callee", Outcome.BAD_NUMBER),
        ("not_found", "403", "unknown", Outcome.ACCOUNT_PROBLEM),
        ("originator_cancel", "487", "caller", Outcome.CANCELLED),
        ("normal_clearing", "200", "caller", Outcome.CANCELLED),
        ("normal_clearing", "487", "caller", Outcome.CANCELLED),
        ("normal_clearing", "487", "unknown", Outcome.NO_ANSWER),
        ("normal_clearing", "486", "caller", Outcome.BUSY),
        ("normal_clearing", "200", "callee", Outcome.FAILED),
        ("time_limit", "200", "unknown", Outcome.LIMIT_REACHED),
        ("unspecified", "600", "callee", Outcome.BUSY),
        ("unspecified", "408", "callee", Outcome.NO_ANSWER),
        ("unspecified", "480", "callee", Outcome.NO_ANSWER),
        ("unspecified", "484", "callee", Outcome.BAD_NUMBER),
        ("unspecified", "604", "callee", Outcome.BAD_NUMBER),
        ("unspecified", "607", "callee", Outcome.DECLINED),
        ("unspecified", "402", "unknown", Outcome.ACCOUNT_PROBLEM),
        ("unspecified", "503", "unknown", Outcome.FAILED),
        ("unspecified", "unspecified", "unknown", Outcome.FAILED),
        ("solar_flare", "486", "callee", Outcome.BUSY),
        ("solar_flare", "999", "callee", Outcome.FAILED),
        ("USER_BUSY", "486", "callee", Outcome.BUSY),
        ("", "", "", Outcome.FAILED),
    ],
)
def test_unanswered_call_has_the_outcome_that_the_hangup_tells(
    cause: str, sip: str, source: str, outcome: Outcome
) -> None:
    assert result(cause, sip, source) is outcome


@pytest.mark.parametrize("cause", OFFICIAL_CAUSES)
def test_answered_call_is_completed_unless_its_time_ran_out(cause: str) -> None:
    expected = Outcome.LIMIT_REACHED if cause == "time_limit" else Outcome.COMPLETED
    assert result(cause, "486", answered=True) is expected


def test_every_cause_of_telnyx_is_known() -> None:
    assert len(OFFICIAL_CAUSES) == 9
    vague = [cause for cause in OFFICIAL_CAUSES if result(cause) is Outcome.FAILED]
    assert vague == ["normal_clearing", "unspecified"]


def test_explanation_names_the_evidence_and_the_remedy() -> None:
    told = dial_result(answered=False, hangup_cause="call_rejected", sip_hangup_cause="403")
    assert "outbound voice profile" in told.explanation
    assert told.explanation.endswith("[call_rejected, SIP 403]")


@pytest.mark.parametrize(
    ("source", "text"),
    [("caller", "ended by us"), ("callee", "ended by the callee"), ("?", "it was answered [x]")],
)
def test_completed_call_says_who_ended_it(source: str, text: str) -> None:
    told = dial_result(answered=True, hangup_cause="x", hangup_source=source)
    assert text in told.explanation


def test_cause_that_is_no_word_stays_out_of_the_explanation() -> None:
    told = dial_result(answered=False, hangup_cause="to +35319605860", sip_hangup_cause="486")
    assert told.explanation == "the line is busy [SIP 486]"


def test_what_may_pass_is_worth_another_try() -> None:
    assert {outcome for outcome in Outcome if outcome.may_pass} == {
        Outcome.BUSY,
        Outcome.NO_ANSWER,
        Outcome.FAILED,
    }


@given(st.booleans(), st.text(max_size=20), st.text(max_size=8), st.text(max_size=8))
def test_any_words_have_an_outcome(answered: bool, cause: str, sip: str, source: str) -> None:
    told = dial_result(
        answered=answered, hangup_cause=cause, sip_hangup_cause=sip, hangup_source=source
    )
    assert isinstance(told, DialResult)
    assert told.explanation


@pytest.mark.parametrize(
    ("status", "code", "outcome"),
    [
        (422, "10016", Outcome.BAD_NUMBER),
        (422, "10015", Outcome.ACCOUNT_PROBLEM),
        (401, "10009", Outcome.ACCOUNT_PROBLEM),
        (403, "90041", Outcome.FAILED),
        (429, "10011", Outcome.FAILED),
        (503, "", Outcome.FAILED),
        (None, "", Outcome.FAILED),
    ],
)
def test_what_a_dial_came_to_that_telnyx_did_not_take(status, code, outcome):
    assert refused_dial(status=status, code=code) is outcome
