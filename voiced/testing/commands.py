"""What the emulated Telnyx takes as a command, and how it refuses one.

Pure. For each action of `POST /v2/calls/{call_control_id}/actions/<action>` that the emulator
performs, the keys of its body with type, values and limits, from Telnyx's OpenAPI document of
2026-07-16. The real API lets unknown keys pass; here they are refused, because a misspelt or
misplaced key (`stream_bidirectional_sampling_rate` on `answer`) is a mistake that nobody notices
until a caller hears nothing.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from voiced.testing.codec import find_format

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST_URL = 2000
"""Characters, by Telnyx's general rule for URLs."""

ERROR_TITLES: Mapping[str, str] = MappingProxyType(
    {
        "10003": "Invalid URL",
        "10004": "Missing required parameter",
        "10005": "Resource not found",
        "10007": "Unexpected error",
        "10009": "Authentication failed",
        "10011": "Too many requests",
        "10015": "Bad Request",
        "10023": "Invalid JSON",
        "10025": "String length out of range",
        "10026": "Invalid parameter type",
        "10030": "Method not allowed",
        "10031": "Invalid request filter",
        "10032": "Invalid enumerated value",
        "10033": "Value outside of range",
        "10038": "Feature not permitted",
        "90015": "Invalid Call Control ID",
        "90017": "Invalid value for client_state",
        "90018": "Call has already ended",
        "90034": "Call has not been answered yet",
        "90045": "Media Streaming is used",
        "90046": "Media Streaming Failed",
        "90048": "Media Streaming is not used",
        "90102": "Command is invalid",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A command that was not carried out: HTTP status and one entry of Telnyx's error list."""

    status: int
    code: str
    detail: str
    pointer: str = ""

    def body(self) -> dict[str, Any]:
        """Return the JSON body of the answer."""
        error: dict[str, Any] = {
            "code": self.code,
            "title": ERROR_TITLES[self.code],
            "detail": self.detail,
            "meta": {"url": f"https://developers.telnyx.com/docs/overview/errors/{self.code}"},
        }
        if self.pointer:
            error["source"] = {"pointer": self.pointer}
        return {"errors": [error]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key of a command's body. `kinds` are the JSON types as Python types."""

    kinds: tuple[type, ...]
    values: tuple[str | int, ...] = ()
    max_length: int | None = None
    required: bool = False


_TEXT = Key(kinds=(str,))
_NUMBER = Key(kinds=(int,))
_FLAG = Key(kinds=(bool,))
_OBJECT = Key(kinds=(dict,))
_LIST = Key(kinds=(list,))


def _one_of(*values: str | int) -> Key:
    return Key(kinds=(type(values[0]),), values=values)


_COMMON = {"client_state": _TEXT, "command_id": _TEXT}

_STREAM = {
    "stream_url": _TEXT,
    "stream_track": _one_of("inbound_track", "outbound_track", "both_tracks"),
    "stream_codec": _one_of("PCMU", "PCMA", "G722", "OPUS", "AMR-WB", "L16", "default"),
    "stream_bidirectional_mode": _one_of("mp3", "rtp"),
    "stream_bidirectional_codec": _one_of("PCMU", "PCMA", "G722", "OPUS", "AMR-WB", "L16"),
    "stream_bidirectional_target_legs": _one_of("both", "self", "opposite"),
}

# fmt: off
_LANGUAGES = (
    "arb", "cmn-CN", "cy-GB", "da-DK", "de-DE", "en-AU", "en-GB", "en-GB-WLS", "en-IN", "en-US",
    "es-ES", "es-MX", "es-US", "fr-CA", "fr-FR", "hi-IN", "is-IS", "it-IT", "ja-JP", "ko-KR",
    "nb-NO", "nl-NL", "pl-PL", "pt-BR", "pt-PT", "ro-RO", "ru-RU", "sv-SE", "tr-TR",
)
# fmt: on

COMMANDS: Mapping[str, Mapping[str, Key]] = MappingProxyType(
    {
        "answer": {
            **_COMMON,
            **_STREAM,
            "assistant": _OBJECT,
            "billing_group_id": _TEXT,
            "conversation_relay_config": _OBJECT,
            "custom_headers": _LIST,
            "deepfake_detection": _OBJECT,
            "preferred_codecs": _TEXT,
            "record": _one_of("record-from-answer"),
            "record_channels": _one_of("single", "dual"),
            "record_custom_file_name": Key(kinds=(str,), max_length=40),
            "record_format": _one_of("wav", "mp3"),
            "record_max_length": _NUMBER,
            "record_timeout_secs": _NUMBER,
            "record_track": _one_of("both", "inbound", "outbound"),
            "record_trim": _one_of("trim-silence"),
            "send_silence_when_idle": _FLAG,
            "sip_headers": _LIST,
            "sound_modifications": _OBJECT,
            "transcription": _FLAG,
            "transcription_config": _OBJECT,
            "webhook_retries_policies": _OBJECT,
            "webhook_url": _TEXT,
            "webhook_url_method": _one_of("POST", "GET"),
            "webhook_urls": _OBJECT,
            "webhook_urls_method": _one_of("POST", "GET"),
        },
        "reject": {
            **_COMMON,
            "cause": Key(kinds=(str,), values=("CALL_REJECTED", "USER_BUSY"), required=True),
        },
        "hangup": {**_COMMON, "custom_headers": _LIST},
        "streaming_start": {
            **_COMMON,
            **_STREAM,
            "custom_parameters": _LIST,
            "dialogflow_config": _OBJECT,
            "enable_dialogflow": _FLAG,
            "stream_auth_token": Key(kinds=(str,), max_length=4000),
            "stream_bidirectional_sampling_rate": _one_of(8000, 16000, 22050, 24000, 48000),
        },
        "streaming_stop": {**_COMMON, "stream_id": _TEXT},
        "speak": {
            **_COMMON,
            "language": _one_of(*_LANGUAGES),
            "loop": Key(kinds=(str, int)),
            "payload": Key(kinds=(str,), max_length=3000, required=True),
            "payload_type": _one_of("text", "ssml"),
            "service_level": _one_of("basic", "premium"),
            "stop": _TEXT,
            "target_legs": _one_of("self", "opposite", "both"),
            "voice": Key(kinds=(str,), required=True),
            "voice_settings": _OBJECT,
        },
        "client_state_update": {"client_state": Key(kinds=(str,), required=True)},
    }
)
"""Actions that the emulator performs, each with the keys that its body may hold."""


def check_body(action: str, body: Mapping[str, Any]) -> Refused | None:
    """Check a command's body against the table; return the first fault, None when all is well."""
    keys = COMMANDS.get(action)
    if keys is None:
        known = ", ".join(sorted(COMMANDS))
        detail = f"The emulated Telnyx does not perform {action!r}, only {known}."
        return Refused(status=422, code="10038", detail=detail)
    for name, key in keys.items():
        if key.required and body.get(name) in (None, ""):
            return _refused("10004", name, "is required")
    for name, value in body.items():
        fault = _check_value(name, value, keys.get(name), action)
        if fault is not None:
            return fault
    return _check_stream(action, body)


def _check_stream(action: str, body: Mapping[str, Any]) -> Refused | None:
    """Check what the stream arguments mean together."""
    url = body.get("stream_url", "")
    if action == "streaming_start" and not url:
        return _refused("10004", "stream_url", "is required")
    if url and not url.startswith(("ws://", "wss://")):
        return _refused("10003", "stream_url", "must be a ws:// or wss:// URL")
    if len(url) > LONGEST_URL:
        return _refused("10003", "stream_url", f"is longer than {LONGEST_URL} characters")
    wanted = body.get("stream_codec", "default")
    if wanted != "default" and find_format(wanted) is None:
        return _refused("90046", "stream_codec", f"{wanted} is not spoken by the emulated Telnyx")
    encoding = body.get("stream_bidirectional_codec", "PCMU")
    rate_hz = body.get("stream_bidirectional_sampling_rate", 8000)
    if find_format(encoding, rate_hz) is None:
        reason = f"{encoding} at {rate_hz} Hz is not spoken by the emulated Telnyx"
        return _refused("90046", "stream_bidirectional_codec", reason)
    return None


def _check_value(name: str, value: object, key: Key | None, action: str) -> Refused | None:
    if key is None:
        return _refused("10015", name, f"is not a parameter of {action}")
    # bool is an int for Python, not for JSON.
    if not isinstance(value, key.kinds) or (isinstance(value, bool) and bool not in key.kinds):
        wanted = " or ".join(kind.__name__ for kind in key.kinds)
        return _refused("10026", name, f"must be {wanted}, not {type(value).__name__}")
    if key.values and value not in key.values:
        return _refused("10032", name, f"must be one of {', '.join(map(str, key.values))}")
    if isinstance(value, str):
        return _check_text(name, value, key)
    return None


def _check_text(name: str, value: str, key: Key) -> Refused | None:
    if key.max_length is not None and len(value) > key.max_length:
        return _refused("10025", name, f"is longer than {key.max_length} characters")
    if name == "client_state" and not is_base64(value):
        return _refused("90017", name, "must be valid base64")
    return None


def is_base64(text: str) -> bool:
    """Tell whether `text` is strict base64."""
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def _refused(code: str, name: str, reason: str) -> Refused:
    return Refused(
        status=422, code=code, detail=f"The '{name}' parameter {reason}.", pointer=f"/{name}"
    )
