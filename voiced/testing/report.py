"""What the emulated Telnyx saw of one call.

Pure. All times of a report are seconds since the call began to ring; both audio tracks begin there
too, so that an index into them divided by 8000 is a time. `Ledger` collects while the call runs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from voiced.audio.frame import LINE_RATE_HZ, frame_samples
from voiced.testing.playback import PlaybackStatistics, ReturnedMark
from voiced.testing.utterances import Turn, Utterance, find_turns, find_utterances

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from voiced.audio.frame import Pcm
    from voiced.testing.legs import Direction, Hangup, HangupCause
    from voiced.testing.rules import Parties

EndedBy: TypeAlias = Literal["caller", "callee", "agent", "peer", "emulator"]
"""Who ended the leg: its party ("caller" or "callee", by who called whom), the daemon, the end of
the leg that it was bridged with; "emulator": nobody did, so that the emulated Telnyx had to."""

DeliveryKind: TypeAlias = Literal["genuine", "duplicate", "stale", "forged"]

_KEPT = 10_000
"""Entries of a kind that a report holds; the counts of statistics go on."""


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
        return self.heard[_samples(start_s) : _samples(end_s)]


@dataclass(slots=True, kw_only=True, eq=False)
class Ledger:
    """Collects a call's facts; times come in as trio times and go out as seconds since the ring."""

    rang_at: float
    answered_at: float | None = None
    streaming_at: float | None = None
    ended_at: float | None = None
    ended_by: EndedBy = "emulator"
    zombie: bool = False
    message_from: float | None = None
    worst_lateness_s: float = 0.0
    marks: list[ReturnedMark] = field(default_factory=list)
    clears: list[float] = field(default_factory=list)
    commands: list[CommandSeen] = field(default_factory=list)
    webhooks: list[WebhookSent] = field(default_factory=list)
    sockets: list[SocketSeen] = field(default_factory=list)
    bridges: list[BridgeSeen] = field(default_factory=list)
    recordings: list[RecordingSeen] = field(default_factory=list)
    keys_pressed: list[KeySeen] = field(default_factory=list)
    keys_heard: list[KeySeen] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    spoken_texts: list[tuple[float, str]] = field(default_factory=list)
    playbacks: list[PlaybackStatistics] = field(default_factory=list)
    _heard: list[Pcm] = field(default_factory=list, init=False)
    _spoken: list[Pcm] = field(default_factory=list, init=False)

    def seconds(self, at: float) -> float:
        """Return a trio time as seconds since the ring."""
        return at - self.rang_at

    def violation(self, text: str) -> None:
        """Note something that the daemon did against the protocol (the first 10,000)."""
        if len(self.violations) < _KEPT:
            self.violations.append(text)

    def marks_returned(self, marks: tuple[ReturnedMark, ...]) -> None:
        """Note marks on their way back."""
        if len(self.marks) < _KEPT:
            self.marks.extend(marks)

    def cleared(self, now: float) -> None:
        """Note a `clear`."""
        if len(self.clears) < _KEPT:
            self.clears.append(self.seconds(now))

    def frame(self, *, heard: Pcm, spoken: Pcm) -> None:
        """Note 20 ms of both directions."""
        self._heard.append(heard)
        self._spoken.append(spoken)

    def report(
        self,
        *,
        parties: Parties,
        direction: Direction,
        hangup: Hangup,
        caller_utterances: tuple[Utterance, ...],
    ) -> CallReport:
        """Close the ledger and let go of its audio. `caller_utterances` count from the answer."""
        ended_at = self.ended_at if self.ended_at is not None else self.rang_at
        heard = self._track(self._heard, ended_at)
        answered_s = None if self.answered_at is None else self.seconds(self.answered_at)
        agent = find_utterances(heard)
        return CallReport(
            call_control_id=parties.call_control_id,
            call_leg_id=parties.call_leg_id,
            call_session_id=parties.call_session_id,
            direction=direction,
            from_=parties.from_,
            to=parties.to,
            rang_at=self.rang_at,
            answered_s=answered_s,
            streaming_s=None if self.streaming_at is None else self.seconds(self.streaming_at),
            first_audio_s=agent[0].start_s if agent else None,
            ended_s=self.seconds(ended_at),
            ended_by=self.ended_by,
            cause=hangup.cause,
            sip_cause=hangup.sip_cause,
            heard=heard,
            spoken=self._track(self._spoken, ended_at),
            caller_utterances=tuple(
                _shifted(utterance, answered_s or 0.0) for utterance in caller_utterances
            ),
            agent_utterances=tuple(self._with_text(utterance) for utterance in agent),
            playback=_sum_of(self.playbacks),
            marks=tuple(self.marks),
            clears=tuple(self.clears),
            commands=tuple(self.commands),
            webhooks=tuple(self.webhooks),
            sockets=tuple(self.sockets),
            bridges=tuple(self.bridges),
            recordings=tuple(self.recordings),
            keys_pressed=tuple(self.keys_pressed),
            keys_heard=tuple(self.keys_heard),
            violations=tuple(self.violations),
            notes=tuple(self.notes),
            zombie=self.zombie,
            message_from_s=None if self.message_from is None else self.seconds(self.message_from),
            worst_lateness_s=self.worst_lateness_s,
        )

    def _track(self, frames: list[Pcm], ended_at: float) -> Pcm:
        """Return a track from ring to end: frames from the answer on, silence elsewhere."""
        size = frame_samples(LINE_RATE_HZ)
        first = 0 if self.answered_at is None else _samples(self.seconds(self.answered_at))
        n_samples = max(first + len(frames) * size, _samples(self.seconds(ended_at)))
        track = np.zeros(n_samples, dtype=np.int16)
        if frames:
            track[first : first + len(frames) * size] = np.concatenate(frames)
            frames.clear()
        track = track[: _samples(self.seconds(ended_at))]  # nobody hears the frame that was cut off
        track.flags.writeable = False
        return track

    def _with_text(self, utterance: Utterance) -> Utterance:
        """Add the text where Telnyx itself spoke: we only know what a `speak` command said."""
        texts = [
            text
            for at, text in self.spoken_texts
            if utterance.start_s - 0.5 <= self.seconds(at) <= utterance.end_s
        ]
        return Utterance(start_s=utterance.start_s, end_s=utterance.end_s, text=" ".join(texts))


def _shifted(utterance: Utterance, by_s: float) -> Utterance:
    return Utterance(
        start_s=utterance.start_s + by_s, end_s=utterance.end_s + by_s, text=utterance.text
    )


def _samples(seconds: float) -> int:
    return max(0, round(seconds * LINE_RATE_HZ))


def _sum_of(parts: list[PlaybackStatistics]) -> PlaybackStatistics:
    """Add up the streams of one call (normally there is one)."""
    return PlaybackStatistics(
        messages=sum(part.messages for part in parts),
        short_messages=sum(part.short_messages for part in parts),
        refused_messages=sum(part.refused_messages for part in parts),
        ignored_messages=sum(part.ignored_messages for part in parts),
        played_s=sum(part.played_s for part in parts),
        cleared_s=sum(part.cleared_s for part in parts),
        max_queue_s=max((part.max_queue_s for part in parts), default=0.0),
        underruns=sum(part.underruns for part in parts),
        gaps=tuple(gap for part in parts for gap in part.gaps),
    )
