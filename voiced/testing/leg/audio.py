"""The audio of one leg: every 20 ms both ways, between its party and all that plays to it.

 party ──voice──► media stream (inbound), recordings, the other leg of a bridge
   ▲
   └──heard── media stream, announcements, ringback, the other leg of a bridge

Not a task: the clock of the leg calls `step`, which never waits.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import trio

from voiced.testing.line import SILENCE, LineNotes, LineSpeech, background_noise, mix
from voiced.testing.report import KeySeen

if TYPE_CHECKING:
    from voiced.audio.frame import Pcm
    from voiced.testing.announcer import Announcer, TargetLegs
    from voiced.testing.caller import Caller, Spoken
    from voiced.testing.leg.context import LegContext
    from voiced.testing.leg.recorder import LegRecorder
    from voiced.testing.leg.streams import LegStreams

_LONGEST_QUEUE = 5
"""Frames of the other leg that may wait: two clocks of 20 ms are never exactly in step."""


@runtime_checkable
class HearsKeys(Protocol):
    """A party that does something about the keys that it hears (a telephone menu, say)."""

    def hear_key(self, digit: str) -> None:
        """Hear one key."""
        ...


class LegAudio:
    """Moves the audio of a leg that is up.

    Args:
        context: of the leg.
        party: who is at the other end of the line.
        streams: to and from the daemon.
        announcers: what Telnyx itself plays.
        recorder: of both sides.
    """

    def __init__(
        self,
        context: LegContext,
        party: Caller,
        *,
        streams: LegStreams,
        announcers: tuple[Announcer, ...],
        recorder: LegRecorder,
    ) -> None:
        self.party = party
        self.ringback = LineSpeech()
        self.suppresses_noise = False
        self._context = context
        self._streams = streams
        self._announcers = announcers
        self._recorder = recorder
        self._noise = background_noise(context.rules.background_dbfs)
        self._watch = LineNotes(context.note)
        self._peer: LegAudio | None = None
        self._from_peer: deque[Pcm] = deque(maxlen=_LONGEST_QUEUE)

    def bridge_with(self, peer: LegAudio) -> None:
        """Send this party's voice to the peer from now on."""
        self._peer = peer

    def unbridge(self) -> None:
        """Hear and send no more of the other leg."""
        self._peer = None
        self._from_peer.clear()

    def step(self, n: int, now: float) -> Spoken:
        """Move 20 ms; returns what the party did. `n` counts from the answer.

        A party that hangs up says and hears no more.
        """
        # The party answers to what was heard up to now; both tracks get the same 20 ms.
        spoken = self.party.step(self._watch.last_heard)
        if spoken.hangs_up:
            return spoken
        noise = SILENCE if self.suppresses_noise else self._noise[n % len(self._noise)]
        voice = mix(spoken.pcm, noise)
        heard, for_peer = self._played(now)
        if self._from_peer:
            heard = mix(heard, self._from_peer.popleft())
        if self._peer is not None:
            self._peer._from_peer.append(mix(voice, for_peer))
        if self._streams.current is not None:
            self._streams.current.send(inbound=voice, outbound=heard, now=now)
        self._context.ledger.frame(heard=heard, spoken=voice)
        self._recorder.frame(heard=heard, spoken=voice)
        self._watch.heard(heard, self.party, now)
        return spoken

    def hear_key(self, digit: str) -> None:
        """Let the party hear a key."""
        ledger = self._context.ledger
        ledger.keys_heard.append(KeySeen(at_s=ledger.seconds(trio.current_time()), digit=digit))
        if isinstance(self.party, HearsKeys):
            self.party.hear_key(digit)

    def _played(self, now: float) -> tuple[Pcm, Pcm]:
        """Return the next 20 ms of all that is played: to the party, and to the other leg's."""
        heard, for_peer = self.ringback.next_frame(), SILENCE
        for announcer in self._announcers:
            frame, target = announcer.next_frame()
            heard, for_peer = _add(frame, target, heard, for_peer)
        stream = self._streams.current
        if stream is not None:
            # Nobody else is there on a leg of its own: live calls are heard with every target.
            target = stream.request.target if self._peer is not None else "self"
            heard, for_peer = _add(stream.next_frame(now), target, heard, for_peer)
        return heard, for_peer


def _add(frame: Pcm, target: TargetLegs, heard: Pcm, for_peer: Pcm) -> tuple[Pcm, Pcm]:
    if target != "opposite":
        heard = mix(heard, frame)
    if target != "self":
        for_peer = mix(for_peer, frame)
    return heard, for_peer
