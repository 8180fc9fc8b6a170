"""What happens in a call, as records for whoever watches: the printer, the record, the dashboard.

Pure. Every record carries `at`, the trio time of the event, so that latencies can be computed and a
story told in order. Words and numbers in these records are personal data: a consumer shows them to
the person who runs the call, and never writes them as log text.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    from voiced.errors import TroubleKind
    from voiced.record.latency import Latency


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRinging:
    """A call has come in (or goes out) and rings; parties in E.164."""

    caller: str
    called: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CallAnswered:
    """The leg is answered: from here on it is billed."""

    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerSpeaking:
    """The caller has begun to speak; `at` is the detector's decision point.

    `voice_at` is when the first voiced frame had arrived, if the recognizer knows.
    """

    at: float
    voice_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerSaid:
    """One turn of the caller as it was understood; text "" is speech without words we know.

    `confidence` is 0..1. `at` is when the transcript was settled.
    """

    text: str
    confidence: float
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSpeaking:
    """The first audio of a passage of the agent goes out; text "" when only audio is known.

    `latency_s` counts from the end of the caller's speech to the first sound that can be heard;
    None when the agent did not answer a turn (greeting, prompt, a further sentence of the same
    reply). `latency` says for what the caller waited; None when only the audio is known.
    `filler`: it bridges the wait for an answer, and is none.
    """

    text: str
    at: float
    latency_s: float | None
    latency: Latency | None = None
    filler: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentHeard:
    """What the caller really heard of a passage, once that is certain.

    "unknown" when the call ended before Telnyx had told us.
    """

    text: str
    heard: Literal["all", "part", "none", "unknown"]
    heard_text: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BargeIn:
    """The caller spoke over the agent, who falls silent.

    `voice_at` is when the first voiced frame had arrived, or when the agent began, where the caller
    spoke before it did; None for a key, and when not known.
    """

    at: float
    voice_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleared:
    """The `clear` that follows a barge-in has gone out."""

    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Silenced:
    """Telnyx has obeyed that `clear`, the caller's buffer is empty: a mark behind it came back.

    `at` is when we learned of it, later than the silence by the way back.
    """

    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FalseAlarm:
    """The last barge-in was none (a cough, "mhm"): the agent goes on from where he was."""

    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswererKnown:
    """Who answered a call that we placed: `human`, `machine`, `machine_ready`, `fax`."""

    who: str
    reason: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferBegan:
    """The caller is being transferred to `to`, E.164 or SIP URI."""

    to: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferEnded:
    """The transfer has come about ("bridged"), or has failed; `outcome` says how."""

    outcome: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingPaused:
    """What is said from now on is to be kept nowhere."""

    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingResumed:
    """What is said may be kept again."""

    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What the call has cost so far: a conversation with the agent is over."""

    tokens: int
    characters: int
    minutes: float
    at: float


Role: TypeAlias = Literal["recognizer", "agent", "synthesizer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderFailed:
    """A provider failed in this call: one of a fallback list, or the only one there is.

    `kind` is the error's: `too_slow` for one that let us wait, `rate_limited` ...
    """

    role: Role
    provider: str
    kind: TroubleKind
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSwitched:
    """From now on `to` does for this call what `provider` did, or should have done."""

    role: Role
    provider: str
    to: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolRan:
    """A tool of the agent has run; `ok` False: it raised, was too slow, or was cut off."""

    name: str
    began_at: float
    ok: bool
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CallTornDown:
    """Of the call's tasks none is left; `after_s` counts from the cause of its end."""

    after_s: float
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEnded:
    """The call is over; `reason` is the end reason's name, `evidence` what proves it."""

    reason: str
    evidence: str
    at: float


JournalEvent: TypeAlias = (
    CallRinging
    | CallAnswered
    | CallerSpeaking
    | CallerSaid
    | AgentSpeaking
    | AgentHeard
    | BargeIn
    | Cleared
    | Silenced
    | FalseAlarm
    | AnswererKnown
    | TransferBegan
    | TransferEnded
    | RecordingPaused
    | RecordingResumed
    | Spent
    | ProviderFailed
    | ProviderSwitched
    | ToolRan
    | CallTornDown
    | CallEnded
)

Note: TypeAlias = Callable[[JournalEvent], None]
"""Takes one event of one call; neither waits nor raises."""


def noted_nowhere(event: JournalEvent) -> None:
    """Take an event for those whose call nobody watches."""


class Observer(Protocol):
    """Watches calls. `note` must neither wait nor raise: it runs inside the call."""

    def note(self, call_id: str, event: JournalEvent) -> None:
        """Take one event of the call `call_id` (its call_control_id)."""
        ...


class Unobserved:
    """The observer of those who have none."""

    def note(self, call_id: str, event: JournalEvent) -> None:
        """Ignore the event."""
