"""What the emulated Telnyx saw of one call.

Pure. All times of a report are seconds since the call began to ring; both audio tracks begin there
too, so that an index into them divided by 8000 is a time. `leg_ledger` makes it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from voiced.audio.frame import LINE_RATE_HZ
from voiced.testing.utterances import Turn, Utterance, find_turns

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from voiced.audio.frame import Pcm
    from voiced.testing.legs import Direction, HangupCause
    from voiced.testing.playback import PlaybackStatistics, ReturnedMark

EndedBy: TypeAlias = Literal["caller", "callee", "agent", "peer", "emulator"]
"""Who ended the leg: its party ("caller" or "callee", by who called whom), the daemon, the end of
the leg that it was bridged with; "emulator": nobody did, so that the emulated Telnyx had to."""

DeliveryKind: TypeAlias = Literal["genuine", "duplicate", "stale", "forged"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandSeen:
    """A REST request of the daemon. `status` is None while, or because, no answer was sent."""

    at_s: float
    action: str
    body: Mapping[str, Any]
    status: int | None
    code: str = ""
    repeated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSent:
    """One delivery of a webhook; `status` is None when the daemon gave no answer.

    `at_s` is when it was delivered; `payload` is the event's own.
    """

    at_s: float
    event_type: str
    event_id: str
    attempt: int
    status: int | None
    kind: DeliveryKind = "genuine"
    payload: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketSeen:
    """One media socket. `closed_by` "telnyx" is our side; `stopped`: a `stop` message went first.

    `close_code` is what the daemon closed with; None when it did not.
    """

    opened_s: float
    closed_s: float
    closed_by: Literal["daemon", "telnyx"]
    stopped: bool
    close_code: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySeen:
    """A key that a party pressed or heard."""

    at_s: float
    digit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeSeen:
    """A stretch of time in which the leg was bridged with another one."""

    call_control_id: str
    from_s: float
    to_s: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RecordingSeen:
    """A recording that was saved: int16 at 8 kHz, shape (n, channels); of two the party is left."""

    recording_id: str
    started_s: float
    ended_s: float
    audio: NDArray[np.int16]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CallReport:
    """One leg, as it was. Audio is int16 at 8 kHz, read-only; times as in the module's opening.

    Attributes:
        rang_at: trio time of second 0.
        ended_by: who hung up; `cause` and `sip_cause` as `call.hangup` told them.
        answered_s, streaming_s, first_audio_s: None when it did not come to that. `streaming_s` is
            when `start` went out, `first_audio_s` when the caller first heard anything.
        heard: what was played to the party: whoever is at the other end, also of a dialled leg.
        spoken: what the party said, before its codec, background noise included.
        bridges: with which legs it was bridged, when.
        recordings: what was saved, in order; `EmulatedTelnyx.recordings` knows who fetched it.
        keys_pressed, keys_heard: by the party; heard are those of `send_dtmf`, and of the party of
            a bridged leg.
        violations: what the daemon did against the protocol, in order. Empty on a good call.
        notes: what a person would remark (the agent did not hang up ...).
        zombie: the leg was left up, billed and without anybody's care.
        worst_lateness_s: how late the emulator itself was at worst with a 20 ms step; figures of a
            call in which this is large are the machine's and not the daemon's.
        message_from_s: when the beep of the callee's machine ended.
        linked: the other legs of the session, in the order in which they began to ring; only in the
            report of the session's first leg.
    """

    call_control_id: str
    call_leg_id: str
    call_session_id: str
    direction: Direction
    from_: str
    to: str
    rang_at: float
    answered_s: float | None
    streaming_s: float | None
    first_audio_s: float | None
    ended_s: float
    ended_by: EndedBy
    cause: HangupCause
    sip_cause: str
    heard: Pcm
    spoken: Pcm
    caller_utterances: tuple[Utterance, ...]
    agent_utterances: tuple[Utterance, ...]
    playback: PlaybackStatistics
    marks: tuple[ReturnedMark, ...]
    clears: tuple[float, ...]
    commands: tuple[CommandSeen, ...]
    webhooks: tuple[WebhookSent, ...]
    sockets: tuple[SocketSeen, ...]
    bridges: tuple[BridgeSeen, ...]
    recordings: tuple[RecordingSeen, ...]
    keys_pressed: tuple[KeySeen, ...]
    keys_heard: tuple[KeySeen, ...]
    violations: tuple[str, ...]
    notes: tuple[str, ...]
    zombie: bool
    worst_lateness_s: float
    message_from_s: float | None = None
    linked: tuple[CallReport, ...] = ()

    @property
    def zombies(self) -> tuple[str, ...]:
        """Return the call_control_ids of the session's legs that were left up."""
        return tuple(leg.call_control_id for leg in (self, *self.linked) if leg.zombie)

    @property
    def digits_heard(self) -> str:
        """Return the keys that the party heard, as text."""
        return "".join(key.digit for key in self.keys_heard)

    @property
    def message(self) -> Pcm | None:
        """Return what the callee's machine recorded after its beep; None if it did not."""
        at_s = self.message_from_s
        return None if at_s is None else self.heard_between(at_s, self.ended_s)

    @property
    def turns(self) -> tuple[Turn, ...]:
        """Return the agent's answers, with their latencies measured on the audio."""
        return find_turns(self.caller_utterances, self.agent_utterances)

    @property
    def actions(self) -> tuple[str, ...]:
        """Return the names of the commands that were carried out, in order."""
        return tuple(c.action for c in self.commands if c.status == 200 and not c.repeated)

    def heard_between(self, start_s: float, end_s: float) -> Pcm:
        """Return what was played to the caller in a stretch of time."""
        return self.heard[samples_in(start_s) : samples_in(end_s)]


def samples_in(seconds: float) -> int:
    """Return how many samples a stretch of time has."""
    return max(0, round(seconds * LINE_RATE_HZ))
