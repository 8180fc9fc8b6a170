"""REST commands as values: what is sent to Telnyx, and what a refusal says.

A command is a frozen record whose field names are Telnyx's own (but for `from_`), so that `body()`
is a plain walk over them; None means "not given". `voiced.telnyx.rest` sends it. Anything that
Telnyx would refuse for its form raises LocalProtocolError when the record is made.

`command_id` depends on the call and on the `purpose` only: sending the same command again, after a
lost answer or a webhook that came twice, repeats the id, and Telnyx does it once. Two commands of
one kind that shall both happen need two purposes.

Source: Telnyx's OpenAPI document, "Call Control"; developers.telnyx.com, "Sending commands".
"""

from __future__ import annotations

import json
import uuid
from abc import ABC, abstractmethod
from binascii import a2b_base64
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias, get_args
from urllib.parse import quote

from voiced.errors import LocalProtocolError
from voiced.telnyx.ids import CallControlId, CommandId, StreamId

if TYPE_CHECKING:
    from collections.abc import Mapping

Codec: TypeAlias = Literal["PCMU", "PCMA", "G722", "OPUS", "AMR-WB", "L16"]
"""Encodings of streamed audio; the names are case-sensitive."""

StreamCodec: TypeAlias = Codec | Literal["default"]
"""What Telnyx shall send us; `default` is the call's own codec."""

SamplingRate: TypeAlias = Literal[8000, 16000, 22050, 24000, 48000]
Track: TypeAlias = Literal["inbound_track", "outbound_track", "both_tracks"]
Legs: TypeAlias = Literal["self", "opposite", "both"]
MachineDetection: TypeAlias = Literal[
    "premium", "detect", "detect_beep", "detect_words", "greeting_end", "disabled"
]

MAX_URL = 2000
MAX_SPEAK = 3000
MAX_AUTH_TOKEN = 4000

_NAMESPACE = uuid.UUID("5f3f2c2e-6d0b-4c0e-9d53-1f5f0d7c8a41")
_DTMF = frozenset("0123456789ABCD*#wW")


def command_id(scope: str, purpose: str) -> CommandId:
    """Return the id of the command that serves `purpose` within `scope` (a call, a connection)."""
    return CommandId(str(uuid.uuid5(_NAMESPACE, f"{scope}\n{purpose}")))


def _require(condition: bool, text: str) -> None:
    if not condition:
        raise LocalProtocolError(text)


def _one_of(name: str, value: object, allowed: object) -> None:
    """Refuse a `value` that is none of the Literal `allowed`, None apart."""
    choices = [choice for part in get_args(allowed) for choice in get_args(part) or (part,)]
    _require(
        value is None or value in choices,
        f"{name}: {value!r} is none of {', '.join(map(str, choices))}",
    )


def _within(name: str, value: int | None, low: int, high: int) -> None:
    _require(value is None or low <= value <= high, f"{name}: {value} is not in {low}..{high}")


def _check_url(name: str, url: str | None, *schemes: str) -> None:
    if url is not None:
        _require(url.startswith(schemes), f"{name}: must begin with {' or '.join(schemes)}")
        _require(len(url) <= MAX_URL, f"{name}: {len(url)} characters, allowed are {MAX_URL}")


def _check_base64(name: str, value: str | None) -> None:
    if value is not None:
        try:
            a2b_base64(value, strict_mode=True)
        except ValueError:
            raise LocalProtocolError(f"{name}: is not base64 (Telnyx's error 90017)") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamOptions:
    """How a call's audio reaches us and how ours reaches the call.

    `codec` is what we ask Telnyx to send; what it sends is said by `start.media_format`.
    `bidirectional_mode` is `rtp`: Telnyx's default, `mp3`, drops raw audio without a word.
    `target_legs` is `self`: on a call of one leg, `opposite` was seen to give silence.
    """

    url: str = field(repr=False)  # holds the token that authorises the socket
    track: Track = "inbound_track"
    codec: StreamCodec = "PCMU"
    bidirectional_mode: Literal["rtp", "mp3"] = "rtp"
    bidirectional_codec: Codec = "PCMU"
    bidirectional_sampling_rate: SamplingRate = 8000
    target_legs: Legs = "self"
    auth_token: str | None = field(default=None, repr=False)
    custom_parameters: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        _check_url("stream_url", self.url, "wss://", "ws://")
        _one_of("stream_track", self.track, Track)
        _one_of("stream_codec", self.codec, StreamCodec)
        _one_of("stream_bidirectional_mode", self.bidirectional_mode, Literal["rtp", "mp3"])
        _one_of("stream_bidirectional_codec", self.bidirectional_codec, Codec)
        _one_of(
            "stream_bidirectional_sampling_rate", self.bidirectional_sampling_rate, SamplingRate
        )
        _one_of("stream_bidirectional_target_legs", self.target_legs, Legs)
        token = self.auth_token
        _require(
            token is None or 0 < len(token) <= MAX_AUTH_TOKEN,
            f"stream_auth_token: must have 1..{MAX_AUTH_TOKEN} characters",
        )

    def render(self, action: str) -> dict[str, Any]:
        """Return the keys that `action` (`answer`, `dial`, `streaming_start`) takes.

        Raises:
            LocalProtocolError: the command has no key for something that was asked for, and
                leaving it out would change what is heard or who may connect.
        """
        body: dict[str, Any] = {
            "stream_url": self.url,
            "stream_track": self.track,
            "stream_codec": self.codec,
            "stream_bidirectional_mode": self.bidirectional_mode,
            "stream_bidirectional_codec": self.bidirectional_codec,
            "stream_bidirectional_target_legs": self.target_legs,
        }
        if action == "answer":
            _require(
                self.bidirectional_sampling_rate == 8000 and self.auth_token is None,
                "answer takes neither a sampling rate (8000 is meant) nor an auth token:"
                " start this stream with streaming_start",
            )
        else:
            body["stream_bidirectional_sampling_rate"] = self.bidirectional_sampling_rate
            if self.auth_token is not None:
                body["stream_auth_token"] = self.auth_token
        if self.custom_parameters:
            _require(
                action == "streaming_start",
                f"{action} takes no custom_parameters: start this stream with streaming_start",
            )
            body["custom_parameters"] = [
                {"name": name, "value": value} for name, value in self.custom_parameters.items()
            ]
        return body


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordOptions:
    """Telnyx's own recording of a call, from the answer on; the file comes by `RecordingSaved`."""

    format: Literal["wav", "mp3"] = "wav"
    channels: Literal["single", "dual"] = "dual"
    track: Literal["both", "inbound", "outbound"] = "both"
    max_length: int | None = None
    """Seconds, 0..14400; 0 is without limit."""
    custom_file_name: str | None = None

    def __post_init__(self) -> None:
        _one_of("record_format", self.format, Literal["wav", "mp3"])
        _one_of("record_channels", self.channels, Literal["single", "dual"])
        _one_of("record_track", self.track, Literal["both", "inbound", "outbound"])
        _within("record_max_length", self.max_length, 0, 14400)
        name = self.custom_file_name
        _require(name is None or 1 <= len(name) <= 40, "record_custom_file_name: 1..40 characters")

    def render(self, action: str) -> dict[str, Any]:
        """Return the keys, the same for every `action`."""
        del action
        body = {"record": "record-from-answer"}
        for item in fields(self):
            value = getattr(self, item.name)
            if value is not None:
                body[f"record_{item.name}"] = value
        return body


@dataclass(frozen=True, slots=True, kw_only=True)
class _Command(ABC):
    """What all commands share.

    Subclasses call `__post_init__` by the class's name: `super()` does not survive slots=True.
    """

    action: ClassVar[str]
    method: ClassVar[str] = "POST"

    purpose: str = ""
    """What the command is for, once per call; "" stands for the action's name."""
    client_state: str | None = field(default=None, repr=False)
    """Base64; comes back in later webhooks and is replaced by the next command that has one."""

    @property
    @abstractmethod
    def path(self) -> str:
        """Where to send it, below the API's base."""

    @property
    @abstractmethod
    def _scope(self) -> str:
        """Within what the purpose is unique."""

    @property
    def command_id(self) -> CommandId:
        """The same for the same call and purpose."""
        return command_id(self._scope, self.purpose or self.action)

    def __post_init__(self) -> None:
        # A path of dots alone would be folded away and address something else.
        _require(bool(self._scope.strip(".")), f"{self.action}: has no id to address")
        _check_base64("client_state", self.client_state)

    def body(self) -> dict[str, Any]:
        """Return the JSON object to send; what was not given is not in it."""
        body: dict[str, Any] = {"command_id": self.command_id}
        for item in fields(self):
            value = getattr(self, item.name)
            if value is None or item.name in ("call_control_id", "purpose"):
                continue
            if isinstance(value, StreamOptions | RecordOptions):
                body |= value.render(self.action)
            else:
                # A list, as JSON has no tuples.
                body[item.name.rstrip("_")] = list(value) if isinstance(value, tuple) else value
        return body


@dataclass(frozen=True, slots=True, kw_only=True)
class _LegCommand(_Command):
    """A command to one leg."""

    call_control_id: CallControlId

    @property
    def path(self) -> str:
        """Where to send it, below the API's base."""
        return f"/calls/{quote(self.call_control_id, safe='')}/actions/{self.action}"

    @property
    def _scope(self) -> str:
        return self.call_control_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(_LegCommand):
    """Answer an incoming leg, with its media stream if `stream` is given.

    `send_silence_when_idle` makes Telnyx send silence while we send nothing: some carriers drop a
    leg that is without packets.
    """

    action: ClassVar[str] = "answer"

    stream: StreamOptions | None = None
    record: RecordOptions | None = None
    send_silence_when_idle: bool | None = None
    webhook_url: str | None = None

    def __post_init__(self) -> None:
        _LegCommand.__post_init__(self)
        _check_url("webhook_url", self.webhook_url, "https://", "http://")
        if self.stream:
            self.stream.render(self.action)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject(_LegCommand):
    """Refuse an incoming leg that was not answered."""

    action: ClassVar[str] = "reject"

    cause: Literal["CALL_REJECTED", "USER_BUSY"]

    def __post_init__(self) -> None:
        _LegCommand.__post_init__(self)
        _one_of("cause", self.cause, Literal["CALL_REJECTED", "USER_BUSY"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Hangup(_LegCommand):
    """End a leg. That it has ended already (90018) counts as done."""

    action: ClassVar[str] = "hangup"


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamingStart(_LegCommand):
    """Start the media stream of an answered leg; starting again needs another `purpose`."""

    action: ClassVar[str] = "streaming_start"

    stream: StreamOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamingStop(_LegCommand):
    """Stop one media stream, or all of the leg."""

    action: ClassVar[str] = "streaming_stop"

    stream_id: StreamId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Speak(_LegCommand):
    """Have Telnyx speak `payload`, 1..3000 characters; each utterance needs its own `purpose`.

    `voice` is `<Provider>.<Model>.<Voice>`, as `Telnyx.KokoroTTS.af`.
    """

    action: ClassVar[str] = "speak"

    payload: str = field(repr=False)
    voice: str
    payload_type: Literal["text", "ssml"] | None = None
    language: str | None = None
    service_level: Literal["basic", "premium"] | None = None
    stop: Literal["current", "all"] | None = None
    target_legs: Legs | None = None

    def __post_init__(self) -> None:
        _LegCommand.__post_init__(self)
        _require(bool(self.payload.strip()), "payload: has nothing to speak")
        _require(
            len(self.payload) <= MAX_SPEAK,
            f"payload: {len(self.payload)} characters, allowed are {MAX_SPEAK}",
        )
        _require(bool(self.voice), "voice: is empty (for example Telnyx.KokoroTTS.af)")
        _one_of("payload_type", self.payload_type, Literal["text", "ssml"])
        _one_of("service_level", self.service_level, Literal["basic", "premium"])
        _one_of("stop", self.stop, Literal["current", "all"])
        _one_of("target_legs", self.target_legs, Legs)


@dataclass(frozen=True, slots=True, kw_only=True)
class SendDtmf(_LegCommand):
    """Press keys: `0-9A-D*#`, `w` waits half a second, `W` a whole one."""

    action: ClassVar[str] = "send_dtmf"

    digits: str = field(repr=False)
    duration_millis: int | None = None

    def __post_init__(self) -> None:
        _LegCommand.__post_init__(self)
        _require(
            bool(self.digits) and _DTMF.issuperset(self.digits),
            "digits: must be of 0-9, A-D, *, #, w and W",
        )
        _within("duration_millis", self.duration_millis, 100, 500)


def _check_new_leg(command: Transfer | Dial) -> None:
    """Check what a transfer and a dial have in common: they make a leg."""
    _within("timeout_secs", command.timeout_secs, 5, 600)
    _within("time_limit_secs", command.time_limit_secs, 30, 14400)
    _one_of("answering_machine_detection", command.answering_machine_detection, MachineDetection)
    _check_url("webhook_url", command.webhook_url, "https://", "http://")
    _check_url("audio_url", command.audio_url, "https://", "http://")


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer(_LegCommand):
    """Dial `to` (E.164 or SIP URI) and bridge this leg to it.

    `timeout_secs` is how long the new leg may ring, 5..600, `time_limit_secs` how long it may last,
    30..14400. Without `park_after_unbridge` this leg ends with the new one.
    """

    action: ClassVar[str] = "transfer"

    to: str = field(repr=False)
    from_: str | None = field(default=None, repr=False)
    from_display_name: str | None = field(default=None, repr=False)
    target_leg_client_state: str | None = field(default=None, repr=False)
    timeout_secs: int | None = None
    time_limit_secs: int | None = None
    answering_machine_detection: MachineDetection | None = None
    early_media: bool | None = None
    mute_dtmf: Literal["none", "both", "self", "opposite"] | None = None
    park_after_unbridge: Literal["self"] | None = None
    audio_url: str | None = None
    webhook_url: str | None = None
    record: RecordOptions | None = None

    def __post_init__(self) -> None:
        _LegCommand.__post_init__(self)
        _require(bool(self.to), "to: is empty")
        _check_base64("target_leg_client_state", self.target_leg_client_state)
        _one_of("mute_dtmf", self.mute_dtmf, Literal["none", "both", "self", "opposite"])
        _check_new_leg(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dial(_Command):
    """Place a call from `from_` (a number of the account) to `to`, one destination or several.

    `purpose` names this attempt, and must: Telnyx ignores a second dial with an id it has seen.
    Limits are those of `Transfer`. The answer holds `call_control_id`, `call_leg_id` and
    `call_session_id`; the webhook of the new leg may come before it.
    """

    action: ClassVar[str] = "dial"

    connection_id: str
    to: str | tuple[str, ...] = field(repr=False)
    from_: str = field(repr=False)
    from_display_name: str | None = field(default=None, repr=False)
    timeout_secs: int | None = None
    time_limit_secs: int | None = None
    answering_machine_detection: MachineDetection | None = None
    stream: StreamOptions | None = None
    stream_establish_before_call_originate: bool | None = None
    send_silence_when_idle: bool | None = None
    record: RecordOptions | None = None
    link_to: CallControlId | None = None
    bridge_intent: bool | None = None
    bridge_on_answer: bool | None = None
    park_after_unbridge: Literal["self"] | None = None
    privacy: Literal["id", "none"] | None = None
    audio_url: str | None = None
    webhook_url: str | None = None

    def __post_init__(self) -> None:
        _Command.__post_init__(self)
        _require(bool(self.purpose), "purpose: must name this dial (no two may share one)")
        _require(bool(self.to) and all(self.to), "to: is empty")
        _require(bool(self.from_), "from: is empty")
        _one_of("privacy", self.privacy, Literal["id", "none"])
        _check_new_leg(self)
        if self.stream:
            self.stream.render(self.action)

    @property
    def path(self) -> str:
        """Where to send it, below the API's base."""
        return "/calls"

    @property
    def _scope(self) -> str:
        return self.connection_id


Command: TypeAlias = (
    Answer | Reject | Hangup | StreamingStart | StreamingStop | Speak | SendDtmf | Transfer | Dial
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiError:
    """One fault that Telnyx names; `code` is text ("90018"), `pointer` a JSON pointer or ""."""

    code: str
    title: str
    detail: str = ""
    pointer: str = ""


def parse_errors(status: int, body: bytes) -> tuple[ApiError, ...]:
    """Read the body of a refusal. Never raises, and always gives at least one error.

    Where the body is not Telnyx's (a proxy's page, nothing), the one error has no code and says
    the HTTP status.
    """
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    listed = document.get("errors") if isinstance(document, dict) else None
    items = listed if isinstance(listed, list) else []
    found = [_api_error(item) for item in items if isinstance(item, dict)]
    return tuple(found) or (ApiError(code="", title=f"HTTP status {status}"),)


def _api_error(item: Mapping[str, Any]) -> ApiError:
    def text(value: object) -> str:
        return str(value) if isinstance(value, str | int) else ""

    source = item.get("source")
    return ApiError(
        code=text(item.get("code")),
        title=text(item.get("title")),
        detail=text(item.get("detail")),
        pointer=text(source.get("pointer")) if isinstance(source, dict) else "",
    )
