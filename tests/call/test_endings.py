"""Errors to end reasons: every error of ours has one, and what has none is a fault of ours."""

import pytest

from voiced.call.endings import ending_of, outcome_of, untold_failures
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
