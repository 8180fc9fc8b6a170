"""A call's record, `call.json`: who, what was said and heard, how fast, why it ended. Pure.

Built from the same journal events that the printer and the dashboard see, so that they cannot
disagree. Times in the record are seconds since the call began to ring.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from voiced.leg.leg import EndReason
from voiced.record.journal import (
    AgentHeard,
    AgentSpeaking,
    AnswererKnown,
    BargeIn,
    CallAnswered,
    CallEnded,
    CallerSaid,
    CallerSpeaking,
    CallRinging,
    CallTornDown,
    Cleared,
    FalseAlarm,
    ProviderFailed,
    ProviderSwitched,
    RecordingPaused,
    RecordingResumed,
    Silenced,
    Spent,
    ToolRan,
    TransferBegan,
    TransferEnded,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from voiced.media.inbound import InboundStatistics
    from voiced.media.pacing import PacingStatistics
    from voiced.record.journal import JournalEvent
    from voiced.telnyx.outcome import Outcome

_WITHHELD = {"text": "", "withheld": True}
"""What becomes of a turn while recordings are paused: that there was one, and no word of it."""

MOST_PROVIDER_ENTRIES = 100
"""Failures of providers, and changes to others, that a record tells of; then it is told enough."""

MOST_TOOLS = 1000
"""Runs of tools that a record tells of."""

FORMAT = 1
"""Raised when a reader of older records would misread a newer one."""


class RecordBuilder:
    """Collects one call's journal. Bounded by the call's own length limit and turn rate."""

    def __init__(
        self,
        *,
        call_id: str,
        ref: str,
        direction: str,
        ids: dict[str, str],
        line: str,
        started: datetime,
        via: str = "",
        providers: Mapping[str, str] | None = None,
    ) -> None:
        """Begin a record.

        Args:
            call_id: the leg's call_control_id; "" of a call that we have still to place.
            ref: what we call it ourselves.
            direction: "incoming" or "outgoing".
            ids: Telnyx's other ids.
            line: whose agent talks.
            started: wall time, aware.
            via: "call_control" or "texml"; "" where nobody knows any more.
            providers: name of each, by role ("recognizer", "agent", "synthesizer").
        """
        self._document: dict[str, Any] = {
            "format": FORMAT,
            "call_id": call_id,
            "ref": ref,
            "direction": direction,
            "via": via,
            **ids,
            "line": line,
            "providers": dict(providers or {}),
            "from": "",
            "to": "",
            "started_at": started.isoformat(timespec="milliseconds"),
            "state": "live",
            "answered_after_s": None,
            "duration_s": None,
            "end": None,
            "teardown_s": None,
            "outcome": None,
            "answered_by": None,
            "turns": [],
            "barge_ins": [],
            "transfers": [],
            "spent": None,
            "recording_pauses": [],
            "provider_failures": [],
            "provider_switches": [],
            "tools": [],
            "audio": None,
            "wire": None,
            "counters": {},
        }
        self._origin: float | None = None
        self._withholds = False
        self._caller_from_s: float | None = None

    def note(self, event: JournalEvent) -> None:
        """Take one event."""
        if self._origin is None:
            self._origin = event.at
        at_s = round(event.at - self._origin, 3)
        match event:
            case CallRinging() | CallAnswered() | CallTornDown() | CallEnded() | Spent():
                self._note_life(event, at_s)
            case CallerSpeaking():
                self._note_voice(event, at_s)
            case CallerSaid() | AgentSpeaking():
                self._note_turn(event, at_s)
            case AgentHeard():
                self._settle(event, at_s)
            case BargeIn() | Cleared() | Silenced() | FalseAlarm():
                self._note_barge_in(event, at_s)
            case AnswererKnown() | TransferBegan() | TransferEnded():
                self._note_telephony(event, at_s)
            case RecordingPaused() | RecordingResumed():
                self._note_pause(event, at_s)
            case ProviderFailed() | ProviderSwitched() | ToolRan():
                self._note_helper(event, at_s)

    @property
    def providers(self) -> Mapping[str, str]:
        """The name of each provider, by role, as the call began."""
        providers: Mapping[str, str] = self._document["providers"]
        return providers

    def _note_life(
        self, event: CallRinging | CallAnswered | CallTornDown | CallEnded | Spent, at_s: float
    ) -> None:
        match event:
            case CallRinging():
                self._document |= {"from": event.caller, "to": event.called}
            case CallAnswered():
                self._document["answered_after_s"] = at_s
            case CallTornDown(after_s=after_s):
                self._document["teardown_s"] = round(after_s, 4)
            case CallEnded():
                self._document |= {
                    "state": "ended",
                    "duration_s": at_s,
                    "end": {"reason": event.reason, "evidence": event.evidence},
                }
            case Spent(tokens=tokens, characters=characters, minutes=minutes):
                spent = {"tokens": tokens, "characters": characters, "minutes": minutes}
                self._document["spent"] = spent

    def _note_voice(self, event: CallerSpeaking, at_s: float) -> None:
        """Note when the caller's turn began: with the first voice since the one before."""
        if self._caller_from_s is None:
            before_s = 0.0 if event.voice_at is None else event.at - event.voice_at
            self._caller_from_s = round(at_s - before_s, 3)

    def _note_turn(self, event: CallerSaid | AgentSpeaking, at_s: float) -> None:
        if isinstance(event, CallerSaid):
            turn = _caller_turn(event, self._caller_from_s, at_s)
            self._caller_from_s = None
        else:
            turn = _agent_turn(event, at_s)
        self._turns.append(turn | _WITHHELD if self._withholds else turn)

    def _note_pause(self, event: RecordingPaused | RecordingResumed, at_s: float) -> None:
        pauses: list[dict[str, Any]] = self._document["recording_pauses"]
        match event:
            case RecordingPaused():
                self._withholds = True
                pauses.append({"from_s": at_s, "to_s": None})
            case RecordingResumed():
                self._withholds = False
                pauses[-1]["to_s"] = at_s

    def _note_helper(self, event: ProviderFailed | ProviderSwitched | ToolRan, at_s: float) -> None:
        if isinstance(event, ToolRan):
            self._note_tool(event, at_s)
        else:
            self._note_provider(event, at_s)

    def _note_tool(self, event: ToolRan, at_s: float) -> None:
        tools: list[dict[str, Any]] = self._document["tools"]
        if len(tools) < MOST_TOOLS:
            seconds = round(event.at - event.began_at, 3)
            ran = {"name": event.name, "at_s": round(at_s - seconds, 3)}
            tools.append(ran | {"seconds": seconds, "ok": event.ok})

    def _note_provider(self, event: ProviderFailed | ProviderSwitched, at_s: float) -> None:
        noted = {"at_s": at_s, "role": event.role, "provider": event.provider}
        entries: list[dict[str, Any]]
        if isinstance(event, ProviderFailed):
            entries, noted = self._document["provider_failures"], noted | {"kind": event.kind}
        else:
            entries, noted = self._document["provider_switches"], noted | {"to": event.to}
        if len(entries) < MOST_PROVIDER_ENTRIES:
            entries.append(noted)

    @property
    def _turns(self) -> list[dict[str, Any]]:
        turns: list[dict[str, Any]] = self._document["turns"]
        return turns

    def _note_barge_in(self, event: BargeIn | Cleared | Silenced | FalseAlarm, at_s: float) -> None:
        barge_ins: list[dict[str, Any]] = self._document["barge_ins"]
        match event:
            case BargeIn(at=at, voice_at=voice_at):
                voice_at_s = round(at_s - (0.0 if voice_at is None else at - voice_at), 3)
                barge_ins.append(
                    {
                        "at_s": at_s,
                        "voice_at_s": voice_at_s,
                        "cleared_after_s": None,
                        "silenced_after_s": None,
                        "false_alarm": False,
                    }
                )
            case Cleared():
                _note_once(barge_ins, "cleared_after_s", at_s)
            case Silenced():
                _note_once(barge_ins, "silenced_after_s", at_s)
            case FalseAlarm():
                barge_ins[-1]["false_alarm"] = True

    def _settle(self, event: AgentHeard, at_s: float) -> None:
        for turn in self._turns:
            if turn.get("heard") == "unknown" and turn["text"] == event.text:
                turn |= {"heard": event.heard, "heard_text": event.heard_text}
                if event.heard != "unknown":
                    turn["until_s"] = at_s
                return

    def _note_telephony(
        self, event: AnswererKnown | TransferBegan | TransferEnded, at_s: float
    ) -> None:
        transfers: list[dict[str, Any]] = self._document["transfers"]
        match event:
            case AnswererKnown():
                self._document["answered_by"] = {"who": event.who, "reason": event.reason}
            case TransferBegan():
                transfers.append({"to": event.to, "at_s": at_s, "outcome": "unknown"})
            case TransferEnded():
                transfers[-1] |= {"outcome": event.outcome, "ended_s": at_s}

    def count(self, counters: dict[str, Any]) -> None:
        """Take the media counters of the call (`counters_of`), once it is over."""
        self._document["counters"] = counters

    def audio(self, document: dict[str, Any]) -> None:
        """Say where the call's recording is and how much of it could not be written."""
        self._document["audio"] = document

    def wire(self, document: dict[str, Any] | None) -> None:
        """Say where the call's flight recording is and how much of it could not be kept."""
        self._document["wire"] = document

    def identify(self, ids: Mapping[str, Any]) -> None:
        """Take the ids that Telnyx has given to a leg that we dialled."""
        self._document["call_id"] = ids["call_control_id"]
        for name in ("call_leg_id", "call_session_id"):
            self._document[name] = ids.get(name, "")

    def session(self, call_session_id: str) -> None:
        """Take the session's id where none is known yet: TeXML's requests do not tell it."""
        if not self._document.get("call_session_id"):
            self._document["call_session_id"] = call_session_id

    def outcome(self, outcome: Outcome) -> None:
        """Say what became of a call that we placed; the first to know is believed."""
        if self._document["outcome"] is None:
            self._document["outcome"] = outcome.value

    def hangup_confirmed(self, *, confirmed: bool) -> None:
        """Say whether Telnyx is known to have ended the leg; False needs a person's look."""
        self._document["hangup_confirmed"] = confirmed

    def document(self) -> dict[str, Any]:
        """Return the record as JSON values."""
        return self._document


def counters_of(
    inbound: InboundStatistics, outbound: PacingStatistics, *, restarts: int
) -> dict[str, Any]:
    """Return media counters as a record holds them; `restarts` of the stream."""
    return {
        "stream_restarts": restarts,
        "stream_errors": dict(inbound.errors),
        "inbound": {"frames": inbound.frames, **asdict(inbound.chunks)},
        "outbound": {
            key: round(value, 3) if isinstance(value, float) else value
            for key, value in asdict(outbound).items()
        },
    }


def _note_once(barge_ins: list[dict[str, Any]], key: str, at_s: float) -> None:
    """Note how long after the last voice began something came about, the first time it does."""
    if barge_ins and barge_ins[-1][key] is None:
        barge_ins[-1][key] = round(at_s - barge_ins[-1]["voice_at_s"], 3)


def _latency(event: AgentSpeaking) -> dict[str, Any]:
    """Return the wait for an answer, and its parts (`voiced.record.latency`), in seconds."""
    parts = None if event.latency is None else asdict(event.latency)
    return {
        "latency_s": None if event.latency_s is None else round(event.latency_s, 3),
        "latency": parts and {key: round(value, 3) for key, value in parts.items()},
    }


def summary_of(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return of a record what somebody who has placed the call is told of it."""
    told = ("from", "to", "line", "state", "outcome", "end")
    times = ("started_at", "answered_after_s", "duration_s")
    return {
        "id": document["ref"],
        "call_control_id": document.get("call_id", ""),
        **{name: document.get(name) for name in (*told, *times)},
    }


def close_left_record(
    document: dict[str, Any], *, evidence: str, confirmed: bool, duration_s: float | None = None
) -> dict[str, Any]:
    """Return the record of a call that a crash has left, closed as far as anybody knows.

    A record that is closed already keeps its end, and only learns that the leg is gone.

    Args:
        document: as it was found.
        evidence: what has become of the leg.
        confirmed: the leg is known to be gone.
        duration_s: of the call, if Telnyx has told it.
    """
    closed = dict(document)
    if closed.get("state") != "ended" or _died(closed):
        closed["state"] = "ended"
        closed["end"] = {"reason": EndReason.DAEMON_DIED.value, "evidence": evidence}
        closed["duration_s"] = closed.get("duration_s") or duration_s
    closed["hangup_confirmed"] = confirmed or closed.get("hangup_confirmed") is True
    return closed


def _died(document: dict[str, Any]) -> bool:
    end = document.get("end")
    return isinstance(end, dict) and end.get("reason") == EndReason.DAEMON_DIED.value


def _caller_turn(event: CallerSaid, from_s: float | None, at_s: float) -> dict[str, Any]:
    confidence = round(event.confidence, 3)
    turn = {"who": "caller", "from_s": from_s, "at_s": at_s}
    return turn | {"text": event.text, "confidence": confidence}


def _agent_turn(event: AgentSpeaking, at_s: float) -> dict[str, Any]:
    return {
        "who": "agent",
        "at_s": at_s,
        "until_s": None,
        "text": event.text,
        "filler": event.filler,
        **_latency(event),
        "heard": "unknown",
        "heard_text": "",
    }
