"""The ways in which a call of a sweep is ended, and what its record must then say."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import trio

from voiced.errors import TelnyxError
from voiced.leg.leg import EndReason
from voiced.telnyx.events import parse_event

if TYPE_CHECKING:
    from voiced.call.call import Call
    from voiced.server.core import Core
    from voiced.testing.memory import CoreNetwork


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Whom it is done to."""

    core: Core
    network: CoreNetwork
    call: Call


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How a call is ended.

    Attributes:
        strike: does it, at once.
        reason: what the record must say if nothing had ended the call before; None when it is for
            the call to find out, and may take it a while.
        can: whether it makes any difference now.
    """

    strike: Callable[[Scene], None]
    reason: Callable[[Call], EndReason] | None
    can: Callable[[Scene], bool] = lambda scene: True


def _hang_up(scene: Scene) -> None:
    call = scene.call
    payload = {
        "call_control_id": call.id or "v3:dialled",
        "call_leg_id": "leg",
        "call_session_id": "session",
        "connection_id": "1",
        "client_state": call.keys.dialled_state if not call.id else None,
        "hangup_cause": "normal_clearing",
        "hangup_source": "caller",
    }
    data = {
        "record_type": "event",
        "event_type": "call.hangup",
        "id": "blow",
        "occurred_at": "2026-11-22T10:00:00.000000Z",
        "payload": payload,
    }
    scene.core.switchboard.webhook(parse_event(json.dumps({"data": data}).encode()))


def _cut(code: int) -> Callable[[Scene], None]:
    """Return what closes the media socket with `code`, and lets no other through."""

    def strike(scene: Scene) -> None:
        network: Any = scene.network
        network.open_websocket = _Refusal
        for socket in scene.network.open_sockets:
            socket.close(code)

    return strike


class _Refusal:
    """The context of a media socket that is not opened."""

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        pass

    async def __aenter__(self) -> None:
        await trio.lowlevel.checkpoint()
        raise TelnyxError("media socket not opened: nobody there")

    async def __aexit__(self, *error: object) -> None:
        pass


def _reach_drain_limit(scene: Scene) -> None:
    scene.core.switchboard.end_all(EndReason.DRAIN_LIMIT, "[call] drain_timeout_s is over")


def _stop(scene: Scene) -> None:
    scene.core.switchboard.end_all(EndReason.SHUTDOWN, "the daemon stopped")
    trio.lowlevel.spawn_system_task(scene.core.switchboard.close, name="close")


def _reach_max_duration(scene: Scene) -> None:
    scene.call._scope.deadline = trio.current_time()


def _lives(scene: Scene) -> bool:
    return scene.call.ending is None and scene.call._scope._has_been_entered


def _far_end(call: Call) -> EndReason:
    if call.leg.is_bridged:
        return EndReason.TRANSFERRED
    return call._far_end_hung_up


WAYS: Mapping[str, Way] = MappingProxyType(
    {
        "hangup webhook": Way(strike=_hang_up, reason=_far_end),
        "socket closed": Way(
            strike=_cut(1000), reason=None, can=lambda scene: bool(scene.network.open_sockets)
        ),
        "socket reset": Way(strike=_cut(1006), reason=None),
        "drain limit": Way(
            strike=_reach_drain_limit,
            reason=lambda call: EndReason.DRAIN_LIMIT,
            can=lambda scene: scene.call.ending is None,
        ),
        "daemon stopped": Way(strike=_stop, reason=lambda call: EndReason.SHUTDOWN),
        "max duration": Way(
            strike=_reach_max_duration, reason=lambda call: EndReason.MAX_DURATION, can=_lives
        ),
    }
)
