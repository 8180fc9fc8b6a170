"""A call leg as Telnyx keeps it: its state, and what each state lets a command do.

Pure. All knowledge about states is in `_REFUSALS`: for each state, the error that an action meets
there ("*" stands for every action that the row does not name). An action without an entry is
accepted. Codes are those of Telnyx's error page; where it is silent the row says so.

    ringing --answer--> answering --(media is up)--> answered <--stream--> streaming
       any state --hangup, either side--> ended
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

from voiced.testing.commands import Refused, check_body

COMMAND_ID_WINDOW_S = 60.0
"""For so long a second command with the same `command_id` is ignored (Telnyx, sending commands)."""

Direction: TypeAlias = Literal["incoming", "outgoing"]
HangupCause: TypeAlias = Literal[
    "call_rejected",
    "normal_clearing",
    "originator_cancel",
    "timeout",
    "time_limit",
    "user_busy",
    "not_found",
    "no_answer",
    "unspecified",
]
HangupSource: TypeAlias = Literal["caller", "callee", "unknown"]


class LegState(Enum):
    """Where a leg stands."""

    RINGING = "ringing"  # call.initiated was sent; nothing is billed
    ANSWERING = "answering"  # answer was accepted, its effect is under way
    ANSWERED = "answered"  # call.answered: billed from here on
    STREAMING = "streaming"  # answered, with a media stream being opened or open
    ENDED = "ended"  # call.hangup


@dataclass(frozen=True, slots=True, kw_only=True)
class Hangup:
    """How a leg ended, in the words of `call.hangup`."""

    cause: HangupCause
    source: HangupSource
    sip_cause: str = "200"


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A command that is carried out; `repeated` ones have been already and change nothing."""

    repeated: bool = False


Verdict: TypeAlias = Accepted | Refused
Objection: TypeAlias = Callable[[str, Mapping[str, Any]], Refused | None]

_NOT_ANSWERED = "90034"
_BEFORE_ANSWER: Mapping[str, str] = MappingProxyType(
    {
        "*": _NOT_ANSWERED,
        "answer": "",
        "reject": "",
        "hangup": "",
        "client_state_update": "",
        "record_start": "90020",
    }
)

_REFUSALS: Mapping[LegState, Mapping[str, str]] = MappingProxyType(
    {
        LegState.RINGING: _BEFORE_ANSWER,
        # A second answer: the documents name no code of its own.
        LegState.ANSWERING: {**_BEFORE_ANSWER, "answer": "90102", "reject": "90102"},
        LegState.ANSWERED: {"answer": "90102", "reject": "90102", "streaming_stop": "90048"},
        LegState.STREAMING: {"answer": "90102", "reject": "90102", "streaming_start": "90045"},
        LegState.ENDED: {"*": "90018"},
    }
)

_DETAILS: Mapping[str, str] = MappingProxyType(
    {
        "90018": "This call is no longer active and can't receive commands.",
        "90020": "A recording can't start before there is audio to record.",
        "90034": "This call can't receive this command because it has not been answered yet.",
        "90045": "Media streaming is already used on this call.",
        "90048": "Media streaming is not used on this call.",
        "90102": "The command is invalid for this call in its present state.",
    }
)


def _no_objection(action: str, body: Mapping[str, Any]) -> Refused | None:
    del action, body
    return None


class Leg:
    """One leg: judges commands and remembers what they did. The clock is an argument."""

    def __init__(self, *, call_control_id: str, direction: Direction = "incoming") -> None:
        self.call_control_id = call_control_id
        self.direction = direction
        self.state = LegState.RINGING
        self.client_state: str | None = None
        self.hangup: Hangup | None = None
        self._command_ids: dict[str, float] = {}

    @property
    def is_up(self) -> bool:
        """Tell whether the leg has not ended."""
        return self.state is not LegState.ENDED

    @property
    def is_billed(self) -> bool:
        """Tell whether the leg costs money at this moment."""
        return self.state in (LegState.ANSWERED, LegState.STREAMING)

    def command(
        self,
        action: str,
        body: Mapping[str, Any],
        now: float,
        *,
        objection: Objection = _no_objection,
    ) -> Verdict:
        """Judge a command and, if it is accepted for the first time, take its immediate effect.

        Only accepted commands enter the window of `command_id`: one that was refused because it
        came too early can be sent again unchanged. `objection` is asked last, for refusals that
        depend on more than the state of this leg.
        """
        refused = check_body(action, body) if self.is_up else self._refusal(action)
        if refused is not None:
            return refused
        command_id = body.get("command_id")
        if self._seen(command_id, now):
            return Accepted(repeated=True)
        refused = self._refusal(action) or objection(action, body)
        if refused is not None:
            return refused
        if command_id is not None:
            self._command_ids[command_id] = now
        if "client_state" in body:
            self.client_state = body["client_state"]
        if action == "answer":
            self.state = LegState.ANSWERING
        elif action == "streaming_start":
            self.state = LegState.STREAMING
        return Accepted()

    def answered(self, *, streaming: bool = False) -> None:
        """Note that the leg is up; `streaming`: with a media stream, open or about to be."""
        if self.state in (LegState.RINGING, LegState.ANSWERING):
            self.state = LegState.STREAMING if streaming else LegState.ANSWERED

    def stream_ended(self) -> None:
        """Note that the media stream is gone, or never came up; the leg stays."""
        if self.state is LegState.STREAMING:
            self.state = LegState.ANSWERED

    def stream_dialled_again(self) -> None:
        """Note that a lost media socket is being dialled again."""
        if self.state is LegState.ANSWERED:
            self.state = LegState.STREAMING

    def end(self, hangup: Hangup) -> bool:
        """Note the end of the leg; False when it had ended before."""
        if not self.is_up:
            return False
        self.state = LegState.ENDED
        self.hangup = hangup
        return True

    def _refusal(self, action: str) -> Refused | None:
        row = _REFUSALS[self.state]
        code = row.get(action, row.get("*", ""))
        if action in ("answer", "reject") and self.direction == "outgoing" and self.is_up:
            code = "90102"
        return Refused(status=422, code=code, detail=_DETAILS[code]) if code else None

    def _seen(self, command_id: str | None, now: float) -> bool:
        self._command_ids = {
            known: at for known, at in self._command_ids.items() if now - at < COMMAND_ID_WINDOW_S
        }
        return command_id in self._command_ids
