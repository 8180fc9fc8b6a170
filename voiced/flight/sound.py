"""What caller and agent heard of each other, from the messages of a recording. Pure.

Block by block, so that an hour needs no more memory than a second.
"""

from __future__ import annotations

import json
from binascii import a2b_base64
from typing import TYPE_CHECKING, Any

import numpy as np

from voiced.audio.codec import open_decoder
from voiced.recording.stereo_timeline import SETTLE_S, StereoTimeline

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from voiced.audio.codec import Decoder
    from voiced.flight.entries import Entry
    from voiced.recording.stereo_timeline import Stereo

BLOCK_S = 1.0


class Playing:
    """How far the caller's end has audio to play; times are of any one clock."""

    def __init__(self) -> None:
        self.ends_at = float("-inf")

    def audio(self, length_s: float, now: float) -> float:
        """Take audio that is sent now; returns when the caller begins to hear it."""
        starts_at = max(self.ends_at, now)
        self.ends_at = starts_at + length_s
        return starts_at

    def cleared(self, now: float) -> None:
        """Take a `clear`: nothing plays any more."""
        self.ends_at = min(self.ends_at, now)


class SoundReader:
    """Takes a call's entries in order; gives what was heard, the caller left and the agent right.

    The axis begins with the recording. Its rate is known once the first media stream has started.
    """

    def __init__(self, media: Mapping[str, Any]) -> None:
        """Read a call that was held with the table `[media]`."""
        self._sent = (media["bidirectional_codec"], media["sample_rate"])
        self._playing = Playing()
        self._caller: Decoder | None = None
        self._agent: Decoder | None = None
        self._timeline: StereoTimeline | None = None
        self._taken_until = 0.0

    @property
    def rate_hz(self) -> int:
        """Return the rate of the audio; 8000 as long as there is none."""
        return 8000 if self._timeline is None else self._timeline.rate_hz

    def blocks(self, entries: Iterable[Entry]) -> Iterator[Stereo]:
        """Yield the audio of all entries, about a second at a time.

        Raises:
            VoicedError, ValueError, LookupError, TypeError: a message cannot be read.
        """
        at_s = 0.0
        for entry in entries:
            at_s = entry.at_s
            self._take(entry)
            if self._timeline is not None and at_s - SETTLE_S >= self._taken_until + BLOCK_S:
                self._taken_until = at_s - SETTLE_S
                yield self._timeline.take(self._taken_until)
        if self._timeline is not None:
            yield self._timeline.take(at_s)

    def _take(self, entry: Entry) -> None:
        if entry.kind == "webhook" and "to" in entry.data and self._sent[0] == "L16":
            self._sent = ("PCMU", 8000)  # as `voiced.call.texml_opening` declares it
        elif entry.kind in {"rx", "tx"}:
            message = _parse(entry.data["m"])
            if entry.kind == "tx":
                self._take_ours(message, entry.at_s)
            else:
                self._take_theirs(message, entry.at_s)

    def _take_ours(self, message: Mapping[str, Any], at_s: float) -> None:
        if self._timeline is None or self._agent is None:
            return
        if message.get("event") == "clear":
            self._playing.cleared(at_s)
            self._timeline.cleared(at_s)
        elif message.get("event") == "media":
            pcm = self._agent.decode(a2b_base64(message["media"]["payload"]))
            starts_at = self._playing.audio(len(pcm) / self._agent.rate_hz, at_s)
            self._timeline.agent(pcm, starts_at)

    def _take_theirs(self, message: Mapping[str, Any], at_s: float) -> None:
        event = message.get("event")
        if event == "start" and self._timeline is None:
            self._begin(message["start"]["media_format"])
        if event != "media" or self._timeline is None or self._caller is None:
            return
        if message["media"]["track"].startswith("inbound"):
            pcm = self._caller.decode(a2b_base64(message["media"]["payload"]))
            self._timeline.caller(pcm, at_s)

    def _begin(self, given: Mapping[str, Any]) -> None:
        """Read the caller's audio as `start` announced it, and ours as we had declared it."""
        channels = given.get("channels", 1)
        self._caller = open_decoder(given["encoding"], given["sample_rate"], channels=channels)
        self._agent = open_decoder(*self._sent)
        self._timeline = StereoTimeline(
            0.0, caller_hz=self._caller.rate_hz, agent_hz=self._agent.rate_hz
        )


def sound_of(entries: Iterable[Entry], media: Mapping[str, Any]) -> tuple[Stereo, int]:
    """Return the call's audio, the caller left and the agent right, and its rate in Hz.

    Args:
        entries: of the call, in order.
        media: the table `[media]` that it was held with.
    """
    reader = SoundReader(media)
    blocks = list(reader.blocks(entries))
    return np.concatenate([np.zeros((0, 2), "<i2"), *blocks]), reader.rate_hz


def _parse(text: str) -> Mapping[str, Any]:
    """Return the content of a media-socket message; {} if it is none."""
    try:
        message = json.loads(text)
    except ValueError:
        return {}
    return message if isinstance(message, dict) else {}
