"""Cut `call-control.json` out of Telnyx's OpenAPI document.

Usage: python trim.py spec3.json > call-control.json   (the YAML document, converted to JSON)

Kept: request and response of the commands that voiced sends, the error answer, every webhook of the
voice part with its example, and the schemas they refer to. Dropped: prose, titles and everything
that only documents. Properties of a command that voiced never sends keep their name and lose their
shape, which is what keeps the file small.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ACTIONS = (
    "answer",
    "bridge",
    "client_state_update",
    "gather",
    "gather_stop",
    "gather_using_audio",
    "gather_using_speak",
    "hangup",
    "playback_start",
    "playback_stop",
    "record_pause",
    "record_resume",
    "record_start",
    "record_stop",
    "refer",
    "reject",
    "send_dtmf",
    "speak",
    "streaming_start",
    "streaming_stop",
    "suppression_start",
    "suppression_stop",
    "transfer",
)
WEBHOOKS = ("call", "conference", "transcription")
PROSE = {"description", "title", "summary", "examples", "externalDocs", "discriminator"}
UNSENT = {
    "assistant",
    "conference_config",
    "conversation_relay_config",
    "deepfake_detection",
    "dialogflow_config",
    "sound_modifications",
    "transcription_config",
    "transcription_language",
    "voice_settings",
}


def trim(node: Any, *, names: bool = False, examples: bool = False) -> Any:
    """Return `node` without prose; `names` says that its keys are property names, not keywords."""
    if isinstance(node, list):
        return [trim(item) for item in node]
    if not isinstance(node, dict):
        return node
    if names:
        return {key: {} if key in UNSENT else trim(value) for key, value in node.items()}
    kept: dict[str, Any] = {}
    for key, value in node.items():
        if key == "example" and examples:
            kept[key] = value  # data, not a schema: its keys are not keywords
        elif key != "example" and key not in PROSE and not key.startswith("x-"):
            kept[key] = trim(value, names=key == "properties")
    return kept


def references(node: Any) -> set[str]:
    """Return the names of all schemas that `node` refers to."""
    if isinstance(node, list):
        return {name for item in node for name in references(item)}
    if not isinstance(node, dict):
        return set()
    found = {name for key, value in node.items() if key != "example" for name in references(value)}
    if isinstance(node.get("$ref"), str):
        found.add(node["$ref"].rpartition("/")[2])
    return found


def content(part: dict[str, Any]) -> Any:
    """Return the JSON schema of a request or response body."""
    return trim(part["content"]["application/json"]["schema"])


def operation(path: dict[str, Any]) -> dict[str, Any]:
    """Return the one thing that can be done at `path`."""
    found: dict[str, Any] = path.get("post") or path["put"]
    return found


def command(operation: dict[str, Any]) -> dict[str, Any]:
    """Return the request and the 200 answer of one REST operation."""
    return {
        "request": content(operation["requestBody"]),
        "response": content(operation["responses"]["200"]),
    }


def main(path: str) -> None:
    """Print the trimmed document."""
    document = json.loads(Path(path).read_text(encoding="utf-8"))
    schemas = document["components"]["schemas"]
    paths = document["paths"]
    result: dict[str, Any] = {
        "commands": {
            "dial": command(paths["/calls"]["post"]),
            **{
                name: command(operation(paths[f"/calls/{{call_control_id}}/actions/{name}"]))
                for name in ACTIONS
            },
        },
        "error": {"$ref": "#/components/schemas/call-control_Errors"},
        "webhooks": {
            name: content(item["post"]["requestBody"])
            for name, item in document["webhooks"].items()
            if name.lower().startswith(WEBHOOKS)
        },
    }
    kept: dict[str, Any] = {}
    wanted = references(result)
    while wanted:
        name = wanted.pop()
        kept[name] = trim(schemas[name], examples=True)
        wanted |= references(kept[name]) - kept.keys()
    result["components"] = {"schemas": dict(sorted(kept.items()))}
    json.dump(result, sys.stdout, indent=1, sort_keys=True)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main(sys.argv[1])
