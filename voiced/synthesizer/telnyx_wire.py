"""Telnyx's own text-to-speech socket: its messages. Pure.

https://developers.telnyx.com/docs/voice/tts/websocket-streaming, its pages Messages, Configuration
and Errors, and https://developers.telnyx.com/docs/voice/tts/providers/telnyx for formats and rates.

* The first message, a space, carries the voice's settings. A text with `flush` is spoken at once.
* Voices that stream give audio with `text` null, and then the text once more without audio, or with
  all of it again, which is left out. Voices that do not stream give audio with the text only.
* `isFinal` ends a text; the connection takes the next one.
* `force` stops a text, but nothing tells what still comes of it: a connection on which a text was
  cancelled gets no other one.
* Times of words are not offered.
"""

from __future__ import annotations

import json
from binascii import a2b_base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from voiced.net.json import parsed
from voiced.net.urls import with_query
from voiced.synthesizer.speech_session import SpeechAudio, SpeechDone, SpeechEvent, SpeechTrouble

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

INACTIVITY_S = 120
"""For so long the connection is asked to stay without text; the default is 20 s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TelnyxVoice:
    """What a connection speaks with; `voice` is `Provider.Model.VoiceId`."""

    voice: str
    audio_format: str
    rate_hz: int
    language: str = ""
    settings: Mapping[str, str | float | bool] = field(default_factory=dict)


def socket_url(base: str, voice: TelnyxVoice) -> str:
    """Return the address to connect to; `base` is that of the API, `wss://host/v2`."""
    query: list[tuple[str, str | int | bool]] = [
        ("voice", voice.voice),
        ("audio_format", voice.audio_format),
        ("sample_rate", voice.rate_hz),
        ("inactivity_timeout", INACTIVITY_S),
    ]
    if voice.language:
        query.append(("language", voice.language))
    return with_query(f"{base}/text-to-speech/speech", query)


class TelnyxSession:
    """See `SpeechSession`."""

    def __init__(self, voice: TelnyxVoice) -> None:
        self._settings = dict(voice.settings)
        self._is_present = False
        self._has_streamed = False
        self.is_spoilt = False

    def opening(self) -> Sequence[str]:
        """The handshake, with the voice's settings."""
        hello: dict[str, Any] = {"text": " "}
        if self._settings:
            hello["voice_settings"] = self._settings
        return (json.dumps(hello),)

    def may_begin(self, now: float) -> bool:
        """Whether no text was cancelled."""
        del now
        return not self.is_spoilt

    def begin(self, text: str, now: float) -> Sequence[str]:
        """Have the text spoken at once."""
        del now
        self._is_present, self._has_streamed = True, False
        return (json.dumps({"text": text, "flush": True}),)

    def cancel(self) -> Sequence[str]:
        """Stop the text."""
        if not self._is_present:
            return ()
        self._is_present, self.is_spoilt = False, True
        return (json.dumps({"force": True}),)

    def receive(self, message: str | bytes) -> Sequence[SpeechEvent]:
        """See `SpeechSession`."""
        data = parsed(message)
        if not self._is_present:
            return ()
        if data.get("error"):
            self._is_present = False
            return (SpeechTrouble("overloaded", str(data["error"])),)
        events: list[SpeechEvent] = []
        is_streamed = data.get("text") is None
        if data.get("audio") and (is_streamed or not self._has_streamed):
            self._has_streamed = self._has_streamed or is_streamed
            events.append(SpeechAudio(a2b_base64(data["audio"])))
        if data.get("isFinal"):
            self._is_present = False
            events.append(SpeechDone())
        return events
