"""Errors to end reasons: every error of ours has one, and what has none is a fault of ours."""

from types import SimpleNamespace

import pytest

from voiced.call.endings import ending_of, meaning_of_hangup, outcome_of, untold_failures
from voiced.call.keys import CallKeys
from voiced.errors import (
    AgentFailed,
    CallGone,
    CommandFailed,
    LocalProtocolError,
    MediaStreamClosed,
    ProviderTooSlow,
    RecognizerFailed,
    RemoteProtocolError,
    SynthesizerFailed,
    UnsupportedCodec,
)
from voiced.leg.leg import EndReason
from voiced.telnyx.outcome import Outcome

CLOSED = MediaStreamClosed(1006)
TOO_SLOW = ProviderTooSlow("agent", "no audio")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (RecognizerFailed("r", "x"), EndReason.RECOGNIZER_FAILED),
        (SynthesizerFailed("s", "x"), EndReason.SYNTHESIZER_FAILED),
        (AgentFailed("a", "x"), EndReason.AGENT_FAILED),
        (TOO_SLOW, EndReason.TOO_SLOW),
        (UnsupportedCodec("AMR-WB", 16000, supported=(("PCMU", 8000),)), EndReason.PROTOCOL_ERROR),
        (RemoteProtocolError("x"), EndReason.PROTOCOL_ERROR),
        (CLOSED, EndReason.MEDIA_LOST),
    ],
)
def test_each_error_has_its_reason_and_its_text_is_the_evidence(error, reason):
    assert ending_of(ExceptionGroup("", [error])) == (reason, str(error), None)


@pytest.mark.parametrize(
    "error",
    [
        ZeroDivisionError("secret of a caller"),
        LocalProtocolError("we sent nonsense"),
        CommandFailed("answer", "x", status=500),
        CallGone("answer", "x", status=422),
    ],
)
def test_any_other_error_is_a_fault_of_ours_and_its_text_is_no_evidence(error):
    group = ExceptionGroup("", [CLOSED, ExceptionGroup("", [error])])
    assert ending_of(group) == (EndReason.INTERNAL_ERROR, type(error).__name__, error)


def test_the_more_telling_of_two_errors_is_the_reason():
    for errors in ([CLOSED, TOO_SLOW], [TOO_SLOW, CLOSED]):
        nested = ExceptionGroup("", [ExceptionGroup("", [errors[0]]), errors[1]])
        assert ending_of(nested)[0] is EndReason.TOO_SLOW


def test_a_subclass_is_not_taken_for_its_base():
    class Odd(RecognizerFailed):
        pass

    error = Odd("r", "x")
    assert ending_of(ExceptionGroup("", [error])) == (EndReason.INTERNAL_ERROR, "Odd", error)


@pytest.mark.parametrize(
    ("reason", "answered", "outcome"),
    [
        (EndReason.AGENT_HUNG_UP, True, Outcome.COMPLETED),
        (EndReason.MAX_DURATION, True, Outcome.LIMIT_REACHED),
        (EndReason.OPERATOR_HUNG_UP, False, Outcome.CANCELLED),
        (EndReason.SHUTDOWN, False, Outcome.CANCELLED),
        (EndReason.UNREACHED, False, Outcome.NO_ANSWER),
        (EndReason.STREAMING_FAILED, False, Outcome.FAILED),
    ],
)
def test_what_a_dial_came_to_that_we_ended_ourselves(reason, answered, outcome):
    assert outcome_of(reason, answered=answered) is outcome


def test_a_providers_failure_is_told_once():
    failed, told = RecognizerFailed("r", "x"), SynthesizerFailed("s", "x")
    told.is_told = True  # by a fallback list
    assert untold_failures(ExceptionGroup("", [CLOSED, failed, told])) == [("recognizer", failed)]


# What a hangup that Telnyx tells of means.


def hangup(*, cause="normal_clearing", source="caller", sip_cause="200"):
    return SimpleNamespace(webhook_id="w1", cause=cause, source=source, sip_cause=sip_cause)


INCOMING = CallKeys(direction="incoming", ref="r", token="t")
OUTGOING = CallKeys(direction="outgoing", ref="r", token="t")
TEXML = CallKeys(direction="incoming", via="texml", ref="r", token="t")


@pytest.mark.parametrize(
    ("event", "keys", "facts", "reason"),
    [
        (hangup(), INCOMING, {}, EndReason.CALLER_HUNG_UP),
        (hangup(source="callee"), INCOMING, {}, EndReason.CALLER_HUNG_UP),
        (hangup(), INCOMING, {"was_bridged": True}, EndReason.TRANSFERRED),
        (hangup(cause="time_limit"), INCOMING, {}, EndReason.MAX_DURATION),
        (hangup(source="callee"), TEXML, {}, EndReason.MEDIA_LOST),
        (hangup(), TEXML, {}, EndReason.CALLER_HUNG_UP),
        (hangup(source="callee"), OUTGOING, {}, EndReason.CALLEE_HUNG_UP),
        (hangup(cause="user_busy"), OUTGOING, {"answered": False}, EndReason.UNREACHED),
    ],
)
def test_a_hangup_means_an_end(event, keys, facts, reason):
    meaning = meaning_of_hangup(event, keys, **({"answered": True, "was_bridged": False} | facts))
    assert meaning.reason is reason
    assert "call.hangup w1" in meaning.evidence
    assert meaning.by_document is (reason is EndReason.MEDIA_LOST)
    assert (meaning.outcome is None) is (keys.direction == "incoming")


def test_a_busy_line_is_the_outcome_of_a_dial():
    event = hangup(cause="user_busy", source="callee", sip_cause="486")
    meaning = meaning_of_hangup(event, OUTGOING, answered=False, was_bridged=False)
    assert meaning.outcome is Outcome.BUSY
