"""Calls that an older process still has, on the admin listener of the one that has taken over.

A request that names a call goes to the process that has it. The older one refuses (421) what names
none of its calls, and the newer one does it then.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from quart import Response, request

from voiced.admin.bodies import KEY_HEADER
from voiced.handover.elders import NOT_MINE
from voiced.switchboard.call_request import ref_of_key

if TYPE_CHECKING:
    from quart_trio import QuartTrio

    from voiced.handover import Elders
    from voiced.handover.elders import Reply
    from voiced.switchboard.dialer import Dialer
    from voiced.switchboard.switchboard import Switchboard

_CALLS = "/calls"

LONGEST_ASK_S = 9.0
"""More than a request may wait for a milestone there."""


def add_elders(
    app: QuartTrio,
    switchboard: Switchboard,
    dialer: Dialer,
    elders: Elders,
    *,
    only_known: bool,
) -> None:
    """Let `app` send on what is for a call of the `elders`; `only_known`: refuse what is not ours.

    Register it behind the guard.
    """

    @app.before_request
    async def send_on() -> Response | None:
        if not (elders or only_known) or not _names_a_call():
            return None
        ref = await _call_named()
        is_ours = bool(switchboard.find(ref)) or dialer.find(ref) is not None
        if is_ours:
            return None
        if only_known:
            return Response("", status=NOT_MINE)
        if not ref:
            return None
        target = request.full_path.rstrip("?")
        body = cast("bytes", await request.get_data(cache=True))
        reply = await elders.offer(request.method, target, _headers(), body, LONGEST_ASK_S)
        return None if reply is None else _as_response(reply)


def _names_a_call() -> bool:
    is_order = request.path == _CALLS and request.method == "POST"
    return is_order or request.path.startswith(f"{_CALLS}/")


async def _call_named() -> str:
    """Return the call that the request is about, by its id or its order's key; "" if it is new."""
    if request.path != _CALLS:
        return (
            request.path.removeprefix(f"{_CALLS}/")
            .removesuffix("/hangup")
            .removesuffix("/transfer")
        )
    key: Any = request.headers.get(KEY_HEADER, "")
    if not key:
        try:
            key = json.loads(await request.get_data(cache=True))["idempotency_key"]
        except (ValueError, RecursionError, KeyError, TypeError):
            return ""
    return ref_of_key(key) if isinstance(key, str) and key else ""


def _headers() -> dict[str, str]:
    kept = {name: request.headers.get(name, "") for name in ("Content-Type", KEY_HEADER)}
    return {name: value for name, value in kept.items() if value}


def _as_response(reply: Reply) -> Response:
    return Response(reply.body, status=reply.status, content_type=reply.content_type)


async def calls_elsewhere(elders: Elders) -> list[dict[str, Any]]:
    """Return the calls that wait or live with older processes."""
    replies = await elders.everywhere(_CALLS)
    return [call for reply in replies.values() for call in json.loads(reply.body)["calls"]]
