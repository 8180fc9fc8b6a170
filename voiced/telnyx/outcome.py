"""What came of a call that we placed, from the hangup's words.

Telnyx tells three things: a cause of its own, the SIP status of the other side, and who ended it.
The cause decides where it is definite; where it is vague (`call_rejected`, `normal_clearing`,
`unspecified`, one that we do not know) the SIP status is the finer reason.

A 403 is never the callee's: it is Telnyx that refuses the account, the caller id or the
destination. Which of its reasons it was (D1, D35, ...) is shown in the portal only.

Source: Telnyx's "SIP response codes" and "Voice API webhooks"; RFC 3261, section 21; RFC 8197 and
8688 (607, 608).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Outcome(Enum):
    """What came of a placed call."""

    COMPLETED = "completed"
    """Somebody (or something) answered, and the call has ended."""
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    DECLINED = "declined"
    """The callee, or their carrier for them, refused the call."""
    BAD_NUMBER = "bad_number"
    """Nobody can be reached there."""
    CANCELLED = "cancelled"
    """We ended it before it was answered."""
    ACCOUNT_PROBLEM = "account_problem"
    """Telnyx did not place it: something to be set right, the same call would fail again."""
    LIMIT_REACHED = "limit_reached"
    """It was answered, and cut off at its time limit."""
    FAILED = "failed"
    """The network failed, or nobody said why."""

    @property
    def may_pass(self) -> bool:
        """Whether the same call may well succeed later."""
        return self in (Outcome.BUSY, Outcome.NO_ANSWER, Outcome.FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class DialResult:
    """The outcome with its evidence in words; `explanation` holds no number and no name."""

    outcome: Outcome
    explanation: str


_BY_CAUSE: Mapping[str, tuple[Outcome, str]] = MappingProxyType(
    {
        "user_busy": (Outcome.BUSY, "the line is busy"),
        "timeout": (Outcome.NO_ANSWER, "it rang, and nobody answered in time"),
        "no_answer": (Outcome.NO_ANSWER, "it rang, and nobody answered in time"),
        "not_found": (
            Outcome.BAD_NUMBER,
            "there is nobody at this number"
            " (or the Telnyx connection is inactive: look at the call in the portal)",
        ),
        "originator_cancel": (Outcome.CANCELLED, "we hung up before it was answered"),
        "time_limit": (Outcome.LIMIT_REACHED, "the call reached its time limit"),
    }
)
"""Causes that leave nothing open."""

_REFUSED_BY_TELNYX = (
    "Telnyx refused to place it: check the outbound voice profile (destinations, channel limits),"
    " the caller id (a verified number as +E.164) and the account's balance and level;"
    " the portal's debugging view of the call names the reason (D1, D35, D38 ...)"
)
_UNREACHABLE = "the callee cannot be reached just now (off, out of coverage, not registered)"

_BY_SIP_STATUS: Mapping[int, tuple[Outcome, str]] = MappingProxyType(
    {
        401: (Outcome.ACCOUNT_PROBLEM, "the destination wants a SIP user name and password"),
        402: (Outcome.ACCOUNT_PROBLEM, "payment is required: check the account's balance"),
        403: (Outcome.ACCOUNT_PROBLEM, _REFUSED_BY_TELNYX),
        404: (Outcome.BAD_NUMBER, "there is nobody at this number"),
        407: (Outcome.ACCOUNT_PROBLEM, "the destination wants a SIP user name and password"),
        408: (Outcome.NO_ANSWER, "the other side gave no answer in time"),
        410: (Outcome.BAD_NUMBER, "the number is no longer in use"),
        480: (Outcome.NO_ANSWER, _UNREACHABLE),
        484: (Outcome.BAD_NUMBER, "the number is not complete"),
        486: (Outcome.BUSY, "the line is busy"),
        487: (Outcome.NO_ANSWER, "ringing was stopped before anybody answered"),
        488: (Outcome.FAILED, "the other side takes none of the offered codecs or encryptions"),
        500: (Outcome.FAILED, "a fault at the carrier"),
        502: (Outcome.FAILED, "a fault between carriers"),
        503: (Outcome.FAILED, "the carrier has no room or is out of order just now"),
        504: (Outcome.FAILED, "a carrier on the way did not answer"),
        600: (Outcome.BUSY, "the callee is busy everywhere"),
        603: (Outcome.DECLINED, "the callee refused the call"),
        604: (Outcome.BAD_NUMBER, "this number exists nowhere"),
        607: (Outcome.DECLINED, "the callee marked the call as unwanted"),
        608: (Outcome.DECLINED, "a call filter on the way refused the call"),
    }
)


def dial_result(
    *, answered: bool, hangup_cause: str, sip_hangup_cause: str = "", hangup_source: str = ""
) -> DialResult:
    """Say what came of a call that we placed.

    Args:
        answered: whether `call.answered` came, at any time before or after the hangup.
        hangup_cause: `CallHangup.cause`; one that we do not know passes.
        sip_hangup_cause: `CallHangup.sip_cause`; what is no number is passed over.
        hangup_source: `CallHangup.source`; the `caller` of a placed call is we.
    """
    outcome, text = _judge(answered, hangup_cause.lower(), sip_hangup_cause, hangup_source.lower())
    cause = hangup_cause if re.fullmatch(r"[A-Za-z_]{1,40}", hangup_cause) else ""
    told = (cause, f"SIP {sip_hangup_cause}" if _status(sip_hangup_cause) else "")
    evidence = ", ".join(part for part in told if part)
    return DialResult(outcome=outcome, explanation=f"{text} [{evidence}]" if evidence else text)


def refused_dial(*, status: int | None, code: str) -> Outcome:
    """Say what a dial that Telnyx did not take has come to.

    Args:
        status: HTTP status of the refusal, None when no answer came.
        code: Telnyx's error code, "" for none.
    """
    if code in _NO_NUMBER:
        return Outcome.BAD_NUMBER
    passes = status is None or status in (408, 429) or status >= 500 or code in _NO_CHANNEL
    return Outcome.FAILED if passes else Outcome.ACCOUNT_PROBLEM


_NO_NUMBER = frozenset({"10002", "10016"})
_NO_CHANNEL = frozenset({"90041", "90042", "90043"})


def _judge(answered: bool, cause: str, sip_cause: str, source: str) -> tuple[Outcome, str]:
    if answered:
        if cause == "time_limit":
            return _BY_CAUSE[cause]
        return Outcome.COMPLETED, _ended_by(source)
    status = _status(sip_cause)
    if status == 403:
        return _BY_SIP_STATUS[status]
    if cause in _BY_CAUSE:
        return _BY_CAUSE[cause]
    if source == "caller" and status in (0, 200, 487):
        return _BY_CAUSE["originator_cancel"]
    if status in _BY_SIP_STATUS:
        return _BY_SIP_STATUS[status]
    if cause == "call_rejected":
        return Outcome.DECLINED, "the callee refused the call"
    return Outcome.FAILED, "the call failed, and nobody said why"


def _status(sip_cause: str) -> int:
    """Return the SIP status, 0 when there is none."""
    return int(sip_cause) if re.fullmatch(r"[1-6][0-9][0-9]", sip_cause) else 0


def _ended_by(source: str) -> str:
    match source:
        case "caller":
            return "it was answered, and ended by us"
        case "callee":
            return "it was answered, and ended by the callee"
        case _:
            return "it was answered"
