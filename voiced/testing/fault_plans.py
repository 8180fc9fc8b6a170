"""Named plans of what goes wrong in a simulated call: `voiced simulate --faults NAME`. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from voiced.testing.faults import NO_FAULTS, Faults, RestFault, RestTrouble

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultPlan:
    """A plan, and in one sentence what it does."""

    says: str
    faults: Faults


def _rest(trouble: RestTrouble) -> Faults:
    return Faults(rest=(RestFault(action="*", trouble=trouble, times=2, hang_s=3.0),))


FAULT_PLANS: Mapping[str, FaultPlan] = MappingProxyType(
    {
        "none": FaultPlan(says="nothing goes wrong", faults=NO_FAULTS),
        "duplicate-webhooks": FaultPlan(
            says="every webhook comes twice", faults=Faults(duplicates=frozenset({"*"}))
        ),
        "late-webhooks": FaultPlan(
            says="call.answered and streaming.started come seconds late",
            faults=Faults(late=(("call.answered", 1.5), ("streaming.started", 3.0))),
        ),
        "reordered-webhooks": FaultPlan(
            says="call.answered is overtaken by streaming.started, streaming.stopped by the hangup",
            faults=Faults(late=(("call.answered", 0.2), ("streaming.stopped", 0.2))),
        ),
        "lost-webhooks": FaultPlan(
            says="only call.initiated and call.hangup arrive",
            faults=Faults(
                lost=frozenset({"call.answered", "streaming.started", "streaming.stopped"})
            ),
        ),
        "lost-hangup": FaultPlan(
            says="call.hangup never arrives", faults=Faults(lost=frozenset({"call.hangup"}))
        ),
        "forged-webhooks": FaultPlan(
            says="before the true call.hangup comes one with a false signature and an old one",
            faults=Faults(forgeries=(("call.hangup", "forged"), ("call.hangup", "stale"))),
        ),
        "clock-jump": FaultPlan(
            says="Telnyx's clock jumps two minutes forward, then three back",
            faults=Faults(clock_jumps=((2.0, 120.0), (3.0, -180.0))),
        ),
        "rest-throttled": FaultPlan(
            says="the first two commands are answered 429", faults=_rest("throttle")
        ),
        "rest-refused": FaultPlan(
            says="the answer is refused with 422, for good",
            faults=Faults(rest=(RestFault(action="answer", trouble="refuse"),)),
        ),
        "rest-failing": FaultPlan(
            says="the first two commands are answered 500", faults=_rest("fail")
        ),
        "rest-slow": FaultPlan(
            says="the first two commands are answered after seconds", faults=_rest("hang")
        ),
        "rest-dropped": FaultPlan(
            says="the connection is lost during the first two answers", faults=_rest("drop")
        ),
        "socket-dropped": FaultPlan(
            says="the media socket closes in the middle of the call",
            faults=Faults(socket_drops_s=3.0),
        ),
        "socket-reset": FaultPlan(
            says="the media socket is reset in the middle of the call",
            faults=Faults(socket_resets_s=3.0),
        ),
        "socket-half-open": FaultPlan(
            says="the media socket stays open, but nothing goes through it any more",
            faults=Faults(socket_half_open_s=3.0),
        ),
        "stalled-reader": FaultPlan(
            says="Telnyx does not read the media socket for 1.5 s",
            faults=Faults(socket_unread=(1.0, 1.5)),
        ),
        "held-media": FaultPlan(
            says="the caller's audio stalls for 1.5 s and then comes all at once",
            faults=Faults(media_held=(1.0, 1.5)),
        ),
        "lost-media": FaultPlan(
            says="one frame in ten of the caller's audio is lost", faults=Faults(media=".........-")
        ),
        "repeated-media": FaultPlan(
            says="one frame in ten of the caller's audio comes twice",
            faults=Faults(media=".........2"),
        ),
        "swapped-media": FaultPlan(
            says="one frame in ten of the caller's audio is overtaken by the next",
            faults=Faults(media=".........x"),
        ),
        "error-frames": FaultPlan(
            says="Telnyx complains on the media socket, with each of its four codes",
            faults=Faults(
                error_frames=tuple((1.0 + n, code) for n, code in enumerate(range(100002, 100006)))
            ),
        ),
        "late-marks": FaultPlan(
            says="the marks that `clear` returns come 0.8 s late",
            faults=Faults(cleared_marks_late_s=0.8),
        ),
        "late-keys": FaultPlan(
            says="keys reach the media socket after their webhook",
            faults=Faults(socket_keys_late_s=0.4),
        ),
        "early-hangup": FaultPlan(
            says="the caller hangs up in the middle of the greeting", faults=Faults(hangs_up_s=1.5)
        ),
        "gives-up": FaultPlan(
            says="the caller gives up before the answer takes effect",
            faults=Faults(gives_up_s=0.03),
        ),
    }
)
