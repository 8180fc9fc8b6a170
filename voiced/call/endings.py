"""Which ending an error or a hangup makes of a call, and which outcome a dial comes to. Pure.

The one place where exceptions become reasons.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from voiced.errors import (
    AgentFailed,
    AgentTooSlow,
    BudgetSpent,
    CodecNotInstalled,
    MediaStreamClosed,
    ProviderError,
    ProviderTooSlow,
    RecognizerFailed,
    RemoteProtocolError,
    SynthesizerFailed,
    SynthesizerTooSlow,
    ToolRepeated,
    ToolTooSlow,
    UnsupportedCodec,
    leaves_of,
)
from voiced.leg.leg import EndReason
from voiced.telnyx.outcome import Outcome, dial_result

if TYPE_CHECKING:
    from voiced.call.keys import CallKeys
    from voiced.record.journal import Role
    from voiced.telnyx.events import CallHangup

_REASONS: dict[type[Exception], EndReason] = {
    RecognizerFailed: EndReason.RECOGNIZER_FAILED,
    SynthesizerFailed: EndReason.SYNTHESIZER_FAILED,
    AgentFailed: EndReason.AGENT_FAILED,
    ProviderTooSlow: EndReason.TOO_SLOW,
    AgentTooSlow: EndReason.AGENT_TOO_SLOW,
    SynthesizerTooSlow: EndReason.SYNTHESIZER_TOO_SLOW,
    ToolTooSlow: EndReason.TOOL_TOO_SLOW,
    ToolRepeated: EndReason.TOOL_REPEATED,
    BudgetSpent: EndReason.BUDGET_SPENT,
    UnsupportedCodec: EndReason.PROTOCOL_ERROR,
    CodecNotInstalled: EndReason.PROTOCOL_ERROR,
    RemoteProtocolError: EndReason.PROTOCOL_ERROR,
    MediaStreamClosed: EndReason.MEDIA_LOST,
}
"""The more telling first: when several tasks failed at once, the earliest entry is the reason."""


_ROLES: dict[type[Exception], Role] = {
    RecognizerFailed: "recognizer",
    ProviderTooSlow: "recognizer",
    SynthesizerFailed: "synthesizer",
    SynthesizerTooSlow: "synthesizer",
    AgentFailed: "agent",
    AgentTooSlow: "agent",
}


def ending_of(group: BaseExceptionGroup[Exception]) -> tuple[EndReason, str, Exception | None]:
    """Return the reason, its evidence, and the error itself if it is a fault of ours."""
    errors = [error for error in leaves_of(group) if isinstance(error, Exception)]
    for error in errors:
        if type(error) not in _REASONS:
            return EndReason.INTERNAL_ERROR, type(error).__name__, error
    error = min(errors, key=lambda e: list(_REASONS).index(type(e)))
    return _REASONS[type(error)], str(error), None


def untold_failures(
    group: BaseExceptionGroup[Exception],
) -> list[tuple[Role, ProviderError]]:
    """Return the providers' failures that no fallback list has told of, each with its role."""
    return [
        (_ROLES[type(error)], error)
        for error in leaves_of(group)
        if isinstance(error, ProviderError) and type(error) in _ROLES and not error.is_told
    ]


def outcome_of(reason: EndReason, *, answered: bool) -> Outcome:
    """Return what a call that we placed, and ended by ourselves, came to."""
    if answered:
        limit = reason is EndReason.MAX_DURATION
        return Outcome.LIMIT_REACHED if limit else Outcome.COMPLETED
    if reason in (EndReason.OPERATOR_HUNG_UP, EndReason.SHUTDOWN, EndReason.DRAIN_LIMIT):
        return Outcome.CANCELLED
    return Outcome.NO_ANSWER if reason is EndReason.UNREACHED else Outcome.FAILED


@dataclass(frozen=True, slots=True, kw_only=True)
class HangupMeaning:
    """What a `call.hangup` says of its call.

    Attributes:
        reason, evidence: of the ending that it makes.
        outcome: what a call that we placed has come to by it; None for one that came in.
        by_document: a TeXML document has run to its own hangup.
    """

    reason: EndReason
    evidence: str
    outcome: Outcome | None
    by_document: bool


def meaning_of_hangup(
    event: CallHangup, keys: CallKeys, *, answered: bool, was_bridged: bool
) -> HangupMeaning:
    """Return what it means that Telnyx tells of the leg's end.

    Args:
        event: the webhook.
        keys: of the call; they say who began it and by what it is controlled.
        answered: the far end had picked up.
        was_bridged: the leg had been joined to another.
    """
    evidence = f"call.hangup {event.webhook_id}: {event.cause}, {event.source}"
    outcome = None
    if keys.direction == "outgoing":
        result = dial_result(
            answered=answered,
            hangup_cause=event.cause,
            sip_hangup_cause=event.sip_cause,
            hangup_source=event.source,
        )
        outcome = result.outcome
        evidence = f"{result.explanation}; {evidence}"
    by_document = keys.via == "texml" and event.source == "callee"
    if was_bridged:
        reason = EndReason.TRANSFERRED
    elif event.cause == "time_limit":
        reason = EndReason.MAX_DURATION
    elif by_document:
        reason = EndReason.MEDIA_LOST
        evidence = f"the document has run to its hangup; {evidence}"
    else:
        reason = reason_of_far_end(keys, answered=answered)
    return HangupMeaning(reason=reason, evidence=evidence, outcome=outcome, by_document=by_document)


def reason_of_far_end(keys: CallKeys, *, answered: bool) -> EndReason:
    """Return the reason of a call whose far end has hung up, or never picked up."""
    if keys.direction == "incoming":
        return EndReason.CALLER_HUNG_UP
    return EndReason.CALLEE_HUNG_UP if answered else EndReason.UNREACHED
