"""The life of one call leg as a table, and the reasons for which a call ends.

Webhooks come in any order, twice, or never, and media may start before `call.answered` is
delivered. The table therefore has an entry for every pair of state and event, and time only goes
forward: an event that belongs to an earlier state leaves a later one as it is.

    RINGING ─► ANSWERING ─► ANSWERED ─media─► STREAMING ─transfer sent─► TRANSFERRING ─► BRIDGED
       │           │            │                │   └◄──transfer failed──┘   │            │
       └───────────┴────────────┴────────────────┴──┬─────────────────────────┴────────────┘
                                      hangup sent ──► HANGING_UP ──gone──► GONE

A transfer that failed is the one way back.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from voiced.telnyx.ids import CallControlId


Milestone: TypeAlias = Literal["placed", "answered", "ended"]
"""How far a call has come: Telnyx knows it; somebody has answered; it is over, and written down."""


class LegState(Enum):
    """Where a leg stands, as far as we know."""

    RINGING = "ringing"
    """Telnyx has told us of the call, and nothing has been decided; or we have dialled."""
    ANSWERING = "answering"
    """We have sent `answer`, or a TeXML document; Telnyx has not confirmed it yet."""
    ANSWERED = "answered"
    """The leg is up (and is being billed); no media yet."""
    STREAMING = "streaming"
    """Audio flows."""
    TRANSFERRING = "transferring"
    """We have sent `transfer`: the target rings. Telnyx may stop our stream already."""
    BRIDGED = "bridged"
    """The caller is with somebody else."""
    HANGING_UP = "hanging up"
    """We have sent `hangup` or `reject`."""
    GONE = "gone"
    """The leg has ended at Telnyx; no command can reach it any more."""


class LegEvent(Enum):
    """What moves a leg."""

    ANSWER_SENT = "answer sent"
    ANSWERED = "answered"
    MEDIA_STARTED = "media started"
    TRANSFER_SENT = "transfer sent"
    TRANSFER_FAILED = "transfer failed"
    BRIDGED = "bridged"
    HANGUP_SENT = "hangup sent"
    GONE = "gone"


_ORDER = list(LegState)
_TARGET = {
    LegEvent.ANSWER_SENT: LegState.ANSWERING,
    LegEvent.ANSWERED: LegState.ANSWERED,
    LegEvent.MEDIA_STARTED: LegState.STREAMING,
    LegEvent.TRANSFER_SENT: LegState.TRANSFERRING,
    LegEvent.BRIDGED: LegState.BRIDGED,
    LegEvent.HANGUP_SENT: LegState.HANGING_UP,
    LegEvent.GONE: LegState.GONE,
}

TRANSITIONS: dict[tuple[LegState, LegEvent], LegState] = {
    (state, event): max(state, target, key=_ORDER.index)
    for state in LegState
    for event, target in _TARGET.items()
} | {(state, LegEvent.TRANSFER_FAILED): state for state in LegState}
"""(state, event) to the next state; every pair has an entry, and only one goes back."""

TRANSITIONS[LegState.TRANSFERRING, LegEvent.TRANSFER_FAILED] = LegState.STREAMING


class EndReason(Enum):
    """Why a call ended. The first cause wins; its evidence stands beside it in `Ending`."""

    CALLER_HUNG_UP = "caller_hung_up"
    CALLEE_HUNG_UP = "callee_hung_up"
    """Whom we had called."""
    AGENT_HUNG_UP = "agent_hung_up"
    OPERATOR_HUNG_UP = "operator_hung_up"
    TRANSFERRED = "transferred"
    REFUSED_BUSY = "refused_busy"
    """The daemon was draining, or the call was beyond a limit (`voiced.switchboard.admission`)."""
    REFUSED_BLOCKED = "refused_blocked"
    """The policy for incoming calls (`[inbound]`, `[lines]`) keeps this caller out."""
    NOT_ANSWERED = "not_answered"
    """Telnyx did not accept our `answer`."""
    DIAL_FAILED = "dial_failed"
    """Telnyx did not place our call; the evidence holds its reason."""
    UNREACHED = "unreached"
    """Whom we called did not answer; the record's `outcome` says why (busy, no answer ...)."""
    NO_MEDIA = "no_media"
    """The media socket did not come, or did not start, in time."""
    MEDIA_LOST = "media_lost"
    """The media socket closed without a `stop`."""
    MEDIA_STALLED = "media_stalled"
    """The media socket is open, but nothing came for `[media] stall_timeout_s`."""
    STREAMING_FAILED = "streaming_failed"
    """Telnyx could not open the media socket, says its webhook."""
    PROTOCOL_ERROR = "protocol_error"
    """The media socket carried something that cannot be accepted."""
    ANSWERING_MACHINE = "answering_machine"
    """A machine or a fax answered our call, and was hung up."""
    VOICEMAIL_LEFT = "voicemail_left"
    """A machine answered our call, and our message was left."""
    SILENCE = "silence"
    MAX_DURATION = "max_duration"
    TRANSFER_FAILED = "transfer_failed"
    RECOGNIZER_FAILED = "recognizer_failed"
    SYNTHESIZER_FAILED = "synthesizer_failed"
    AGENT_FAILED = "agent_failed"
    TOO_SLOW = "too_slow"
    """The recognizer did not keep up with the caller's audio."""
    AGENT_TOO_SLOW = "agent_too_slow"
    """No words within `[budgets] first_words_s`."""
    SYNTHESIZER_TOO_SLOW = "synthesizer_too_slow"
    """No audio within `[budgets] first_audio_s`."""
    TOOL_TOO_SLOW = "tool_too_slow"
    """A tool took longer than `[budgets] tool_s`."""
    TOOL_REPEATED = "tool_repeated"
    """A tool was called with the same arguments more than `[budgets] max_same_tool_calls` times."""
    BUDGET_SPENT = "budget_spent"
    """The call has used up its tokens, characters or minutes (`[budgets]`)."""
    SHUTDOWN = "shutdown"
    """The daemon stopped before the call was over."""
    DRAIN_LIMIT = "drain_limit"
    """The daemon drained, and the call was not over within `[call] drain_timeout_s`."""
    DAEMON_DIED = "daemon_died"
    """The daemon was killed, or the machine failed; the next start has closed the record."""
    INTERNAL_ERROR = "internal_error"
    """A fault of ours; the log holds the traceback."""

    @property
    def is_failure(self) -> bool:
        """Whether the caller is owed an apology."""
        return self in _FAILURES


_FAILURES = frozenset(
    {
        EndReason.MEDIA_LOST,
        EndReason.MEDIA_STALLED,
        EndReason.NO_MEDIA,
        EndReason.STREAMING_FAILED,
        EndReason.PROTOCOL_ERROR,
        EndReason.TRANSFER_FAILED,
        EndReason.RECOGNIZER_FAILED,
        EndReason.SYNTHESIZER_FAILED,
        EndReason.AGENT_FAILED,
        EndReason.TOO_SLOW,
        EndReason.AGENT_TOO_SLOW,
        EndReason.SYNTHESIZER_TOO_SLOW,
        EndReason.TOOL_TOO_SLOW,
        EndReason.TOOL_REPEATED,
        EndReason.BUDGET_SPENT,
        EndReason.DRAIN_LIMIT,
        EndReason.INTERNAL_ERROR,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """Why a call ended: `evidence` is what showed it (a webhook id, a close code, an error)."""

    reason: EndReason
    evidence: str
    at: float


class Leg:
    """One call leg's state. Not a task, no clock: whoever learns something applies it."""

    def __init__(self, call_control_id: CallControlId | None = None) -> None:
        """Make a ringing leg; a leg that we dial gets its `id` once Telnyx has told it."""
        self.id = call_control_id
        self.state = LegState.RINGING

    def apply(self, event: LegEvent) -> LegState:
        """Move on `event` and return the new state; late events change nothing."""
        self.state = TRANSITIONS[self.state, event]
        return self.state

    @property
    def is_up(self) -> bool:
        """Whether the caller can hear something (and is billed)."""
        return self.state not in {LegState.RINGING, LegState.HANGING_UP, LegState.GONE}

    @property
    def is_being_transferred(self) -> bool:
        """Whether a transfer is under way: it may yet fail."""
        return self.state is LegState.TRANSFERRING

    @property
    def is_bridged(self) -> bool:
        """Whether the caller is with somebody else."""
        return self.state is LegState.BRIDGED

    @property
    def is_gone(self) -> bool:
        """Whether the leg has ended at Telnyx."""
        return self.state is LegState.GONE
