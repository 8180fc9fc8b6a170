"""Keys of the telephone: pressed by us, or collected by Telnyx.

A gather ends in `GatherEnded`, whatever happens; keys also come one by one as `DtmfReceived`.
"""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal

from voiced.telnyx.commands.base import LegCommand
from voiced.telnyx.commands.limits import (
    FileName,
    Keys,
    KeySet,
    Milliseconds,
    Name,
    OneKey,
    SpokenText,
    Url,
    Within,
    require,
)
from voiced.telnyx.commands.sound import SpokenLanguage


@dataclass(frozen=True, slots=True, kw_only=True)
class SendDtmf(LegCommand):
    """Press keys; each press needs its own `purpose`."""

    action: ClassVar[str] = "send_dtmf"

    digits: Keys = field(repr=False)
    duration_millis: Annotated[int, Within(100, 500)] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _GatherCommand(LegCommand):
    """What the three ways of collecting keys share; Telnyx's defaults stand in brackets.

    Collecting ends at `maximum_digits` (128), at the `terminating_digit` (#), after
    `inter_digit_timeout_millis` (5000) without another key, or after `timeout_millis` (60000).
    Keys that are not among `valid_digits` (0-9, #, *), or fewer than `minimum_digits` (1), make the
    outcome `invalid`.
    """

    minimum_digits: Annotated[int, Within(1, 128)] | None = None
    maximum_digits: Annotated[int, Within(1, 128)] | None = None
    timeout_millis: Milliseconds | None = None
    inter_digit_timeout_millis: Milliseconds | None = None
    terminating_digit: OneKey | None = None
    valid_digits: KeySet | None = None

    def _check(self) -> None:
        least, most = self.minimum_digits or 1, self.maximum_digits or 128
        require(least <= most, f"minimum_digits: {least} is more than maximum_digits, {most}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gather(_GatherCommand):
    """Collect keys in silence; `gather_id` comes back with them.

    `initial_timeout_millis` (5000) is the wait for the first key.
    """

    action: ClassVar[str] = "gather"

    initial_timeout_millis: Milliseconds | None = None
    gather_id: FileName | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GatherUsingSpeak(_GatherCommand):
    """Speak `payload` and collect keys, up to `maximum_tries` (3) times.

    `invalid_payload` is spoken after keys that will not do. `voice` is as for `Speak`.
    """

    action: ClassVar[str] = "gather_using_speak"

    payload: SpokenText = field(repr=False)
    voice: Name
    invalid_payload: SpokenText | None = field(default=None, repr=False)
    payload_type: Literal["text", "ssml"] | None = None
    language: SpokenLanguage | None = None
    service_level: Literal["basic", "premium"] | None = None
    maximum_tries: Annotated[int, Within(1)] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GatherUsingAudio(_GatherCommand):
    """Play a file, from `audio_url` or kept at Telnyx as `media_name`, and collect keys.

    The `invalid_` file is played after keys that will not do; `maximum_tries` (3) is as often as
    the first file is played.
    """

    action: ClassVar[str] = "gather_using_audio"

    audio_url: Url | None = None
    media_name: Name | None = None
    invalid_audio_url: Url | None = None
    invalid_media_name: Name | None = None
    maximum_tries: Annotated[int, Within(1)] | None = None

    def _check(self) -> None:
        _GatherCommand._check(self)
        require(
            (self.audio_url is None) != (self.media_name is None),
            "audio_url, media_name: exactly one of them must be given",
        )
        require(
            self.invalid_audio_url is None or self.invalid_media_name is None,
            "invalid_audio_url, invalid_media_name: only one of them may be given",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class GatherStop(LegCommand):
    """Stop collecting; `GatherEnded` says `cancelled`."""

    action: ClassVar[str] = "gather_stop"
