"""Deepgram's text-to-speech socket (Aura): its messages. Pure.

https://developers.deepgram.com/reference/text-to-speech/speak-streaming, and for `Flush`, its limit
and `Clear` https://developers.deepgram.com/docs/tts-ws-flush and .../tts-ws-clear.

* A text is `Speak` and `Flush`; binary messages are its audio, `Flushed` is its end.
* There are no contexts: what comes after a `Clear` and before its `Cleared` is of the text that was
  cancelled. All is in order, so the next text need not wait for that.
* 20 flushes in 60 s are allowed; a connection that had 18 gets no text until a minute is over.
* Times of words are not offered.
"""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from voiced.net.json import parsed
from voiced.net.urls import with_query
from voiced.synthesizer.speech_session import SpeechAudio, SpeechDone, SpeechEvent, SpeechTrouble

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_FLUSHES = 18
FLUSH_WINDOW_S = 60.0

_FLUSH = json.dumps({"type": "Flush"})
_CLEAR = json.dumps({"type": "Clear"})


@dataclass(frozen=True, slots=True, kw_only=True)
class DeepgramVoice:
    """What a connection speaks with."""

    model: str
    encoding: str
    rate_hz: int
    speed: float = 1.0


def socket_url(base: str, voice: DeepgramVoice) -> str:
    """Return the address to connect to; `base` is that of the service, `wss://host`."""
    query: list[tuple[str, str | int | bool]] = [
        ("model", voice.model),
        ("encoding", voice.encoding),
        ("sample_rate", voice.rate_hz),
    ]
    if voice.speed != 1.0:
        query.append(("speed", f"{voice.speed:g}"))
    return with_query(f"{base}/v1/speak", query)


class DeepgramSession:
    """See `SpeechSession`."""

    is_spoilt = False

    def __init__(self) -> None:
        self._flushed_at: deque[float] = deque(maxlen=MOST_FLUSHES)
        self._n_clears = 0  # not answered yet
        self._is_present = False

    def opening(self) -> Sequence[str]:
        """Nothing."""
        return ()

    def may_begin(self, now: float) -> bool:
        """Whether another flush is allowed."""
        had_enough = len(self._flushed_at) == MOST_FLUSHES
        return not had_enough or now - self._flushed_at[0] > FLUSH_WINDOW_S

    def begin(self, text: str, now: float) -> Sequence[str]:
        """Speak the text, all of it now."""
        self._flushed_at.append(now)
        self._is_present = True
        return (json.dumps({"type": "Speak", "text": text}), _FLUSH)

    def cancel(self) -> Sequence[str]:
        """Clear what is buffered there."""
        if not self._is_present:
            return ()
        self._is_present = False
        self._n_clears += 1
        return (_CLEAR,)

    def receive(self, message: str | bytes) -> Sequence[SpeechEvent]:
        """See `SpeechSession`."""
        is_of_present = self._is_present and self._n_clears == 0
        if isinstance(message, bytes):
            return (SpeechAudio(message),) if is_of_present and message else ()
        data = parsed(message)
        match data.get("type"):
            case "Cleared":
                self._n_clears = max(0, self._n_clears - 1)
            case "Flushed" if is_of_present:
                self._is_present = False
                return (SpeechDone(),)
            case "Warning" if is_of_present and "flush" in _said(data).lower():
                self._is_present = False
                return (SpeechTrouble("rate_limited", _said(data)),)
            case "Error" if is_of_present:
                self._is_present = False
                return (SpeechTrouble("failed", _said(data)),)
            case _:
                pass  # Metadata, other warnings, what is new
        return ()


def _said(data: dict[str, object]) -> str:
    names = ("code", "err_code", "description", "err_msg", "message")
    return ": ".join(str(data[name]) for name in names if data.get(name)) or "error"
