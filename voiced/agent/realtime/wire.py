"""The messages of OpenAI's Realtime API, both ways. Pure.

The general availability interface, as it is documented at
https://developers.openai.com/api/reference/resources/realtime/client-events and `server-events`
beside it (the beta's `response.audio.delta` and flat session are another one). JSON texts over a
WebSocket; audio is base64. G.711 mu-law is `audio/pcmu`, at 8000 Hz, in both directions.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_TAKE_LANGUAGES = {"gpt-transcribe", "gpt-live-transcribe"}
"""These take several languages, where those before them take one."""

_TEXT_MAX = 200
"""Of what the API says about an error, so much is repeated in ours."""


# -- from us --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionWish:
    """What a session is to be.

    Attributes:
        instructions: the system prompt.
        voice: a name, or the id of a voice of one's own.
        speed: 0.25 to 1.5.
        turn_detection: as the API has it: `{"type": "server_vad", ...}`.
        noise_reduction: "near_field", "far_field" or "" for none.
        transcription: of what the caller says: model and language; None for no transcripts.
        tools: function tools, as the API has them.
        max_output_tokens: of one response; 0 for no limit.
        reasoning_effort: as the API has it; "" for the model's own, and for models without.
    """

    instructions: str
    voice: str
    speed: float
    turn_detection: Mapping[str, Any]
    noise_reduction: str = ""
    transcription: Mapping[str, Any] | None = None
    tools: Sequence[Mapping[str, Any]] = ()
    max_output_tokens: int = 0
    reasoning_effort: str = ""


def transcription(model: str, language: str) -> dict[str, Any] | None:
    """Return who writes down what the caller says, in which language; "" for nobody and any."""
    if not model:
        return None
    if not language:
        return {"model": model}
    if model in _TAKE_LANGUAGES:
        return {"model": model, "languages": [language]}
    return {"model": model, "language": language}


def session_update(wish: SessionWish) -> str:
    """Return `session.update`, the first message of a session."""
    audio = {
        "input": {
            "format": {"type": "audio/pcmu"},
            "noise_reduction": {"type": wish.noise_reduction} if wish.noise_reduction else None,
            "transcription": wish.transcription,
            "turn_detection": wish.turn_detection,
        },
        "output": {
            "format": {"type": "audio/pcmu"},
            "voice": {"id": wish.voice} if wish.voice.startswith("voice_") else wish.voice,
            "speed": wish.speed,
        },
    }
    session: dict[str, Any] = {
        "type": "realtime",
        "output_modalities": ["audio"],
        "instructions": wish.instructions,
        "audio": audio,
        "tools": list(wish.tools),
        "tool_choice": "auto",
        "max_output_tokens": wish.max_output_tokens or "inf",
    }
    if wish.reasoning_effort:
        session["reasoning"] = {"effort": wish.reasoning_effort}
    return _message("session.update", session=session)


def no_more_turns() -> str:
    """Return a `session.update` by which the API hears no turns, and lets nobody interrupt."""
    audio = {"input": {"turn_detection": None}}
    return _message("session.update", session={"type": "realtime", "audio": audio})


def audio_append(payload: bytes) -> str:
    """Return `input_audio_buffer.append` for mu-law audio."""
    # By hand: this is sent for every few frames of every call.
    encoded = b64encode(payload).decode("ascii")
    return f'{{"type":"input_audio_buffer.append","audio":"{encoded}"}}'


def response_create(instructions: str = "") -> str:
    """Return `response.create`; `instructions` stand instead of the session's for this response."""
    if not instructions:
        return _message("response.create")
    return _message("response.create", response={"instructions": instructions})


def response_cancel() -> str:
    """Return `response.cancel`: the response that is being made is not wanted any more."""
    return _message("response.cancel")


def item_truncate(item_id: str, content_index: int, audio_end_ms: int) -> str:
    """Return `conversation.item.truncate`: the caller has heard no more than that."""
    return _message(
        "conversation.item.truncate",
        item_id=item_id,
        content_index=content_index,
        audio_end_ms=audio_end_ms,
    )


def text_item(role: Literal["system", "user", "assistant"], text: str) -> str:
    """Return `conversation.item.create` for something that was said, or happened."""
    content = {"type": "output_text" if role == "assistant" else "input_text", "text": text}
    item = {"type": "message", "role": role, "content": [content]}
    return _message("conversation.item.create", item=item)


def function_call(call_id: str, name: str, arguments: str) -> str:
    """Return `conversation.item.create` for a tool that was called in a session before."""
    item = {"type": "function_call", "call_id": call_id, "name": name, "arguments": arguments}
    return _message("conversation.item.create", item=item)


def tool_output(call_id: str, output: str) -> str:
    """Return `conversation.item.create` for a tool's result."""
    item = {"type": "function_call_output", "call_id": call_id, "output": output}
    return _message("conversation.item.create", item=item)


def _message(kind: str, **fields: Any) -> str:
    return json.dumps({"type": kind, **fields}, separators=(",", ":"))


# -- from the API ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionReady:
    """`session.created` (is_ours False) or `session.updated`."""

    is_ours: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerStarts:
    """`input_audio_buffer.speech_started`: the caller begins to speak."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerStops:
    """`input_audio_buffer.speech_stopped`: the caller's turn is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerCommitted:
    """`input_audio_buffer.committed`: what was said is an item of the conversation now."""

    item_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerTranscribed:
    """`conversation.item.input_audio_transcription.completed`, or `.failed` with text ""."""

    item_id: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseBegan:
    """`response.created`."""

    response_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioPiece:
    """`response.output_audio.delta`: mu-law audio of an item."""

    response_id: str
    item_id: str
    content_index: int
    payload: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioDone:
    """`response.output_audio.done`: an item's audio has come to its end."""

    response_id: str
    item_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WordsPiece:
    """`response.output_audio_transcript.delta`: words of an item's audio."""

    response_id: str
    item_id: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class WordsDone:
    """`response.output_audio_transcript.done`: all words of an item's audio."""

    response_id: str
    item_id: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionCall:
    """A tool that a response calls for."""

    call_id: str
    name: str
    arguments: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseDone:
    """`response.done`.

    `reason` is the API's for one that is not completed (`turn_detected`, an error's code ...).
    """

    response_id: str
    status: str
    reason: str = ""
    calls: tuple[FunctionCall, ...] = ()
    tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimits:
    """`rate_limits.updated`: what is used up comes back in `used_up_s` seconds; 0 if nothing is."""

    used_up_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiError:
    """`error`: most are recoverable, the session goes on."""

    kind: str
    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Other:
    """Anything that does not concern us."""

    kind: str


CallerEvent: TypeAlias = CallerStarts | CallerStops | CallerCommitted | CallerTranscribed
AnswerEvent: TypeAlias = (
    ResponseBegan | AudioPiece | AudioDone | WordsPiece | WordsDone | ResponseDone
)
ServerEvent: TypeAlias = SessionReady | CallerEvent | AnswerEvent | RateLimits | ApiError | Other


def parse(text: str | bytes) -> ServerEvent:
    """Read one message.

    Raises:
        ValueError: it is none of this API.
    """
    try:
        document = json.loads(text)
        kind = document["type"]
        reader = _READERS.get(kind)
        return Other(kind=str(kind)) if reader is None else reader(document)
    except (KeyError, TypeError, AttributeError, RecursionError, Base64Error) as error:
        raise ValueError(f"not understood: {error!r}"[:_TEXT_MAX]) from error


def _audio(document: dict[str, Any]) -> AudioPiece:
    return AudioPiece(
        response_id=str(document["response_id"]),
        item_id=str(document["item_id"]),
        content_index=int(document["content_index"]),
        payload=b64decode(document["delta"], validate=True),
    )


def _audio_done(document: dict[str, Any]) -> AudioDone:
    return AudioDone(response_id=str(document["response_id"]), item_id=str(document["item_id"]))


def _words(document: dict[str, Any]) -> WordsPiece:
    return WordsPiece(
        response_id=str(document["response_id"]),
        item_id=str(document["item_id"]),
        text=str(document["delta"]),
    )


def _words_done(document: dict[str, Any]) -> WordsDone:
    return WordsDone(
        response_id=str(document["response_id"]),
        item_id=str(document["item_id"]),
        text=str(document["transcript"]),
    )


def _transcribed(document: dict[str, Any]) -> CallerTranscribed:
    text = str(document.get("transcript", "")).strip()
    return CallerTranscribed(item_id=str(document["item_id"]), text=text)


def _done(document: dict[str, Any]) -> ResponseDone:
    response = document["response"]
    details = response.get("status_details") or {}
    error = details.get("error") or {}
    return ResponseDone(
        response_id=str(response["id"]),
        status=str(response["status"]),
        reason=str(error.get("code") or error.get("type") or details.get("reason") or ""),
        calls=tuple(
            FunctionCall(
                call_id=str(item["call_id"]),
                name=str(item["name"]),
                arguments=str(item["arguments"]),
            )
            for item in response.get("output") or ()
            if item["type"] == "function_call"
        ),
        tokens=int((response.get("usage") or {}).get("total_tokens") or 0),
    )


def _limits(document: dict[str, Any]) -> RateLimits:
    waits_s = [
        float(limit.get("reset_seconds") or 0)
        for limit in document["rate_limits"]
        if limit.get("remaining") is not None and limit["remaining"] <= 0
    ]
    return RateLimits(used_up_s=max(waits_s, default=0.0))


def _error(document: dict[str, Any]) -> ApiError:
    error = document["error"]
    return ApiError(
        kind=str(error.get("type") or ""),
        code=str(error.get("code") or ""),
        message=" ".join(str(error.get("message") or "").split())[:_TEXT_MAX],
    )


_READERS: Mapping[str, Any] = {
    "session.created": lambda _: SessionReady(is_ours=False),
    "session.updated": lambda _: SessionReady(is_ours=True),
    "input_audio_buffer.speech_started": lambda _: CallerStarts(),
    "input_audio_buffer.speech_stopped": lambda _: CallerStops(),
    "input_audio_buffer.committed": lambda d: CallerCommitted(item_id=str(d["item_id"])),
    "conversation.item.input_audio_transcription.completed": _transcribed,
    "conversation.item.input_audio_transcription.failed": _transcribed,
    "response.created": lambda d: ResponseBegan(response_id=str(d["response"]["id"])),
    "response.output_audio.delta": _audio,
    "response.output_audio.done": _audio_done,
    "response.output_audio_transcript.delta": _words,
    "response.output_audio_transcript.done": _words_done,
    "response.done": _done,
    "rate_limits.updated": _limits,
    "error": _error,
}
