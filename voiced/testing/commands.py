"""How the emulated Telnyx checks a command's body, and how it refuses one.

Pure. The keys are in `command_keys`. The real API lets unknown keys pass; here they are refused,
because a misspelt or misplaced key (`stream_bidirectional_sampling_rate` on `answer`) is a mistake
that nobody notices until a caller hears nothing.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from voiced.testing.codec import find_format
from voiced.testing.command_keys import COMMANDS, Key

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
        "10016": "Phone number must be in +E.164 format",
        "10023": "Invalid JSON",
        "10025": "String length out of range",
        "10026": "Invalid parameter type",
        "10027": "Unprocessable Entity",
        "10030": "Method not allowed",
        "10031": "Invalid request filter",
        "10032": "Invalid enumerated value",
        "10033": "Value outside of range",
        "10038": "Feature not permitted",
        "90014": "Invalid value for digits",
        "90015": "Invalid Call Control ID",
        "90017": "Invalid value for client_state",
        "90018": "Call has already ended",
        "90020": "Call recording triggered before audio started",
        "90022": "Invalid value for minimum_digits",
        "90023": "Invalid value for maximum_digits",
        "90024": "Invalid value for maximum_tries",
        "90025": "Invalid value for timeout_millis",
        "90026": "Invalid value for inter_digit_timeout_millis",
        "90027": "Invalid value for duration_millis",
        "90028": "Invalid value for timeout_secs",
        "90029": "Invalid value for time_limit_secs",
        "90034": "Call has not been answered yet",
        "90041": "User termination channels limit exceeded",
        "90045": "Media Streaming is used",
        "90046": "Media Streaming Failed",
        "90048": "Media Streaming is not used",
        "90049": "Invalid value for record_timeout_secs",
        "90056": "Invalid value for initial_timeout_millis",
        "90102": "Command is invalid",
    }
)

_URLS = ("audio_url", "invalid_audio_url", "webhook_url")
_PHONE_NUMBER = re.compile(r"\+[1-9][0-9]{1,14}")
_DTMF = re.compile(r"[0-9A-D*#wW]+")


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


def check_body(action: str, body: Mapping[str, Any]) -> Refused | None:
    """Check a command's body against the table; return the first fault, None when all is well."""
    keys = COMMANDS.get(action)
    if keys is None:
        known = ", ".join(sorted(COMMANDS))
        detail = f"The emulated Telnyx does not perform {action!r}, only {known}."
        return Refused(status=422, code="10038", detail=detail)
    for name, key in keys.items():
        if key.required and body.get(name) in (None, "", []):
            return refused("10004", name, "is required")
    for name, value in body.items():
        fault = _check_value(name, value, keys.get(name), action)
        if fault is not None:
            return fault
    return _check_meaning(action, body)


def refused(code: str, name: str, reason: str) -> Refused:
    """Return the refusal of one key of a body."""
    return Refused(
        status=422, code=code, detail=f"The '{name}' parameter {reason}.", pointer=f"/{name}"
    )


def is_base64(text: str) -> bool:
    """Tell whether `text` is strict base64."""
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def is_destination(text: str) -> bool:
    """Tell whether a call can go to `text`: a number in +E.164 format or a SIP URI."""
    return bool(_PHONE_NUMBER.fullmatch(text)) or text.startswith(("sip:", "sips:"))


# -- one value --------------------------------------------------------------------------------


def _check_value(name: str, value: object, key: Key | None, action: str) -> Refused | None:
    if key is None:
        return refused("10015", name, f"is not a parameter of {action}")
    if not key.performed and value:
        return refused("10038", name, "asks for what the emulated Telnyx cannot do")
    # bool is an int for Python, not for JSON.
    if not isinstance(value, key.kinds) or (isinstance(value, bool) and bool not in key.kinds):
        wanted = " or ".join(kind.__name__ for kind in key.kinds)
        return refused("10026", name, f"must be {wanted}, not {type(value).__name__}")
    if key.values and value not in key.values:
        return refused("10032", name, f"must be one of {', '.join(map(str, key.values))}")
    if isinstance(value, str):
        return _check_text(name, value, key)
    if isinstance(value, int) and not _is_within(value, key):
        return refused(key.code, name, f"must be between {key.lowest} and {key.highest}")
    return None


def _check_text(name: str, value: str, key: Key) -> Refused | None:
    if not _is_within(len(value), key):
        return refused("10025", name, f"has {len(value)} characters, at most {key.highest}")
    if name in ("client_state", "target_leg_client_state") and not is_base64(value):
        return refused("90017", name, "must be valid base64")
    if name in _URLS and not value.startswith(("http://", "https://")):
        return refused("10003", name, "must be an http:// or https:// URL")
    if (name in _URLS or name == "stream_url") and len(value) > LONGEST_URL:
        return refused("10003", name, f"is longer than {LONGEST_URL} characters")
    return None


def _is_within(number: int, key: Key) -> bool:
    return (key.lowest is None or number >= key.lowest) and (
        key.highest is None or number <= key.highest
    )


# -- what the values mean together ------------------------------------------------------------


def _check_meaning(action: str, body: Mapping[str, Any]) -> Refused | None:
    if body.get("webhook_url_method") == "GET":
        return refused("10038", "webhook_url_method", "is GET: the emulated Telnyx posts")
    match action:
        case "send_dtmf" if not _DTMF.fullmatch(body["digits"]):
            return refused("90014", "digits", "may hold 0-9, A-D, *, #, w and W")
        case "dial" | "transfer":
            return _check_parties(body) or _check_stream(action, body)
        case "gather" | "gather_using_speak" | "gather_using_audio":
            return _check_gather(action, body)
        case "playback_start":
            return _check_playback(body)
        case "refer" if not body["sip_address"].startswith(("sip:", "sips:")):
            return refused("10015", "sip_address", "must be a SIP URI")
    return _check_stream(action, body)


def _check_parties(body: Mapping[str, Any]) -> Refused | None:
    to = body["to"]
    if isinstance(to, list):
        return refused("10038", "to", "is a list: the emulated Telnyx dials one destination")
    if not is_destination(to):
        return refused("10016", "to", "must be a number in +E.164 format or a SIP URI")
    if "from" in body and not is_destination(body["from"]):
        return refused("10016", "from", "must be a number in +E.164 format or a SIP URI")
    return None


def _check_gather(action: str, body: Mapping[str, Any]) -> Refused | None:
    if body.get("minimum_digits", 1) > body.get("maximum_digits", 128):
        return refused("90022", "minimum_digits", "is larger than maximum_digits")
    sources = [name for name in ("audio_url", "media_name") if name in body]
    if action == "gather_using_audio" and len(sources) != 1:
        return refused("10015", "audio_url", "or media_name is needed, and only one of them")
    return None


def _check_playback(body: Mapping[str, Any]) -> Refused | None:
    names = ("audio_url", "media_name", "playback_content")
    if sum(name in body for name in names) != 1:
        return refused("10015", "audio_url", "needs to be the only one of " + ", ".join(names))
    if not is_base64(body.get("playback_content", "")):
        return refused("10015", "playback_content", "must be valid base64")
    return None


def _check_stream(action: str, body: Mapping[str, Any]) -> Refused | None:
    """Check what the stream arguments mean together."""
    url = body.get("stream_url", "")
    if action == "streaming_start" and not url:
        return refused("10004", "stream_url", "is required")
    if url and not url.startswith(("ws://", "wss://")):
        return refused("10003", "stream_url", "must be a ws:// or wss:// URL")
    wanted = body.get("stream_codec", "default")
    if wanted != "default" and find_format(wanted) is None:
        return refused("90046", "stream_codec", f"{wanted} is not spoken by the emulated Telnyx")
    encoding = body.get("stream_bidirectional_codec", "PCMU")
    rate_hz = body.get("stream_bidirectional_sampling_rate", 8000)
    if find_format(encoding, rate_hz) is None:
        reason = f"{encoding} at {rate_hz} Hz is not spoken by the emulated Telnyx"
        return refused("90046", "stream_bidirectional_codec", reason)
    return None
