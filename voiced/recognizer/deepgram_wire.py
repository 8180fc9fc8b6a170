"""Deepgram's streaming recognition on the wire. Pure.

Source: https://developers.deepgram.com/reference/speech-to-text/listen-streaming (its AsyncAPI
document, `/v1/listen`), and the pages docs/finalize, docs/audio-keep-alive, docs/close-stream,
docs/endpointing, docs/interim-results, docs/utterance-end and docs/keyterm beside it.

Audio goes in binary messages. `Results` cover a stretch of audio: interim ones replace each other,
then `is_final` settles it; `speech_final` marks a pause of `endpointing`, `UtteranceEnd` a gap
between words. `Finalize` settles what was sent; its answer (`from_finalize`) is not promised. Ten
seconds without audio or `KeepAlive` close the connection (NET-0001).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

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

PROVIDER = "deepgram"
VARIABLE = "DEEPGRAM_API_KEY"

FLUSH = '{"type":"Finalize"}'
KEEP_ALIVE = '{"type":"KeepAlive"}'
GOODBYE = '{"type":"CloseStream"}'

ROOM = Room(n_terms=100, chars=1500)
"""docs/keyterm: 500 tokens, beyond which the handshake is refused; a token of a name has some three
characters."""


class DeepgramSettings(StreamingSettings):
    """Keys of `[recognizer]` with `provider = "deepgram"`."""

    room: ClassVar[Room] = ROOM

    url: SocketUrl = Field(
        default="wss://api.deepgram.com/v1/listen", description="address of the socket, wss or ws"
    )
    model: str = Field(default="nova-3", min_length=1, description="Deepgram's name of the model")
    language: str = Field(default="en", description='BCP-47 code, or "multi"')
    endpointing_ms: int = Field(
        default=300, ge=10, le=5000, description="silence after which words are settled"
    )
    smart_format: bool = Field(
        default=True, description="write numbers, dates and money as figures, with punctuation"
    )
    opt_out: bool = Field(
        default=False, description="keep the audio out of Deepgram's model improvement"
    )


def dialect(
    settings: DeepgramSettings, key: str, vocabulary: Vocabulary = NO_VOCABULARY
) -> Dialect:
    """Return how Deepgram is spoken with in calls that use `vocabulary`."""
    query: list[tuple[str, str | int | bool]] = [
        ("model", settings.model),
        ("language", settings.language),
        ("encoding", settings.encoding),
        ("sample_rate", settings.sample_rate),
        ("channels", 1),
        ("interim_results", True),
        ("endpointing", settings.endpointing_ms),
        ("utterance_end_ms", 1000),
        ("smart_format", settings.smart_format),
        *_expected(settings.model, settings.terms(vocabulary)),
    ]
    if settings.opt_out:
        query.append(("mip_opt_out", True))
    return Dialect(
        provider=PROVIDER,
        url=with_query(settings.url, query),
        headers={"Authorization": f"Token {key}"},
        read=read,
        flush=FLUSH,
        keep_alive=KEEP_ALIVE,
        goodbye=GOODBYE,
        close_kinds={1008: "bad_request"},  # DATA-0000: the audio is not what the query says
        talks=True,
    )


def _expected(model: str, terms: Sequence[str]) -> list[tuple[str, str]]:
    """Return the words to expect: older models than nova-3 know single ones, by another name."""
    if model.startswith("nova-3"):
        return [("keyterm", term) for term in terms]
    return [("keywords", word) for word in telling_words(terms)]


def read(message: str) -> Sequence[Told]:
    """Take a message apart. Raises ValueError where it makes no sense."""
    data = parsed(message)
    match data.get("type"):
        case "Results":
            return _results(data)
        case "UtteranceEnd":
            return (EndOfSpeech(),)
        case "Error":
            reason = f"{data.get('variant', '')} {data.get('description', '')}".strip()
            return (Refusal(kind="closed", reason=reason or "an error without a description"),)
        case _:
            return ()  # Metadata, SpeechStarted (ours is sooner), and what is yet to be invented


def _results(data: dict[str, Any]) -> Sequence[Told]:
    try:
        best = data["channel"]["alternatives"][0]
        words = Words(
            text=str(best["transcript"]).strip(),
            is_settled=bool(data.get("is_final", False)),
            confidence=float(best.get("confidence", 0.0)),
            until_s=float(data["start"]) + float(data["duration"]),
            last_word=float(best["words"][-1]["confidence"]) if best.get("words") else 1.0,
        )
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise ValueError(f"Results without what they must have ({error!r})") from None
    is_end = data.get("speech_final") or data.get("from_finalize")
    return (words, EndOfSpeech()) if is_end and words.is_settled else (words,)
