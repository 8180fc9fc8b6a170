"""Telnyx's speech-to-text socket on the wire. Pure.

Source: https://developers.telnyx.com/docs/voice/stt/websocket-streaming (lifecycle), and the pages
parameters, parameters/audio-formats, responses and errors below it.

Telnyx passes audio on to an engine of the account's choice. Audio goes in binary messages, words
come as `{"transcript", "is_final", ...}` without times. The engine Deepgram also tells the end of
speech (`speech_final`, `utterance_end`) and takes `Finalize` and `KeepAlive`; others settle words
by their own idea of a pause, and ignore what they do not know.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from voiced.net.json import parsed
from voiced.net.urls import SocketUrl, with_query
from voiced.recognizer.base import NO_VOCABULARY
from voiced.recognizer.dialect import Dialect, EndOfSpeech, Refusal, Words
from voiced.recognizer.hints import Room, telling_words
from voiced.recognizer.settings import StreamingSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from voiced.recognizer.base import Vocabulary
    from voiced.recognizer.dialect import Told

PROVIDER = "telnyx"
VARIABLE = "TELNYX_API_KEY"

FLUSH = '{"type":"Finalize"}'
KEEP_ALIVE = '{"type":"KeepAlive"}'
GOODBYE = '{"type":"CloseStream"}'

ROOM = Room(n_terms=100, chars=1500, forbidden=",")
"""parameters/keyword-boosting: of Deepgram only, whose bounds they are; one list with commas."""


class TelnyxSettings(StreamingSettings):
    """Keys of `[recognizer]` with `provider = "telnyx"`."""

    room: ClassVar[Room] = ROOM

    url: SocketUrl = Field(
        default="wss://api.telnyx.com/v2/speech-to-text/transcription",
        description="address of the socket, wss or ws",
    )
    engine: Literal[
        "Deepgram", "Telnyx", "Google", "Azure", "xAI", "AssemblyAI", "Speechmatics", "Soniox"
    ] = Field(default="Deepgram", description="who recognizes, behind Telnyx")
    model: str = Field(default="", description='the engine\'s model; "" = its default')
    language: str = Field(default="en", description="language code, as the engine has it")
    endpointing_ms: int = Field(
        default=300, ge=10, le=5000, description="silence after which words are settled"
    )


def dialect(settings: TelnyxSettings, key: str, vocabulary: Vocabulary = NO_VOCABULARY) -> Dialect:
    """Return how Telnyx is spoken with in calls that use `vocabulary`."""
    query: list[tuple[str, str | int | bool]] = [
        ("transcription_engine", settings.engine),
        ("language", settings.language),
        ("input_format", settings.encoding),
        ("sample_rate", settings.sample_rate),
        ("interim_results", True),
        ("endpointing", settings.endpointing_ms),
    ]
    if settings.model:
        query.append(("model", settings.model))
    is_deepgram = settings.engine == "Deepgram"
    if is_deepgram and (terms := settings.terms(vocabulary)):
        query.append(_expected(settings.model, terms))
    return Dialect(
        provider=PROVIDER,
        url=with_query(settings.url, query),
        headers={"Authorization": f"Bearer {key}"},
        read=read,
        flush=FLUSH if is_deepgram else "",
        keep_alive=KEEP_ALIVE if is_deepgram else "",
        goodbye=GOODBYE,
        chunk_s=0.2,
    )


def _expected(model: str, terms: Sequence[str]) -> tuple[str, str]:
    """Return the words to expect: models before nova-3 know single ones, by another name."""
    if model.removeprefix("deepgram/").startswith(("nova-3", "flux")) or not model:
        return "keyterm", ",".join(terms)
    return "keywords", ",".join(telling_words(terms))


def read(message: str) -> Sequence[Told]:
    """Take a message apart. Raises ValueError where it makes no sense."""
    data = parsed(message)
    if "errors" in data or "error" in data:
        return (_refusal(data),)
    if "transcript" not in data:
        return ()
    is_final = bool(data.get("is_final", False))
    words = Words(
        text=str(data["transcript"]).strip(),
        is_settled=is_final,
        confidence=_number(data.get("confidence")),
    )
    if data.get("utterance_end"):
        return (EndOfSpeech(),)
    # Engines that do not tell the end of speech settle words when they have heard one.
    is_end = is_final and data.get("speech_final", True)
    return (words, EndOfSpeech()) if is_end else (words,)


def _refusal(data: dict[str, Any]) -> Refusal:
    """Read an error: a list in the form of the REST API, or a text."""
    errors = data.get("errors")
    if isinstance(errors, list) and errors and isinstance(errors[0], dict):
        code, detail = str(errors[0].get("code", "")), errors[0].get("detail", "an error")
        # 40001 to 40005: a parameter is wrong.
        kind: Literal["bad_request", "closed"] = "bad_request" if code[:3] == "400" else "closed"
        return Refusal(kind=kind, reason=f"{code} {detail}".strip())
    return Refusal(kind="closed", reason=str(data.get("error", "an error without a description")))


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
