"""Recordings of a leg's audio, and the store from which the daemon fetches them: pure.

`Recording` collects while the leg runs; a `StoredRecording` is what Telnyx keeps. URLs are signed
and die after ten minutes, as those of Telnyx's storage; asking the API again gives fresh ones.
"""

from __future__ import annotations

import hashlib
import hmac
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from voiced.audio import wav
from voiced.audio.frame import LINE_RATE_HZ, PTIME_S
from voiced.testing.line import SILENCE
from voiced.testing.media_files import encode_mp3
from voiced.testing.utterances import find_utterances, is_speech

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from voiced.audio.frame import Pcm
    from voiced.testing.rules import Parties

URL_LIFETIME_S = 600
"""Seconds for which a URL can be fetched."""

FileFormat: TypeAlias = Literal["wav", "mp3"]
Channels: TypeAlias = Literal["single", "dual"]
Track: TypeAlias = Literal["both", "inbound", "outbound"]

_STORAGE = "recordings-storage"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingRules:
    """How a recording is made.

    Attributes:
        longest_s: it stops after so much audio; 0 for no limit.
        silence_s: it stops after so much silence of both sides; 0 for never.
        trims: silence at both ends is cut off.
        beeps: the party hears a beep when it begins.
    """

    file_format: FileFormat
    channels: Channels
    track: Track = "both"
    longest_s: float = 0.0
    silence_s: float = 0.0
    trims: bool = False
    beeps: bool = False


def read_start(body: Mapping[str, Any]) -> RecordingRules:
    """Read a checked `record_start`."""
    return RecordingRules(
        file_format=body["format"],
        channels=body["channels"],
        track=body.get("recording_track", "both"),
        longest_s=body.get("max_length", 0),
        silence_s=body.get("timeout_secs", 0),
        trims=body.get("trim") == "trim-silence",
        beeps=body.get("play_beep", False),
    )


def read_from_answer(body: Mapping[str, Any]) -> RecordingRules | None:
    """Read the `record` arguments of a checked command; None when it asks for no recording."""
    if not body.get("record"):
        return None
    return RecordingRules(
        file_format=body.get("record_format", "mp3"),
        channels=body.get("record_channels", "dual"),
        track=body.get("record_track", "both"),
        longest_s=body.get("record_max_length", 0),
        silence_s=body.get("record_timeout_secs", 0),
        trims=body.get("record_trim") == "trim-silence",
    )


class Recording:
    """One recording while it is made: 20 ms of both sides at a time."""

    def __init__(self, recording_id: str, rules: RecordingRules, *, started_at: float) -> None:
        self.recording_id = recording_id
        self.rules = rules
        self.started_at = started_at
        self.is_paused = False
        self._frames: list[tuple[Pcm, Pcm]] = []
        self._silent_s = 0.0

    def frame(self, *, spoken: Pcm, heard: Pcm) -> bool:
        """Take what the party said and heard; returns whether the recording has to stop."""
        if self.is_paused:
            return False
        self._frames.append((spoken, heard))
        rules = self.rules
        if rules.silence_s:
            is_silent = not (is_speech(spoken) or is_speech(heard))
            self._silent_s = self._silent_s + PTIME_S if is_silent else 0.0
        is_long = rules.longest_s > 0 and len(self._frames) * PTIME_S >= rules.longest_s
        return is_long or (rules.silence_s > 0 and self._silent_s >= rules.silence_s)

    def audio(self) -> NDArray[np.int16]:
        """Return the audio, shape (n, channels); of two the party is the first."""
        frames = self._frames or [(SILENCE[:0], SILENCE[:0])]
        sides = [np.concatenate(side) for side in zip(*frames, strict=True)]
        match self.rules.track, self.rules.channels:
            case "inbound", _:
                columns = sides[:1]
            case "outbound", _:
                columns = sides[1:]
            case "both", "dual":
                columns = sides
            case _:
                total = sides[0].astype(np.int32) + sides[1]
                columns = [np.clip(total, -32768, 32767).astype(np.int16)]
        audio = np.stack(columns, axis=1)
        return _trimmed(audio) if self.rules.trims else audio


def _trimmed(audio: NDArray[np.int16]) -> NDArray[np.int16]:
    found = find_utterances(np.abs(audio.astype(np.int32)).max(axis=1).clip(0, 32767))
    if not found:
        return audio[:0]
    first, last = (round(at * LINE_RATE_HZ) for at in (found[0].start_s, found[-1].end_s))
    return audio[first:last]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StoredRecording:
    """A recording that Telnyx keeps. Times are Unix seconds."""

    recording_id: str
    parties: Parties
    file_format: FileFormat
    channels: Channels
    audio: NDArray[np.int16]
    started_at: float
    ended_at: float
    saved_at: float
    initiated_by: str = "StartCallRecordingAPI"

    def content(self) -> bytes:
        """Return the file."""
        if self.file_format == "mp3":
            return encode_mp3(self.audio, LINE_RATE_HZ)
        file = io.BytesIO()
        wav.write_wav(file, self.audio, LINE_RATE_HZ)
        return file.getvalue()


class UrlSigner:
    """Makes URLs that can be fetched for ten minutes, and tells whether one still can."""

    def __init__(self, key: bytes, wall: Callable[[], float]) -> None:
        self._key = key
        self._wall = wall

    def url(self, base_url: str, recording: StoredRecording) -> str:
        """Return a fresh URL."""
        name = f"{recording.recording_id}.{recording.file_format}"
        expires = int(self._wall()) + URL_LIFETIME_S
        signature = self._signature(name, str(expires))
        return f"{base_url}/{_STORAGE}/{name}?expires={expires}&signature={signature}"

    def refusal(self, name: str, query: Mapping[str, str]) -> str:
        """Return why a file cannot be fetched by that query; "" when it can."""
        expires = query.get("expires", "")
        expected = self._signature(name, expires)
        if not hmac.compare_digest(expected, query.get("signature", "")):
            return "SignatureDoesNotMatch"
        return "" if self._wall() <= int(expires) else "Request has expired"

    def _signature(self, name: str, expires: str) -> str:
        return hmac.new(self._key, f"{name}|{expires}".encode(), hashlib.sha256).hexdigest()


def is_stored_at(path: tuple[str, ...]) -> str:
    """Return the name of the file that a path asks for; "" when it asks for none."""
    return path[1] if len(path) == 2 and path[0] == _STORAGE else ""
