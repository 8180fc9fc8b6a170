"""What a call at the emulated Telnyx is made of: its names, its bounds, how long things take.

Pure.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from voiced.audio.frame import Pcm

Speaker: TypeAlias = Callable[[str], Awaitable[Pcm]]
"""Text to 8 kHz audio, for the `speak` command."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Latencies:
    """How long Telnyx takes, in seconds.

    The defaults are odd numbers so that nothing of the daemon's falls on the very instant of one
    of our 20 ms steps: on a virtual clock the order within one instant is arbitrary.

    Attributes:
        reply_s: from a command's arrival to its HTTP answer.
        effect_s: from a command's arrival to its effect.
        webhook_s: from an event to the delivery of its webhook.
        connect_s: from the start of a stream to the dialling of the media socket.
        dial_s: from a request to dial to its HTTP answer; with the default `call.initiated` is
            faster, as it may be in real life.
        bridge_s: from the answer of a leg to its being bridged.
        recording_s: from the end of a recording to its `call.recording.saved`.
    """

    reply_s: float = 0.011
    effect_s: float = 0.023
    webhook_s: float = 0.017
    connect_s: float = 0.031
    dial_s: float = 0.043
    bridge_s: float = 0.019
    recording_s: float = 2.337


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRules:
    """The bounds and the line of one call.

    Attributes:
        codec: the call's own.
        ring_s: an unanswered call rings so long before the caller gives up.
        limit_s: no call lasts longer, ringing included; reaching it is a violation.
        zombie_after_s: a leg that is up without stream, speech or command for so long was left
            behind: it is ended and reported.
        background_dbfs: level of the noise on the party's line; None for none.
    """

    codec: Literal["PCMU", "PCMA", "G722", "OPUS"] = "PCMU"
    ring_s: float = 30.0
    limit_s: float = 300.0
    zombie_after_s: float = 15.0
    background_dbfs: float | None = -65.0


DEFAULT_RULES = CallRules()


@dataclass(frozen=True, slots=True, kw_only=True)
class Parties:
    """The names of a leg and its parties."""

    call_control_id: str
    call_leg_id: str
    call_session_id: str
    connection_id: str
    user_id: str
    from_: str
    to: str
