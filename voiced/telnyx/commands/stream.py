"""The media stream: how a call's audio reaches us and how ours reaches the call."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from voiced.telnyx.commands.base import LegCommand, to_json
from voiced.telnyx.commands.limits import MAX_AUTH_TOKEN, Length, SocketUrl, check_fields, require
from voiced.telnyx.ids import StreamId

Codec: TypeAlias = Literal["PCMU", "PCMA", "G722", "OPUS", "AMR-WB", "L16"]
"""Encodings of streamed audio; the names are case-sensitive."""

StreamCodec: TypeAlias = Codec | Literal["default"]
"""What Telnyx shall send us; `default` is the call's own codec."""

SamplingRate: TypeAlias = Literal[8000, 16000, 22050, 24000, 48000]
Track: TypeAlias = Literal["inbound_track", "outbound_track", "both_tracks"]
Legs: TypeAlias = Literal["self", "opposite", "both"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamOptions:
    """The stream that `answer`, `dial` or `streaming_start` shall begin.

    `codec` is what we ask Telnyx to send; what it sends is said by `start.media_format`.
    `bidirectional_mode` is `rtp`: Telnyx's default, `mp3`, drops raw audio without a word.
    `target_legs` is `self`: on a call of one leg, `opposite` was seen to give silence.
    """

    url: SocketUrl = field(repr=False)  # holds the token that authorises the socket
    track: Track = "inbound_track"
    codec: StreamCodec = "PCMU"
    bidirectional_mode: Literal["rtp", "mp3"] = "rtp"
    bidirectional_codec: Codec = "PCMU"
    bidirectional_sampling_rate: SamplingRate = 8000
    target_legs: Legs = "self"
    auth_token: Annotated[str, Length(1, MAX_AUTH_TOKEN)] | None = field(default=None, repr=False)
    custom_parameters: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        check_fields(self, lambda name: _KEYS.get(name, f"stream_{name}"))

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
            require(
                self.bidirectional_sampling_rate == 8000 and self.auth_token is None,
                "answer takes neither a sampling rate (8000 is meant) nor an auth token:"
                " start this stream with streaming_start",
            )
        else:
            body["stream_bidirectional_sampling_rate"] = self.bidirectional_sampling_rate
            if self.auth_token is not None:
                body["stream_auth_token"] = self.auth_token
        if self.custom_parameters:
            require(
                action == "streaming_start",
                f"{action} takes no custom_parameters: start this stream with streaming_start",
            )
            body["custom_parameters"] = to_json(self.custom_parameters)
        return body


_KEYS = {
    "target_legs": "stream_bidirectional_target_legs",
    "custom_parameters": "custom_parameters",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamingStart(LegCommand):
    """Start the media stream of an answered leg; starting again needs another `purpose`."""

    action: ClassVar[str] = "streaming_start"

    stream: StreamOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamingStop(LegCommand):
    """Stop one media stream, or all of the leg."""

    action: ClassVar[str] = "streaming_stop"

    stream_id: StreamId | None = None
