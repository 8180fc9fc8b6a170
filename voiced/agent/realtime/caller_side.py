"""The caller's side of a realtime conversation: speech, its words, and the audio to be kept.

A session that is lost takes along what was said in it. Words that were written down the next one is
told; audio without words it is given again, as long as an answer to it is owed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from voiced.agent.memory import CallerSpoke
from voiced.agent.realtime.keys import Keys
from voiced.audio.silence import Silence
from voiced.media.frame_pump import FramePump
from voiced.record.journal import CallerSaid, CallerSpeaking

if TYPE_CHECKING:
    from collections.abc import Callable

    from voiced.agent.base import AudioLine
    from voiced.agent.realtime.settings import RealtimeSettings
    from voiced.audio.frame import Frame

RATE_HZ = 8000


class CallerSide:
    """One conversation's. No method waits."""

    def __init__(
        self, settings: RealtimeSettings, line: AudioLine, wake: Callable[[], None]
    ) -> None:
        """`wake` is called when something is to be looked at that no event of the API tells."""
        self.pump = FramePump(RATE_HZ)
        self.keys = Keys()
        self.speaks = False
        self.is_unheard = False
        """The caller has long fallen silent, and the API has not told it."""
        self._settings = settings
        self._line = line
        self._wake = wake
        self._unwritten: dict[str, float] = {}  # items without words, and when each has ended
        line.standing.settled_at = float("-inf")

    def starts(self, now: float) -> None:
        """The caller begins to speak."""
        self.speaks = True
        self.pump.watch = self._watch()
        self._line.note(CallerSpeaking(at=now))

    def stops(self) -> None:
        """The caller's turn is over."""
        self.speaks = self.is_unheard = False
        self.pump.watch = None

    def _watch(self) -> Callable[[Frame], None]:
        silence = Silence()

        def watch(frame: Frame) -> None:
            silence.add(frame.pcm, RATE_HZ)
            if silence.lasts_s >= self._settings.end_of_speech_s:
                self.pump.watch = None
                self.is_unheard = True
                self._wake()

        return watch

    def committed(self, item_id: str, now: float) -> None:
        """What was said until `now` is an item of the conversation; its words will come, if any."""
        if self._settings.transcription:
            self._unwritten[item_id] = now
        else:
            self._settle(now)

    def written(self, item_id: str, text: str, now: float) -> None:
        """The words of an item are there, and those of earlier ones are not waited for."""
        ended_at = self._unwritten.get(item_id, float("-inf"))
        self._unwritten = {name: at for name, at in self._unwritten.items() if at > ended_at}
        self._settle(ended_at)
        self._line.note(CallerSaid(text=text, confidence=1.0, at=now))
        self._line.past.append(CallerSpoke(text=text))

    def _settle(self, until: float) -> None:
        """Forget audio that nobody has to hear again."""
        self.pump.forget(until)
        standing = self._line.standing
        standing.settled_at = max(standing.settled_at, until)

    def session_lost(self, now: float, *, owed: bool) -> bool:
        """Keep the audio that the next session has to hear, and tell whether it will.

        `owed`: the last turn was not answered to its end.
        """
        hears_again = self.speaks or (owed and bool(self._unwritten))
        if not hears_again:
            self._settle(now)
        self._unwritten.clear()
        self.stops()
        return hears_again

    def key_pressed(self, key: str) -> bool:
        """Take a key; False for one that means nothing."""
        is_one = self.keys.press(key, trio.current_time())
        if is_one:
            self._wake()
        return is_one
