"""What must be true of a call that a sweep has ended."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import trio

from voiced.leg.leg import EndReason
from voiced.testing.inventory import live_tasks

if TYPE_CHECKING:
    from tests.sweep.ways import Scene, Way
    from voiced.leg.leg import Ending
    from voiced.testing.replay import Replayed

GONE_WITHIN_S = 0.1

_SOCKET_LOST = {
    *("media_lost", "no_media", "caller_hung_up", "callee_hung_up", "transferred"),
    "agent_failed",
}
"""What a lost socket may come to, beside what would have come to pass without. The last: a recorded
agent is asked then what it was not asked."""

_FAR_END = {"caller_hung_up", "callee_hung_up", "unreached", "transferred"}
"""Endings in which the leg was gone before we could end it."""


@dataclass(kw_only=True)
class Blow:
    """When a call was struck, and what was known then."""

    way: Way
    at: float
    ending: Ending | None
    reason: EndReason | None
    """What it must come to, if it had not ended."""
    has_ended_it: bool = False
    """At once; otherwise something else may come first in the same moment."""


@dataclass(kw_only=True)
class Lives:
    """The call's tasks and memory channels: whom to look for afterwards."""

    call_task: trio.lowlevel.Task
    names: dict[trio.lowlevel.Task, str]
    exits: dict[trio.lowlevel.Task, float]
    channels: list[Any]


@dataclass(frozen=True, kw_only=True)
class Unharmed:
    """What the call comes to without a blow: its reason, and the tasks that the daemon then has."""

    reason: str
    tasks: Counter[str]


NOTHING_YET = Unharmed(reason="", tasks=Counter())


def faults(
    scene: Scene, blow: Blow, lives: Lives, replayed: Replayed, unharmed: Unharmed
) -> list[str]:
    """Return what is not clean after a blow."""
    record = replayed.record
    return [
        *_of_what_is_left(scene, lives, unharmed),
        *_of_the_record(blow, replayed, unharmed.reason),
        *_of_the_leg(scene, blow, replayed),
        *([] if record["hangup_confirmed"] is True else ["hangup not confirmed"]),
    ]


def _of_what_is_left(scene: Scene, lives: Lives, unharmed: Unharmed) -> list[str]:
    assert scene.call.ending is not None
    ended_at = scene.call.ending.at
    late = [
        name
        for task, name in lives.names.items()
        if task is not lives.call_task
        and lives.exits.get(task, float("inf")) - ended_at > GONE_WITHIN_S
    ]
    still_open = [channel for channel in lives.channels if not _is_closed(channel)]
    left = live_tasks() - unharmed.tasks
    checks = {
        f"left after {GONE_WITHIN_S} s: {late}": not late,
        "call task left": lives.call_task in lives.exits,
        f"tasks left: {dict(left)}": not left,
        "media socket left open": not scene.network.open_sockets,
        f"{len(still_open)} channels left open": not still_open,
        "switchboard not empty": scene.core.switchboard.snapshot() == [],
    }
    return [fault for fault, is_well in checks.items() if not is_well]


def _is_closed(channel: Any) -> bool:
    return bool(channel._closed)


def _of_the_record(blow: Blow, replayed: Replayed, natural: str) -> list[str]:
    record = replayed.record
    json.dumps(record, allow_nan=False)
    reason = record["end"]["reason"]
    if blow.ending is not None:
        right = {blow.ending.reason.value, *_FAR_END}
    elif blow.reason is not None:
        right = {blow.reason.value, *([] if blow.has_ended_it else [natural])}
    else:
        right = {natural, *_SOCKET_LOST}
    checks = {
        f"record says {record['state']}": record["state"] == "ended",
        "no evidence": bool(record["end"]["evidence"]),
        f"{reason}, and not one of {sorted(right)}": reason in right,
        f"tasks took {record['teardown_s']} s": (record["teardown_s"] or 0.0) <= GONE_WITHIN_S,
        "the flight recording has no end": replayed.entries[-1].kind == "end",
    }
    return [fault for fault, is_well in checks.items() if not is_well]


def _of_the_leg(scene: Scene, blow: Blow, replayed: Replayed) -> list[str]:
    """Check that the leg was hung up exactly once, unless its far end did or it goes on."""
    record, ending = replayed.record, scene.call.ending
    assert ending is not None
    requests = [entry.data for entry in replayed.entries if entry.kind == "request"]
    hangups = {
        json.loads(request["body"])["command_id"]
        for request in requests
        if request["action"] in {"hangup", "reject"}
    }
    was_dialled = any(request["action"] == "dial" for request in requests)
    goes_on = scene.call.leg.is_bridged and ending.reason in {
        EndReason.SHUTDOWN,
        EndReason.DRAIN_LIMIT,
    }
    never_up = record["direction"] == "outgoing" and not was_dialled
    owed = not (scene.call.leg.is_gone or goes_on or never_up)
    checks = {
        f"{len(hangups)} hangups, {ending.reason.value}": owed <= len(hangups) <= 1,
        f"ended {ending.at - blow.at:.3f} s after the blow": (
            blow.ending is not None or blow.reason is None or ending.at == blow.at
        ),
    }
    return [fault for fault, is_well in checks.items() if not is_well]
