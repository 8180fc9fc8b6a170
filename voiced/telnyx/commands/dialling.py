"""New legs: dial, and transfer, which dials for a leg that is there."""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal, TypeAlias

from voiced.telnyx.commands.base import (
    UNSENT,
    BaseCommand,
    given_fields,
    joined,
    leg_path,
    sent_by,
)
from voiced.telnyx.commands.legs import MuteDtmf, check_sip_headers
from voiced.telnyx.commands.limits import (
    Destination,
    Keys,
    Length,
    MadeOf,
    Milliseconds,
    Name,
    SipHeaders,
    State,
    Url,
    Within,
    check_fields,
    require,
)
from voiced.telnyx.commands.recording import RecordOptions
from voiced.telnyx.commands.stream import StreamOptions
from voiced.telnyx.ids import CallControlId

MachineDetection: TypeAlias = Literal[
    "premium", "detect", "detect_beep", "detect_words", "greeting_end", "disabled"
]
LineCodec: TypeAlias = Literal["G722", "PCMU", "PCMA", "G729", "OPUS", "VP8", "H264", "AMR-WB"]
"""Codecs between Telnyx and the other end; streams have their own (`stream.Codec`)."""
MediaEncryption: TypeAlias = Literal["disabled", "SRTP", "DTLS"]
SipRegion: TypeAlias = Literal["US", "Europe", "Canada", "Australia", "Middle East"]
SipTransport: TypeAlias = Literal["UDP", "TCP", "TLS"]
Privacy: TypeAlias = Literal["id", "none"]
"""`id` hides the caller's number and name."""

RingSeconds: TypeAlias = Annotated[int, Within(5, 600)]
CallSeconds: TypeAlias = Annotated[int, Within(30, 14400)]
DisplayName: TypeAlias = Annotated[
    str, Length(1, 128), MadeOf(r"[\w \-~!.+]+", "of letters, digits, spaces and -_~!.+")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineDetectionConfig:
    """How machine detection weighs what it hears; None leaves Telnyx's default, given in brackets.

    With `premium` only `total_analysis_time_millis` and `greeting_duration_millis` count.
    """

    total_analysis_time_millis: Milliseconds | None = None
    """How long to decide at most (3500)."""
    after_greeting_silence_millis: Milliseconds | None = None
    """Silence after which a greeting was a human's (800)."""
    between_words_silence_millis: Milliseconds | None = None
    """Silence that parts two words (50)."""
    greeting_duration_millis: Milliseconds | None = None
    """A greeting longer than this is a machine's (3500)."""
    initial_silence_millis: Milliseconds | None = None
    """Silence at the start after which it is a machine (3500)."""
    maximum_number_of_words: Annotated[int, Within(0)] | None = None
    """More words than these are a machine's (5)."""
    maximum_word_length_millis: Milliseconds | None = None
    """A word is no longer than this (3500)."""
    silence_threshold: Annotated[int, Within(0)] | None = None
    """Level below which it is silence (256)."""
    greeting_total_analysis_time_millis: Milliseconds | None = None
    """How long to wait for the end of the greeting (5000)."""
    greeting_silence_duration_millis: Milliseconds | None = None
    """Silence that ends a greeting (1500)."""

    def __post_init__(self) -> None:
        check_fields(self, lambda name: f"answering_machine_detection_config.{name}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _NewLeg(BaseCommand):
    """What a transfer and a dial have in common: they make a leg.

    `timeout_secs` is how long it may ring, `time_limit_secs` how long it may last once answered.
    `audio_url` (or `media_name`, a file kept at Telnyx) is played to the other end when it answers.
    """

    from_display_name: DisplayName | None = field(default=None, repr=False)
    privacy: Privacy | None = None
    timeout_secs: RingSeconds | None = None
    time_limit_secs: CallSeconds | None = None
    answering_machine_detection: MachineDetection | None = None
    answering_machine_detection_config: MachineDetectionConfig | None = field(
        default=None, metadata=sent_by(given_fields)
    )
    park_after_unbridge: Literal["self"] | None = None
    audio_url: Url | None = None
    media_name: Name | None = None
    send_digits_on_answer: Annotated[Keys, Length(1, 64)] | None = field(default=None, repr=False)
    preferred_codecs: tuple[LineCodec, ...] | None = field(default=None, metadata=sent_by(joined))
    media_encryption: MediaEncryption | None = None
    sip_region: SipRegion | None = None
    sip_transport_protocol: SipTransport | None = None
    sip_auth_username: Name | None = field(default=None, repr=False)
    sip_auth_password: Name | None = field(default=None, repr=False)
    custom_headers: SipHeaders | None = field(default=None, repr=False)
    sip_headers: SipHeaders | None = field(default=None, repr=False)
    webhook_url: Url | None = None
    record: RecordOptions | None = None

    def _check(self) -> None:
        check_sip_headers(self.sip_headers)
        require(
            self.audio_url is None or self.media_name is None,
            "audio_url, media_name: only one of them may be given",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer(_NewLeg):
    """Dial `to` (E.164 or SIP URI) and bridge this leg to it.

    `from_` is the caller id, by default the number that was called. Without `park_after_unbridge`
    this leg ends with the new one. With `early_media` (Telnyx's default) this leg hears the other
    end's ringing and announcements.
    """

    action: ClassVar[str] = "transfer"

    call_control_id: CallControlId = field(metadata=UNSENT)
    to: Destination = field(repr=False)
    from_: Name | None = field(default=None, repr=False)
    target_leg_client_state: State | None = field(default=None, repr=False)
    early_media: bool | None = None
    mute_dtmf: MuteDtmf | None = None

    @property
    def path(self) -> str:
        """Where to send it, below the API's base."""
        return leg_path(self.call_control_id, self.action)

    @property
    def _scope(self) -> str:
        return self.call_control_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Dial(_NewLeg):
    """Place a call from `from_` (a number of the account) to `to`, one destination or several.

    `purpose` names this attempt, and must: Telnyx ignores a second dial with an id it has seen.
    The answer holds `call_control_id`, `call_leg_id` and `call_session_id`; the webhook of the new
    leg may come before it.

    `link_to` is a leg whose session the new one joins; `bridge_on_answer` bridges the two at once,
    `bridge_intent` says that they will be (and shows the far end the first caller's number).
    Without `retry_on_timeout` one route is tried, and an unanswered call ends as `no_answer`
    instead of `timeout`. A `supervise_call_control_id` makes the new leg listen to that one.
    """

    action: ClassVar[str] = "dial"

    connection_id: str
    to: Destination | tuple[Destination, ...] = field(repr=False)
    from_: Name = field(repr=False)
    retry_on_timeout: bool | None = None
    stream: StreamOptions | None = None
    stream_establish_before_call_originate: bool | None = None
    send_silence_when_idle: bool | None = None
    link_to: CallControlId | None = None
    bridge_intent: bool | None = None
    bridge_on_answer: bool | None = None
    prevent_double_bridge: bool | None = None
    supervise_call_control_id: CallControlId | None = None
    supervisor_role: Literal["barge", "whisper", "monitor"] | None = None
    billing_group_id: str | None = None

    def _check(self) -> None:
        _NewLeg._check(self)
        require(bool(self.purpose), "purpose: must name this dial (no two may share one)")
        for name in ("bridge_intent", "bridge_on_answer", "park_after_unbridge"):
            require(
                not getattr(self, name) or bool(self.link_to), f"{name}: needs link_to, the leg"
            )

    @property
    def path(self) -> str:
        """Where to send it, below the API's base."""
        return "/calls"

    @property
    def _scope(self) -> str:
        return self.connection_id
