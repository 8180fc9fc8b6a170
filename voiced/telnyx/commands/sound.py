"""Sound that Telnyx makes or mends itself: speech, files, noise suppression."""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal, TypeAlias

from voiced.telnyx.commands.base import LegCommand, given_fields, sent_by
from voiced.telnyx.commands.limits import (
    Base64,
    Name,
    SpokenText,
    Url,
    Within,
    check_fields,
    require,
)
from voiced.telnyx.commands.stream import Legs

Loop: TypeAlias = Annotated[int, Within(1)] | Literal["infinity"]
"""How often a sound is played."""
Stop: TypeAlias = Literal["current", "all"]
"""`current` goes on with the next sound in the queue, `all` empties it."""

# fmt: off
SpokenLanguage: TypeAlias = Literal[
    "arb", "cmn-CN", "cy-GB", "da-DK", "de-DE", "en-AU", "en-GB", "en-GB-WLS", "en-IN", "en-US",
    "es-ES", "es-MX", "es-US", "fr-CA", "fr-FR", "hi-IN", "is-IS", "it-IT", "ja-JP", "ko-KR",
    "nb-NO", "nl-NL", "pl-PL", "pt-BR", "pt-PT", "ro-RO", "ru-RU", "sv-SE", "tr-TR",
]
# fmt: on


@dataclass(frozen=True, slots=True, kw_only=True)
class Speak(LegCommand):
    """Have Telnyx speak `payload`, 1..3000 characters; each utterance needs its own `purpose`.

    `voice` is `<Provider>.<Model>.<Voice>`, as `Telnyx.KokoroTTS.af`; `language` counts only for
    voices that know several. `stop` ends what is being played first.
    """

    action: ClassVar[str] = "speak"

    payload: SpokenText = field(repr=False)
    voice: Name
    payload_type: Literal["text", "ssml"] | None = None
    language: SpokenLanguage | None = None
    service_level: Literal["basic", "premium"] | None = None
    stop: Stop | None = None
    loop: Loop | None = None
    target_legs: Legs | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaybackStart(LegCommand):
    """Play a file: from `audio_url`, kept at Telnyx as `media_name`, or given in base64.

    Files of one leg are queued; `overlay` mixes this one into the one being played, `stop` ends
    that first. `audio_type` is needed where it is not mp3.
    """

    action: ClassVar[str] = "playback_start"

    audio_url: Url | None = None
    media_name: Name | None = None
    playback_content: Annotated[str, Base64()] | None = field(default=None, repr=False)
    audio_type: Literal["mp3", "wav"] | None = None
    loop: Loop | None = None
    overlay: bool | None = None
    stop: Stop | None = None
    target_legs: Legs | None = None
    cache_audio: bool | None = None

    def _check(self) -> None:
        sources = (self.audio_url, self.media_name, self.playback_content)
        require(
            sum(source is not None for source in sources) == 1,
            "audio_url, media_name, playback_content: exactly one of them must be given",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaybackStop(LegCommand):
    """Stop what is played or spoken; with `overlay`, what is mixed into it."""

    action: ClassVar[str] = "playback_stop"

    stop: Stop | None = None
    overlay: bool | None = None


NoiseSuppressionEngine: TypeAlias = Literal[
    "Denoiser",
    "DeepFilterNet",
    "Krisp",
    "AiCoustics",
    "aic_l_quail",
    "aic_l_rook",
    "aic_s_quail",
    "aic_s_rook",
    "quail_voice_focus_s",
    "quail_voice_focus_xs",
]
KrispModel: TypeAlias = Literal[
    "krisp-viva-tel-v2.kef",
    "krisp-viva-tel-lite-v1.kef",
    "krisp-viva-pro-v1.kef",
    "krisp-viva-ss-v1.kef",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseSuppressionConfig:
    """Settings of noise suppression; each belongs to the engine named beside it."""

    attenuation_limit: Annotated[int, Within(0, 100)] | None = None
    """DeepFilterNet."""
    mode: Literal["standard", "advanced"] | None = None
    """DeepFilterNet."""
    model: KrispModel | None = None
    """Krisp."""
    suppression_level: Annotated[float, Within(0, 100)] | None = None
    """Krisp."""
    family: Literal["sparrow", "quail"] | None = None
    """AiCoustics: `sparrow` for ears, `quail` for recognizers."""
    size: Literal["s", "l", "xs", "xxs", "vf_l", "vf_1_1_l"] | None = None
    """AiCoustics."""
    enhancement_level: Annotated[float, Within(0, 1)] | None = None
    """AiCoustics."""
    voice_gain: Annotated[float, Within(0.1, 4)] | None = None
    """AiCoustics."""

    def __post_init__(self) -> None:
        check_fields(self, lambda name: f"noise_suppression_engine_config.{name}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SuppressionStart(LegCommand):
    """Take noise out of the call's audio: `inbound` is the leg's own (Telnyx's default)."""

    action: ClassVar[str] = "suppression_start"

    direction: Literal["inbound", "outbound", "both"] | None = None
    noise_suppression_engine: NoiseSuppressionEngine | None = None
    noise_suppression_engine_config: NoiseSuppressionConfig | None = field(
        default=None, metadata=sent_by(given_fields)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SuppressionStop(LegCommand):
    """Let the audio through as it is again."""

    action: ClassVar[str] = "suppression_stop"
