"""Which ending an error makes of a call, and which outcome an ending makes of a dial. Pure.

The one place where exceptions become reasons.
"""

from __future__ import annotations

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
from voiced.telnyx.outcome import Outcome

if TYPE_CHECKING:
    from voiced.record.journal import Role

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
