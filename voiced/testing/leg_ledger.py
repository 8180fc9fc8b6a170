"""Collects what happens on a leg while it runs, for its report.

Pure. Times come in as trio times and go out as seconds since the leg began to ring.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from voiced.audio.frame import LINE_RATE_HZ, frame_samples
from voiced.testing.playback import PlaybackStatistics, ReturnedMark
from voiced.testing.report import (
    BridgeSeen,
    CallReport,
    CommandSeen,
    EndedBy,
    KeySeen,
    RecordingSeen,
    SocketSeen,
    WebhookSent,
    samples_in,
)
from voiced.testing.utterances import Utterance, find_utterances

if TYPE_CHECKING:
    from voiced.audio.frame import Pcm
    from voiced.testing.legs import Direction, Hangup
    from voiced.testing.rules import Parties

_KEPT = 10_000
"""Entries of a kind that a report holds; the counts of statistics go on."""


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
        first = 0 if self.answered_at is None else samples_in(self.seconds(self.answered_at))
        n_samples = max(first + len(frames) * size, samples_in(self.seconds(ended_at)))
        track = np.zeros(n_samples, dtype=np.int16)
        if frames:
            track[first : first + len(frames) * size] = np.concatenate(frames)
            frames.clear()
        track = track[: samples_in(self.seconds(ended_at))]
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
