"""Webhooks of ours on the admin listener: what waits to be told, what was given up, once more."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from quart import Response, jsonify

from voiced.admin.bodies import read_body
from voiced.switchboard.call_request import NothingMore

if TYPE_CHECKING:
    from quart_trio import QuartTrio

    from voiced.outbox import Outbox

Answer: TypeAlias = tuple[Response, int]


def add_webhook_routes(app: QuartTrio, outbox: Outbox | None) -> None:
    """Add what can be done about webhooks; `outbox` is None where nobody is told anything."""

    @app.get("/webhooks")
    async def webhooks() -> Response:
        return jsonify({"webhooks": [] if outbox is None else outbox.letters()})

    @app.post("/webhooks/<letter>/retry")
    async def retry(letter: str) -> Answer:
        await read_body(NothingMore)
        if outbox is None or not await outbox.send_again(letter):
            return jsonify({"error": "no webhook of this name was given up"}), 404
        return jsonify({"id": letter}), 202
