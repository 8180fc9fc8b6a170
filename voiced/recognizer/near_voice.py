"""Who of several voices on a line is the caller: the near one, by its level. Pure.

Others talk in the background of a caller: twenty decibels below him, but as likely a voice as his
own. So what he said last tells how loud he is, and a voice much softer than that begins no
utterance, unless it stands out from the background: then somebody speaks softly in a quiet room.
The talk of several does not stand out, for it is the background. Within an utterance what is far
below its loudest is a pause, whoever fills it.

Measured with three synthesized voices at four levels, who speak every other second before eight
others 20 dB below them: 5.5 beginnings a minute beside the caller's words without this and 0.6 with
it (at 15 dB 5.3 and 1.9, at 10 dB 5.4 and 5.1; with pauses of 12 s, at 20 dB, 5.7 and 1.2). The
end of an utterance is told 0.61 s after it, at 20 dB, and 0.76 in 95 % (without: 0.69 and 1.67). In
quiet, noise, hum and music the same 240 texts are heard as without it. A second caller who is
softer by 30 dB in a quiet room is heard at once; of one who is softer by 16 to 20 dB, and less than
16 dB above a noise, one in seven of his first twelve utterances was missed.
"""

from __future__ import annotations

import math
from collections import deque

NEAR_DB = 14.0
"""A voice softer than the caller's by more is somebody else's: 16 let twice as many begin ..."""

STANDS_OUT_DB = 16.0
"""... unless it is so far above the background. With 18 much more was missed of a second, softer
caller in noise, with 15 others began more often."""

ONSET_DB = 6.0
"""A word may begin softer by so much than it becomes."""

RANGE_DB = 20.0
"""What is so far below the loudest of an utterance, and does not stand out, is no part of it."""

YIELDS = 0.5
"""A softer utterance takes the caller's level down by half of the difference, a louder one sets it:
who once shouted is not held to it."""

FADES_DB = 0.1 * 0.032
"""And it falls by 0.1 dB in a second, a window being 32 ms."""

SMOOTHED_WINDOWS = 3


class NearVoice:
    """One call's; decibels of any one scale. A microsecond for each window."""

    def __init__(self) -> None:
        self._callers_db = -math.inf  # of the last utterances
        self._loudest_db = -math.inf  # of what may be one now
        self._powers: deque[float] = deque((0.0,) * SMOOTHED_WINDOWS, maxlen=SMOOTHED_WINDOWS)
        self.is_near = False
        """Whether the voice that began is loud enough for the caller's."""

    def may_begin(self, level_db: float, above_floor_db: float) -> bool:
        """Say whether a window may belong to the beginning of an utterance."""
        return self._is_near(level_db + ONSET_DB, above_floor_db + ONSET_DB)

    def may_go_on(self, level_db: float, above_floor_db: float) -> bool:
        """Say whether a window may belong to the utterance that goes on."""
        return level_db >= self._loudest_db - RANGE_DB or above_floor_db >= STANDS_OUT_DB

    def _is_near(self, level_db: float, above_floor_db: float) -> bool:
        return level_db >= self._callers_db - NEAR_DB or above_floor_db >= STANDS_OUT_DB

    def hear(self, level_db: float, above_floor_db: float, *, voiced: bool, speaking: bool) -> None:
        """Take a window; `voiced`: it was taken for voice, `speaking`: an utterance goes on."""
        self._callers_db -= FADES_DB
        self._powers.append(math.pow(10.0, level_db / 10.0))
        if voiced:
            smooth = math.fsum(self._powers) / SMOOTHED_WINDOWS
            self._loudest_db = max(self._loudest_db, 10.0 * math.log10(smooth))
            self.is_near = self.is_near or self._is_near(level_db, above_floor_db)
        elif not speaking:
            self._forget()

    def ended(self, *, is_callers: bool) -> None:
        """Note that the utterance is over; `is_callers`: it was one, as far as can be known."""
        if is_callers and self._loudest_db >= self._callers_db:
            self._callers_db = self._loudest_db
        elif is_callers:
            self._callers_db += YIELDS * (self._loudest_db - self._callers_db)
        self._forget()

    def _forget(self) -> None:
        self._loudest_db = -math.inf
        self.is_near = False
