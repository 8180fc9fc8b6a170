"""The audio of one leg: every 20 ms both ways, between its party and all that plays to it.

 party ──voice──► media stream (inbound)
   ▲
   └──heard── media stream, announcements

Not a task: the clock of the leg calls `step`, which never waits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from voiced.testing.line import SILENCE, LineNotes, background_noise, mix

if TYPE_CHECKING:
    from voiced.testing.announcer import Announcer
    from voiced.testing.caller import Caller, Spoken
    from voiced.testing.leg_context import LegContext
    from voiced.testing.leg_streams import LegStreams


class LegAudio:
    """Moves the audio of a leg that is up.

    Args:
        context: of the leg.
        party: who is at the other end of the line.
        streams: to and from the daemon.
        announcer: what Telnyx itself plays.
    """

    def __init__(
        self, context: LegContext, party: Caller, streams: LegStreams, announcer: Announcer
    ) -> None:
        self.party = party
        self._context = context
        self._streams = streams
        self._announcer = announcer
        self._noise = background_noise(context.rules.background_dbfs)
        self._watch = LineNotes(context.note)

    def step(self, n: int, now: float) -> Spoken:
        """Move 20 ms; returns what the party did. `n` counts from the answer.

        A party that hangs up says and hears no more.
        """
        # The party answers to what was heard up to now; both tracks get the same 20 ms.
        spoken = self.party.step(self._watch.last_heard)
        if spoken.hangs_up:
            return spoken
        voice = mix(spoken.pcm, self._noise[n % len(self._noise)])
        stream = self._streams.current
        heard = stream.next_frame(now) if stream is not None else SILENCE
        announced, _ = self._announcer.next_frame()
        heard = mix(heard, announced)
        if stream is not None:
            stream.send(inbound=voice, outbound=heard, now=now)
        self._context.ledger.frame(heard=heard, spoken=voice)
        self._watch.heard(heard, self.party, now)
        return spoken
