"""The protocol of the agent `http`: a brain in any language, asked by HTTP. Pure.

Ours; docs/http-agent.md describes it. A request tells what has happened and what was heard; the
answer is a stream of server-sent events (WHATWG HTML, section 9.2), each something to do, in order,
up to `end`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, assert_never

from voiced.agent.answer_wire import Trouble
from voiced.agent.dialogue import OPERATOR, is_transfer_target
from voiced.agent.memory import AgentSpoke, CallerSpoke, Happened, UsedTools
from voiced.net.json import parsed
from voiced.turns.expect import ExpectDigits, ExpectSpeech, ExpectSpelling, ExpectYesNo

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from voiced.agent.base import CallInfo
    from voiced.agent.memory import Entry
    from voiced.net.sse import SseEvent
    from voiced.turns.expect import Expectation

PROTOCOL = "voiced-agent-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Say:
    """Speak: a piece of any length; pieces that follow each other are one text."""

    text: str
    protected: bool = False


@dataclass(frozen=True, slots=True)
class Fill:
    """Bridge a wait, if nothing else is being said."""

    text: str


@dataclass(frozen=True, slots=True)
class Press:
    """Press keys once everything said was heard."""

    digits: str


@dataclass(frozen=True, slots=True)
class Play:
    """Have Telnyx play a file once everything said was heard."""

    url: str


@dataclass(frozen=True, slots=True)
class PauseRecording:
    """Let nothing be recorded."""


@dataclass(frozen=True, slots=True)
class ResumeRecording:
    """Go on recording."""


@dataclass(frozen=True, slots=True)
class Expect:
    """What the caller will answer."""

    what: Expectation


@dataclass(frozen=True, slots=True)
class Spend:
    """Tokens that the brain's model has taken."""

    tokens: int


@dataclass(frozen=True, slots=True)
class HangUp:
    """End the call once everything said was heard."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """Transfer the caller once everything said was heard."""

    to: str
    briefing: str = ""


Act: TypeAlias = (
    Fill | Press | Play | PauseRecording | ResumeRecording | Expect | Spend | HangUp | Transfer
)
Deed: TypeAlias = Say | Act


def request_body(
    call: CallInfo,
    *,
    number: int,
    event: Mapping[str, Any],
    conversation: Iterable[Entry],
    refused: Sequence[str],
) -> dict[str, Any]:
    """Return the JSON body of a request.

    Args:
        call: the call.
        number: of the request within the call, from 1.
        event: what has happened: `{"type": "turn", "text": ...}`.
        conversation: everything so far, the event's own entry included.
        refused: what Telnyx has not done of the last answer.
    """
    return {
        "protocol": PROTOCOL,
        "call": {
            "id": call.call_id,
            "caller": call.caller,
            "called": call.called,
            "variables": dict(call.variables),
        },
        "request": number,
        "event": dict(event),
        "conversation": [_entry(entry) for entry in conversation],
        "refused": list(refused),
    }


def _entry(entry: Entry) -> dict[str, Any]:
    match entry:
        case CallerSpoke(text=text, digits=digits):
            return {"who": "caller", "text": text, "digits": digits}
        case AgentSpoke():
            return {"who": "agent", **asdict(entry)}
        case Happened(text=text):
            return {"who": "telephone", "text": text}
        case UsedTools(said=said):  # of an agent before, in a list of fallbacks
            return {"who": "agent", **asdict(said)}
        case _:
            assert_never(entry)


class DeedParser:
    """Parses the events of one answer. Fits `voiced.agent.answer_wire.AnswerParser`.

    Events of other names are passed over: what the next version may have.
    """

    def __init__(self) -> None:
        self.is_over = False
        """Whether `end` has come."""

    def feed(self, event: SseEvent) -> list[Deed | Trouble]:
        """Take an event."""
        if self.is_over:
            return [Trouble("garbage", f"an event {event.event!r} behind `end`")]
        if event.event == "end":
            self.is_over = True
            return []
        try:
            data = parsed(event.data)
            if event.event == "error":
                return [Trouble("overloaded", _text(data, "message", "it does not say why"))]
            deed = _deed(event.event, data)
        except ValueError as error:
            return [Trouble("garbage", f"event {event.event!r}: {error}")]
        return [] if deed is None else [deed]

    def finish(self) -> Trouble | None:
        """Return the end, which `end` has to have told."""
        return None if self.is_over else Trouble("closed", "the answer broke off before `end`")


def _deed(name: str, data: Mapping[str, Any]) -> Deed | None:
    """Return what an event asks for, None for what is not known. Raises ValueError."""
    match name:
        case "say":
            return Say(text=_text(data, "text"), protected=_flag(data, "protected"))
        case "fill":
            return Fill(_text(data, "text"))
        case "press":
            return Press(_text(data, "digits"))
        case "play":
            return Play(_text(data, "url"))
        case "expect":
            return Expect(_expectation(data))
        case "spend":
            return Spend(_number(data, "tokens"))
        case "transfer":
            return _transfer(data)
        case _:
            return _BARE.get(name)


_BARE: Mapping[str, Deed] = {
    "pause_recording": PauseRecording(),
    "resume_recording": ResumeRecording(),
    "hang_up": HangUp(),
}


def _transfer(data: Mapping[str, Any]) -> Transfer:
    to = _text(data, "to")
    if not is_transfer_target(to) or to == OPERATOR:
        raise ValueError("to must be E.164 or a SIP URI")
    return Transfer(to=to, briefing=_text(data, "briefing", ""))


def _expectation(data: Mapping[str, Any]) -> Expectation:
    patience = _factor(data, "patience")
    match _text(data, "what"):
        case "speech":
            return ExpectSpeech(patience)
        case "yes_no":
            return ExpectYesNo(patience)
        case "spelling":
            return ExpectSpelling(patience)
        case "digits":
            return ExpectDigits(
                min_length=_number(data, "min_length", 1),
                max_length=_number(data, "max_length", 32),
                terminator=_text(data, "terminator", "#"),
                patience=patience,
            )
        case other:
            raise ValueError(f"what must be speech, yes_no, spelling or digits, not {other!r}")


def _text(data: Mapping[str, Any], key: str, default: str | None = None) -> str:
    value = data.get(key, default)
    if not isinstance(value, str):
        raise ValueError(f"{key} must be a text")  # noqa: TRY004 - a fault of the value, as all
    return value


def _flag(data: Mapping[str, Any], key: str) -> bool:
    value = data.get(key, False)
    if not isinstance(value, bool):
        raise ValueError(f"{key} must be true or false")  # noqa: TRY004
    return value


def _factor(data: Mapping[str, Any], key: str) -> float:
    value = data.get(key, 1.0)
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ValueError(f"{key} must be a number")  # noqa: TRY004
    return float(value)


def _number(data: Mapping[str, Any], key: str, default: int | None = None) -> int:
    value = data.get(key, default)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{key} must be a whole number, 0 or more")
    return value
