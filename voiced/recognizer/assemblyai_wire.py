"""AssemblyAI's Universal-Streaming (v3) on the wire. Pure.

Source: https://www.assemblyai.com/docs/streaming/message-sequence (every message and their order),
docs/api-reference/streaming-api, docs/streaming/common-session-errors-and-closures.

Audio goes in binary messages of 50 to 1000 ms. `Turn` messages tell a turn's words so far, the last
one with `end_of_turn`; times in them are milliseconds of audio. Universal-3.5 Pro and later format
by themselves and are not asked to; with `format_turns` the models before them tell each turn twice,
plain and formatted: then the second one counts.
`ForceEndpoint` ends a turn now. The session is billed for as long as it is open, so `Terminate` is
sent before leaving.
"""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from voiced.net.json import parsed
from voiced.net.urls import SocketUrl, with_query
from voiced.recognizer.base import NO_VOCABULARY
from voiced.recognizer.dialect import Dialect, EndOfSpeech, Refusal, Words
from voiced.recognizer.hints import Room
from voiced.recognizer.settings import StreamingSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from voiced.errors import TroubleKind
    from voiced.recognizer.base import Vocabulary
    from voiced.recognizer.dialect import Told

PROVIDER = "assemblyai"
VARIABLE = "ASSEMBLYAI_API_KEY"

FLUSH = '{"type":"ForceEndpoint"}'
GOODBYE = '{"type":"Terminate"}'

ROOM = Room(n_terms=100, term_chars=50)
"""docs/streaming/prompting-and-keyterms; they are billed apart."""

ENCODINGS = {"mulaw": "pcm_mulaw", "linear16": "pcm_s16le"}

CODES: dict[int, TroubleKind] = {
    1008: "unauthorized",
    1013: "overloaded",
    3005: "overloaded",  # server error
    3006: "bad_request",  # a parameter or a message is wrong
    3007: "bad_request",  # pieces of audio too short or too long
    3009: "rate_limited",  # too many sessions at a time
    4000: "bad_request",
    4001: "unauthorized",
    4002: "unauthorized",  # nothing left to pay with
    4003: "unauthorized",
    4029: "rate_limited",
    4100: "bad_request",
    4101: "bad_request",
    4102: "rate_limited",
}


class AssemblyAiSettings(StreamingSettings):
    """Keys of `[recognizer]` with `provider = "assemblyai"`."""

    room: ClassVar[Room] = ROOM

    url: SocketUrl = Field(
        default="wss://streaming.assemblyai.com/v3/ws",
        description="address of the socket, wss or ws",
    )
    model: str = Field(
        default="universal-streaming-english",
        min_length=1,
        description="AssemblyAI's name of the model",
    )
    endpointing_ms: int = Field(
        default=400, ge=50, le=5000, description="silence after which a turn may end"
    )
    format_turns: bool = Field(
        default=False, description="wait for punctuation and figures, which takes some 0.2 s more"
    )


def dialect(
    settings: AssemblyAiSettings, key: str, vocabulary: Vocabulary = NO_VOCABULARY
) -> Dialect:
    """Return how AssemblyAI is spoken with in calls that use `vocabulary`."""
    query: list[tuple[str, str | int | bool]] = [
        ("speech_model", settings.model),
        ("sample_rate", settings.sample_rate),
        ("encoding", ENCODINGS[settings.encoding]),
        ("min_turn_silence", settings.endpointing_ms),
    ]
    if settings.format_turns:
        query.append(("format_turns", True))
    if terms := settings.terms(vocabulary):
        query.append(("keyterms_prompt", json.dumps(terms)))
    return Dialect(
        provider=PROVIDER,
        url=with_query(settings.url, query),
        headers={"Authorization": key},
        read=partial(read, formatted=settings.format_turns),
        flush=FLUSH,
        goodbye=GOODBYE,
        close_kinds=CODES,
        min_chunk_s=0.05,
    )


def read(message: str, *, formatted: bool = False) -> Sequence[Told]:
    """Take a message apart; `formatted`: a turn counts once it is. Raises ValueError."""
    data = parsed(message)
    match data.get("type"):
        case "Turn":
            return _turn(data, formatted=formatted)
        case "Error":
            code = data.get("error_code")
            kind = CODES.get(code, "closed") if isinstance(code, int) else "closed"
            reason = str(data.get("error", "an error without a description"))
            return (Refusal(kind=kind, reason=reason, code=code),)
        case _:
            return ()  # Begin, Termination, SpeechStarted (ours is sooner), Heartbeat, Warning ...


def _turn(data: dict[str, Any], *, formatted: bool) -> Sequence[Told]:
    try:
        words = data["words"]
        is_over = bool(data["end_of_turn"])
        text = data["transcript"] if is_over else " ".join(word["text"] for word in words)
        confidences = [float(word["confidence"]) for word in words]
        until_s = float(words[-1]["end"]) / 1000 if words else None
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"a Turn without what it must have ({error!r})") from None
    if is_over and formatted and not data.get("turn_is_formatted"):
        is_over = False
    told = Words(
        text=str(text).strip(),
        is_settled=is_over,
        confidence=sum(confidences) / len(confidences) if confidences else 0.0,
        until_s=until_s,
        last_word=confidences[-1] if confidences else 1.0,
    )
    return (told, EndOfSpeech()) if is_over else (told,)
