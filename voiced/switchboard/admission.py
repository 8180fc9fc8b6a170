"""Who is answered: the policy for a call that comes in. Pure.

In this order: a daemon that drains refuses; block and allow lists; numbers that no line has; how
many calls are up; how fast they come; whether the loop keeps up with those that are live.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from voiced.leg.leg import EndReason

if TYPE_CHECKING:
    from collections.abc import Iterable

    from voiced.config import Config
    from voiced.config.lines import RejectCause
    from voiced.loop.overload import Load


@dataclass(frozen=True, slots=True, kw_only=True)
class Admit:
    """Answer; `line` is the name of the line that the called number belongs to, or ""."""

    line: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuse:
    """Reject with `cause`; or, where there is a `message`, answer, let Telnyx speak it, hang up."""

    reason: EndReason
    evidence: str
    cause: RejectCause = "USER_BUSY"
    message: str = ""


Admission: TypeAlias = Admit | Refuse


def admit(config: Config, *, caller: str, called: str, load: Load) -> Admission:
    """Judge a call from `caller` to `called` (E.164, or whatever the network gives)."""
    line = config.line_of(called)
    if load.draining:
        return Refuse(reason=EndReason.REFUSED_BUSY, evidence="the daemon is draining")
    blocked = _why_blocked(config, line, caller, called)
    if blocked:
        own = config.lines.get(line)
        cause = (own and own.blocked) or config.inbound.blocked
        return Refuse(reason=EndReason.REFUSED_BLOCKED, evidence=blocked, cause=cause)
    overload = _why_overloaded(config, load)
    if overload:
        speaks = config.inbound.when_full == "message"
        return Refuse(
            reason=EndReason.REFUSED_BUSY,
            evidence=overload,
            message=config.inbound.full_message if speaks else "",
        )
    return Admit(line=line)


def _why_overloaded(config: Config, load: Load) -> str:
    """Return which limit the call is beyond, "" if none."""
    if load.live_calls >= config.call.max_concurrent:
        return f"{config.call.max_concurrent} calls are up ([call] max_concurrent)"
    if load.too_fast:
        per_s = config.inbound.calls_per_second
        return f"more than {per_s:g} calls a second ([inbound] calls_per_second)"
    if load.lagging:
        return f"the loop is late, or would be ([inbound] max_lag_ms = {config.inbound.max_lag_ms})"
    return ""


def _why_blocked(config: Config, line: str, caller: str, called: str) -> str:
    """Return which list or rule keeps the caller out, "" if none does; never a number."""
    own = config.lines.get(line)
    where = f"[lines.{line}]" if own else "[inbound]"
    block = config.inbound.block if own is None or own.block is None else own.block
    allow = config.inbound.allow if own is None or own.allow is None else own.allow
    if _matches(block, caller):
        return f"{where} block"
    if allow and not _matches(allow, caller):
        return f"{where} allow"
    if own is None and called and config.lines and config.inbound.unknown_numbers == "reject":
        return "[inbound] unknown_numbers"
    return ""


def _matches(patterns: Iterable[str], number: str) -> bool:
    return any(
        number.startswith(pattern[:-1]) if pattern.endswith("*") else number == pattern
        for pattern in patterns
    )
