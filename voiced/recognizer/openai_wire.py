"""Transcription over HTTP as OpenAI has it, one utterance a request. Pure.

Source: https://developers.openai.com/api/docs/guides/speech-to-text, and for what gpt-transcribe
takes https://developers.openai.com/cookbook/examples/migrating_from_whisper_to_gpt_transcribe. The
models before it end on 2027-02-26; Whisper servers answer the same request as they do:
faster-whisper-server (Speaches), LocalAI, vLLM, whisper.cpp's server (with `--inference-path
/v1/audio/transcriptions`; it wants 16 kHz, so that is what is sent), Groq.

How sure it is: OpenAI's gpt-4o models tell `logprobs` of their tokens if asked to (`include[]`),
Whisper tells `avg_logprob` and `no_speech_prob` of its segments in `verbose_json`. Where neither is
told, as by gpt-transcribe, `UNTOLD` stands. Whisper makes words up where nobody speaks: segments
that it takes for silence itself are left out.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, SecretStr, model_validator

from voiced.audio.wav import wav_header
from voiced.net.json import parsed
from voiced.net.urls import HttpBase
from voiced.recognizer.base import NO_VOCABULARY
from voiced.recognizer.hints import Room
from voiced.recognizer.settings import BatchSettings, HintSettings
from voiced.recognizer.worker_wire import Transcript

if TYPE_CHECKING:
    from typing import Self

    from voiced.audio.frame import Pcm
    from voiced.recognizer.base import Vocabulary

PROVIDER = "openai"
VARIABLE = "OPENAI_API_KEY"
OPENAI = "https://api.openai.com/v1"
PATH = "/audio/transcriptions"
TRANSCRIBE = "gpt-transcribe"

SENT_RATE_HZ = 16_000

UNTOLD = 0.9
"""Confidence of words from a server that does not tell any."""

NO_SPEECH = 0.6
"""Whisper's own threshold for a segment without speech ..."""

NO_SPEECH_LOGPROB = -1.0
"""... unless it is surer of the words than this."""


ROOM = Room(n_terms=100, term_chars=50, chars=600, forbidden="<>")
"""Of the keywords of gpt-transcribe, which refuses a request for a sign that it does not like; and
Whisper reads the last 224 tokens of its prompt."""


class OpenAiSettings(BatchSettings, HintSettings):
    """Keys of `[recognizer]` with `provider = "openai"`."""

    room: ClassVar[Room] = ROOM

    api_key: SecretStr = Field(
        default=SecretStr(""),
        description='key; "" = OPENAI_API_KEY or the credential for OpenAI, none for other servers',
    )
    base_url: HttpBase = Field(default=OPENAI, description="address of the API, https or http")
    model: str = Field(
        default="gpt-transcribe", min_length=1, description="the server's name of the model"
    )
    language: str = Field(default="en", description='ISO 639-1 code; "" = let the model find out')
    prompt: str = Field(
        default="", max_length=2000, description="what the calls are about, in a sentence or two"
    )
    response_format: Literal["json", "verbose_json"] = Field(
        default="json", description="verbose_json tells the confidence of Whisper models"
    )
    connect_timeout_s: float = Field(
        default=3.0, gt=0, le=30, description="to open a connection, seconds"
    )

    @model_validator(mode="after")
    def _check_format(self) -> Self:
        if self.model.startswith(TRANSCRIBE) and self.response_format != "json":
            raise ValueError(f"response_format must be json: {self.model} answers nothing else")
        return self


def form_of(
    settings: OpenAiSettings, vocabulary: Vocabulary = NO_VOCABULARY
) -> dict[str, str | list[str]]:
    """Return the fields of a request beside the file, in a call that uses `vocabulary`."""
    form: dict[str, str | list[str]] = {
        "model": settings.model,
        "response_format": settings.response_format,
    }
    terms = settings.terms(vocabulary)
    if settings.model.startswith(TRANSCRIBE):
        fields: dict[str, str | list[str]] = {
            "languages[]": [settings.language] if settings.language else [],
            "keywords[]": list(terms),
            "prompt": settings.prompt,
        }
    else:
        fields = {
            "temperature": "0",
            "language": settings.language,
            "prompt": " ".join(part for part in (settings.prompt, ", ".join(terms)) if part),
            "include[]": "logprobs" if _tells_logprobs(settings) else "",
        }
    return form | {name: value for name, value in fields.items() if value}


def _tells_logprobs(settings: OpenAiSettings) -> bool:
    return settings.base_url == OPENAI and settings.model.startswith("gpt-4o")


def wav_of(pcm: Pcm) -> bytes:
    """Return an utterance of 16 kHz as a WAV file."""
    return wav_header(len(pcm), SENT_RATE_HZ, 1) + pcm.astype("<i2").tobytes()


def read(body: bytes) -> Transcript:
    """Return the words of an answer. Raises ValueError where it makes no sense."""
    data = parsed(body)
    text = data.get("text")
    if not isinstance(text, str):
        raise ValueError("an answer without `text`")  # noqa: TRY004
    try:
        segments = data.get("segments")
        if segments:
            return _of_segments(segments)
        logprobs = data.get("logprobs")
        confidence = (
            _confidence([float(one["logprob"]) for one in logprobs]) if logprobs else UNTOLD
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"an answer that makes no sense ({error!r})") from None
    text = text.strip()
    return Transcript(text=text, confidence=confidence if text else 0.0)


def _of_segments(segments: list[dict[str, Any]]) -> Transcript:
    said = [one for one in segments if not _is_silence(one)]
    text = " ".join(str(one["text"]).strip() for one in said).strip()
    told = [float(one["avg_logprob"]) for one in said if "avg_logprob" in one]
    confidence = _confidence(told) if told else UNTOLD
    return Transcript(text=text, confidence=confidence if text else 0.0)


def _is_silence(segment: dict[str, Any]) -> bool:
    is_silent = float(segment.get("no_speech_prob", 0.0)) > NO_SPEECH
    return is_silent and float(segment.get("avg_logprob", -math.inf)) < NO_SPEECH_LOGPROB


def _confidence(logprobs: list[float]) -> float:
    """Return the geometric mean of probabilities, 0..1."""
    return min(math.exp(sum(logprobs) / len(logprobs)), 1.0)
