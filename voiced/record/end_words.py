"""Why a call ended, in words for people. Pure."""

from __future__ import annotations

from voiced.leg.leg import EndReason

_WORDS = {
    EndReason.CALLER_HUNG_UP: "the caller hung up",
    EndReason.CALLEE_HUNG_UP: "whom we called hung up",
    EndReason.AGENT_HUNG_UP: "the agent hung up",
    EndReason.OPERATOR_HUNG_UP: "the operator hung up",
    EndReason.TRANSFERRED: "the caller was transferred",
    EndReason.REFUSED_BUSY: "turned away: too many calls, or draining",
    EndReason.REFUSED_BLOCKED: "turned away: this caller is kept out",
    EndReason.NOT_ANSWERED: "Telnyx did not accept our answer",
    EndReason.DIAL_FAILED: "Telnyx did not place the call",
    EndReason.UNREACHED: "nobody was reached",
    EndReason.NO_MEDIA: "no audio came from Telnyx in time",
    EndReason.MEDIA_LOST: "the connection for audio was lost",
    EndReason.MEDIA_STALLED: "audio stopped coming from Telnyx",
    EndReason.STREAMING_FAILED: "Telnyx could not open the connection for audio",
    EndReason.PROTOCOL_ERROR: "Telnyx sent something that cannot be accepted",
    EndReason.ANSWERING_MACHINE: "a machine answered, and was hung up",
    EndReason.VOICEMAIL_LEFT: "a machine answered, and our message was left",
    EndReason.SILENCE: "nobody spoke any more",
    EndReason.MAX_DURATION: "the longest time for a call was over",
    EndReason.TRANSFER_FAILED: "the transfer failed",
    EndReason.RECOGNIZER_FAILED: "the recognizer failed",
    EndReason.SYNTHESIZER_FAILED: "the synthesizer failed",
    EndReason.AGENT_FAILED: "the agent failed",
    EndReason.TOO_SLOW: "the recognizer did not keep up with the caller",
    EndReason.AGENT_TOO_SLOW: "the agent found no words in time",
    EndReason.SYNTHESIZER_TOO_SLOW: "the synthesizer gave no audio in time",
    EndReason.TOOL_TOO_SLOW: "a tool of the agent took too long",
    EndReason.TOOL_REPEATED: "the agent called one tool over and over",
    EndReason.BUDGET_SPENT: "the call's budget was spent",
    EndReason.SHUTDOWN: "voiced was stopped",
    EndReason.DRAIN_LIMIT: "voiced had to stop before the call was over",
    EndReason.DAEMON_DIED: "voiced died, or its machine did",
    EndReason.INTERNAL_ERROR: "a fault of voiced; its log has the traceback",
}


def describe_end(reason: str) -> str:
    """Return an end reason's name in words; a name that is not known as it is."""
    try:
        return _WORDS[EndReason(reason)]
    except (KeyError, ValueError):
        return reason


def is_failure(reason: str) -> bool:
    """Whether the name of an end reason means that something failed on our side."""
    try:
        return EndReason(reason).is_failure
    except ValueError:
        return False
