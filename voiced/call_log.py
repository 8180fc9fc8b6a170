"""What happens in calls, as log lines: one for each thing that an operator may want to search for.

An observer. Its lines are written inside the call and so carry the call's id. Numbers and words
stand only in fields that begin with `personal_`, which `[log] personal` turns on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from voiced.log import get_logger
from voiced.record.journal import (
    AgentHeard,
    AgentSpeaking,
    AnswererKnown,
    BargeIn,
    CallAnswered,
    CallerSaid,
    CallRinging,
    FalseAlarm,
    ProviderFailed,
    ProviderSwitched,
    RecordingPaused,
    RecordingResumed,
    TransferBegan,
    TransferEnded,
)

if TYPE_CHECKING:
    from voiced.record.journal import JournalEvent

log = get_logger(__name__)


class CallLog:
    """Writes calls to the log: their life at `info`, their talk at `debug`, trouble at `warning`.

    The end of a call is told by the call itself.
    """

    def note(self, call_id: str, event: JournalEvent) -> None:
        """Write one event, if it is one to be written."""
        del call_id  # bound to the task already
        match event:
            case CallRinging():
                log.info("call rings", personal_from=event.caller, personal_to=event.called)
            case CallAnswered():
                log.info("call answered")
            case AnswererKnown(who=who, reason=reason):
                log.info("answerer known", who=who, reason=reason)
            case TransferBegan(to=to):
                log.info("transfer begins", personal_to=to)
            case TransferEnded(outcome=outcome):
                log.info("transfer ended", outcome=outcome)
            case RecordingPaused():
                log.info("recording pauses")
            case RecordingResumed():
                log.info("recording goes on")
            case ProviderFailed(role=role, provider=provider, kind=kind):
                log.warning("provider failed", role=role, provider=provider, kind=kind)
            case ProviderSwitched(role=role, provider=provider, to=to):
                log.warning("provider stands in", role=role, provider=provider, to=to)
            case _:
                _note_talk(event)


def _note_talk(event: JournalEvent) -> None:
    match event:
        case CallerSaid(text=text, confidence=confidence):
            log.debug("caller said", confidence=round(confidence, 2), personal_text=text)
        case AgentSpeaking(text=text, latency_s=latency_s):
            waited = {} if latency_s is None else {"latency_ms": round(latency_s * 1000)}
            log.debug("agent speaks", **waited, personal_text=text)
        case AgentHeard(heard=heard, heard_text=text):
            log.debug("caller heard", heard=heard, personal_text=text)
        case BargeIn():
            log.debug("caller interrupts")
        case FalseAlarm():
            log.debug("no interruption")
        case _:
            pass
