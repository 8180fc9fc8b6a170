"""The configuration of a replay: what the recording says, with an account and addresses of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from voiced.config import parse_config
from voiced.config.lines import LineConfig
from voiced.config.load import PLAIN_TABLES
from voiced.errors import ConfigError
from voiced.flight.reading import RecordingUnusable
from voiced.leg.leg import EndReason

if TYPE_CHECKING:
    from collections.abc import Mapping

    from voiced.config import Config
    from voiced.flight.reading import FlightRecording
    from voiced.testing.webhooks import Signer

API_KEY = "KEY_of_a_replay"

_OURS = {"server", "admin", "telnyx", "log", "records"}

_NO_ROOM = EndReason.REFUSED_BUSY.value


def replay_config(recording: FlightRecording, signer: Signer) -> Config:
    """Return the configuration; keys that this version does not know are left out.

    Raises:
        RecordingUnusable: this version cannot be set up like that.
    """
    recorded: Mapping[str, Any] = recording.header["config"]
    tables = {
        name: _known(recorded[name], model)
        for name, model in PLAIN_TABLES.items()
        if name not in _OURS and name in recorded
    }
    lines = {name: _known(line, LineConfig) for name, line in recorded["lines"].items()}
    ours = {
        "server": {
            "bind": "127.0.0.1:0",
            "public_url": recorded["base_url"],
            "call_url": recorded.get("call_url", ""),
        },
        "telnyx": {
            "api_key": API_KEY if recorded["has_api_key"] else "",
            "public_key": signer.public_key,
            "connection_id": recorded["connection_id"],
            "api_base": "http://127.0.0.1/v2",
        },
        "agent": {"provider": "echo"},
    }
    try:
        config = parse_config({**tables, "lines": lines, **ours}, {})
    except ConfigError as error:
        raise RecordingUnusable(
            f"{recording.name}: this voiced cannot be set up as it was: {error.problems[0]}"
        ) from error
    if any(order.data.get("reason") == _NO_ROOM for order in recording.of("order")):
        full = config.call.model_copy(update={"max_concurrent": 0})
        return config.model_copy(update={"call": full})
    return config


def _known(table: Mapping[str, Any], model: Any) -> dict[str, Any]:
    """Return the keys of `table` that are known; TOML has no null."""
    return {
        key: value
        for key, value in table.items()
        if key in model.model_fields and value is not None
    }
