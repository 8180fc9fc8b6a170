"""Right messages of Telnyx, to be changed: webhooks and media messages. Pure."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

_FIXTURES = json.loads(
    (Path(__file__).parents[1] / "data/telnyx/fixtures.json").read_text(encoding="utf-8")
)
_PAYLOADS: dict[str, dict[str, Any]] = {
    hook["data"]["event_type"]: hook["data"]["payload"]
    for hook in reversed(_FIXTURES["webhooks"].values())
}
EVENT_TYPES = sorted(
    {
        *_PAYLOADS,
        "call.enqueued",
        "call.hold",
        "call.machine.premium.screening.detected",
        "call.playback.started",
        "call.refer.failed",
        "call.refer.started",
        "call.something.new",
    }
)
STREAM_ID = "32de0dea-53cb-4b21-89a4-9e1819c043bc"


def webhook(number: int, event_type: str, leg: str, client_state: str | None) -> dict[str, Any]:
    """Return the `number`-th webhook, about `leg`."""
    payload = {
        **_PAYLOADS.get(event_type, {}),
        "call_control_id": leg,
        "call_leg_id": f"leg of {leg}",
        "call_session_id": "session",
        "connection_id": "1494404757140276705",
        "from": "+13125550100",
        "to": "+13125550199",
    }
    if client_state is not None:
        payload["client_state"] = client_state
    return {
        "data": {
            "record_type": "event",
            "event_type": event_type,
            "id": f"hook-{number}",
            "occurred_at": "2026-11-22T10:00:00.000000Z",
            "payload": payload,
        },
        "meta": {"attempt": 1, "delivered_to": "https://voiced/telnyx/webhook"},
    }


def media_message(number: int, event: str, leg: str) -> dict[str, Any]:
    """Return the `number`-th message of a media socket for `leg`."""
    message: dict[str, Any] = {"event": event, "stream_id": STREAM_ID}
    match event:
        case "connected":
            return {"event": "connected", "version": "1.0.0"}
        case "start":
            media_format = {"encoding": "PCMU", "sample_rate": 8000, "channels": 1}
            message["start"] = {"call_control_id": leg, "media_format": media_format}
        case "media":
            return frame(number, 160, "inbound")
        case "dtmf":
            message |= {"occurred_at": "2026-11-22T10:00:01Z", "dtmf": {"digit": "5"}}
        case "mark":
            message["mark"] = {"name": "e0:1"}
        case "error":
            message["payload"] = {"code": 100003, "title": "malformed_frame", "detail": "none"}
        case "stop":
            message["stop"] = {"call_control_id": leg}
        case _:
            pass
    return {**message, "sequence_number": str(number)}


def frame(chunk: int, n_bytes: int, track: str) -> dict[str, Any]:
    """Return a media message with so many code words of µ-law."""
    media = {
        "track": track,
        "chunk": str(chunk),
        "timestamp": str(chunk * 20),
        "payload": base64.b64encode(b"\x80\x00\xff\x7f"[:n_bytes] * (n_bytes // 4 or 1)).decode(),
    }
    return {
        "event": "media",
        "sequence_number": str(chunk),
        "stream_id": STREAM_ID,
        "media": media,
    }
