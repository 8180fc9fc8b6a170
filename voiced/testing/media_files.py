"""Audio that the daemon asks Telnyx to play: files by URL, by name, or in the command itself.

All results are int16 at 8 kHz, mixed down to one channel.
"""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any

import numpy as np
import trio

from voiced.audio import wav
from voiced.errors import TelnyxError
from voiced.testing.announcer import AudioUnavailableError
from voiced.testing.speech import to_line_rate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from voiced.audio.frame import Pcm
    from voiced.testing.announcer import AudioLoader
    from voiced.testing.network import Network

FETCHED_WITHIN_S = 10.0
MP3_REMEDY = "MP3 needs the package soundfile: pip install 'voiced[mp3]'"


def audio_of(
    body: Mapping[str, Any], network: Network, given: Mapping[str, Pcm], prefix: str = ""
) -> AudioLoader | None:
    """Return what gives the audio that a checked body asks for; None when it asks for none.

    Args:
        body: has `audio_url`, `media_name` or `playback_content`.
        network: fetches files.
        given: audio by URL or name, which is not fetched.
        prefix: of the keys, "invalid_" for the second prompt of a gather.
    """
    content = body.get("playback_content", "") if not prefix else ""
    url, name = body.get(f"{prefix}audio_url", ""), body.get(f"{prefix}media_name", "")
    if not (content or url or name):
        return None

    async def load() -> Pcm:
        await trio.lowlevel.checkpoint()
        if content:
            return decode_audio(base64.b64decode(content))
        if url in given or name in given:
            return given[url or name]
        if name:
            raise AudioUnavailableError(f"there is no media {name!r}")
        return decode_audio(await _fetch(network, url))

    return load


def decode_audio(data: bytes) -> Pcm:
    """Decode a WAV or MP3 file. Raises AudioUnavailableError."""
    try:
        pcm, rate_hz = wav.read_wav(data) if data[:4] == b"RIFF" else _decode_mp3(data)
        return to_line_rate(pcm, rate_hz)
    except ValueError as error:
        raise AudioUnavailableError(f"the file cannot be read: {error}") from error


def encode_mp3(pcm: Pcm, rate_hz: int) -> bytes:
    """Return an MP3 file; `pcm` has the shape (n,) or (n, 2). Raises AudioUnavailableError."""
    file = io.BytesIO()
    try:
        import soundfile
    except ImportError as error:
        raise AudioUnavailableError(MP3_REMEDY) from error
    soundfile.write(file, pcm, rate_hz, format="MP3")
    return file.getvalue()


def _decode_mp3(data: bytes) -> tuple[Pcm, int]:
    try:
        import soundfile
    except ImportError as error:
        raise AudioUnavailableError(MP3_REMEDY) from error
    try:
        samples, rate_hz = soundfile.read(io.BytesIO(data), dtype="int16", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise ValueError(str(error)) from error
    return np.mean(samples, axis=1).astype(np.int16), int(rate_hz)


async def _fetch(network: Network, url: str) -> bytes:
    try:
        with trio.fail_after(FETCHED_WITHIN_S):
            fetched = await network.fetch("GET", url, {})
    except (TelnyxError, trio.TooSlowError) as error:
        raise AudioUnavailableError(f"{url} cannot be fetched: {error}") from error
    if fetched.status != 200:
        # As Telnyx words it.
        detail = f"Received curl error 22 HTTP error code {fetched.status} trying to fetch {url}"
        raise AudioUnavailableError(detail)
    return fetched.body
