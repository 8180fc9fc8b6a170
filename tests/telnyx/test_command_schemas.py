"""Every command against Telnyx's request schema: its fields, its enumerations, its values."""

import json
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.telnyx.strategies import records
from voiced.telnyx import commands
from voiced.telnyx.commands import limits

Check = Callable[..., None]
REST = json.loads((Path(__file__).parents[1] / "data/telnyx/call-control.json").read_text())
COMMANDS: dict[str, type[Any]] = {kind.action: kind for kind in get_args(commands.Command)}

WEBHOOK_ROUTING = {  # the application's own settings serve; GET would leave the body unsigned
    "webhook_retries_policies",
    "webhook_url_method",
    "webhook_urls",
    "webhook_urls_method",
}
DIALOGFLOW = {"dialogflow_config", "enable_dialogflow"}
INSTEAD_OF_US = {  # Telnyx's own agents and recognizers, which would take our place
    "assistant",
    "conversation_relay_config",
    "deepfake_detection",
    "transcription",
    "transcription_config",
}
LEFT_OUT: dict[str, set[str]] = {
    # Its schema knows one order of codecs only, and means forked media.
    "answer": WEBHOOK_ROUTING | INSTEAD_OF_US | {"preferred_codecs", "sound_modifications"},
    "bridge": {"queue", "video_room_context", "video_room_id"},
    "dial": WEBHOOK_ROUTING
    | INSTEAD_OF_US
    | DIALOGFLOW
    | {"conference_config", "sound_modifications"},
    "gather_using_speak": {"voice_settings"},  # nine providers' own; the voice's name says enough
    "record_start": {
        "transcription_language",
        "transcription_max_speaker_count",
        "transcription_min_speaker_count",
        "transcription_profanity_filter",
        "transcription_speaker_diarization",
    },
    "speak": {"voice_settings"},
    "streaming_start": DIALOGFLOW,
    "transfer": WEBHOOK_ROUTING | {"sound_modifications"},
}
CLOSED_HERE = {  # Telnyx's schema has plain text and names the values in prose
    "loop",
    "park_after_unbridge",
    "preferred_codecs",
    "stop",
    "target_legs",
}


def schema(node: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in node:
        node = REST["components"]["schemas"][node["$ref"].rpartition("/")[2]]
    return node


def properties(action: str) -> Mapping[str, Mapping[str, Any]]:
    found = schema(REST["commands"][action]["request"])["properties"]
    return {name: schema(value) for name, value in found.items()}


def options(kind: type[Any]) -> list[tuple[type[Any], str]]:
    """Return the class and those of its option groups, each with the prefix of its keys."""
    groups = {"record": (commands.RecordOptions, "record_")}
    found = [groups[item.name] for item in fields(kind) if item.name in groups]
    return [(kind, ""), *found]


def keys(kind: type[Any], action: str) -> set[str]:
    """Return every key that the command can put into its body."""
    found = {"command_id"} if action != "client_state_update" else set()
    for item in fields(kind):
        if item.name == "stream":
            found |= stream_keys(action)
        elif item.name == "record":
            found |= {"record", *(f"record_{x.name}" for x in fields(commands.RecordOptions))}
        elif item.metadata.get("sent", True):
            found.add(item.metadata.get("key", item.name.rstrip("_")))
    return found


def stream_keys(action: str) -> set[str]:
    given: dict[str, Any] = {} if action == "answer" else {"auth_token": "t"}
    if action == "streaming_start":
        given["custom_parameters"] = {"a": "b"}
    return set(commands.StreamOptions(url="wss://a.example", **given).render(action))


def test_every_command_of_the_schema_has_a_class() -> None:
    assert COMMANDS.keys() == REST["commands"].keys()


@pytest.mark.parametrize("action", COMMANDS)
def test_each_key_of_telnyx_is_spoken_or_left_out_on_purpose(action: str) -> None:
    spoken = keys(COMMANDS[action], action)
    left_out = LEFT_OUT.get(action, set())
    assert spoken | left_out == properties(action).keys()
    assert not spoken & left_out


@pytest.mark.parametrize("action", COMMANDS)
def test_enumerations_are_telnyx_own(action: str) -> None:
    known = properties(action)
    for kind, prefix in options(COMMANDS[action]):
        for name, rule in limits.rules_of(kind).items():
            if rule.choices and name not in CLOSED_HERE:
                assert set(rule.choices) == set(known[prefix + name]["enum"]), name
            elif rule.choices:
                assert "enum" not in known[name] or set(rule.choices) == set(known[name]["enum"])


def test_enumerations_of_the_stream_are_telnyx_own() -> None:
    known = properties("dial")
    names = {"target_legs": "stream_bidirectional_target_legs"}
    rules = limits.rules_of(commands.StreamOptions).items()
    closed = {names.get(name, f"stream_{name}"): set(r.choices) for name, r in rules if r.choices}
    assert closed == {
        name: set(value["enum"])
        for name, value in known.items()
        if name.startswith("stream_") and "enum" in value
    }


@pytest.mark.parametrize(
    ("kind", "action", "key"),
    [
        (commands.MachineDetectionConfig, "dial", "answering_machine_detection_config"),
        (commands.MachineDetectionConfig, "transfer", "answering_machine_detection_config"),
        (commands.NoiseSuppressionConfig, "suppression_start", "noise_suppression_engine_config"),
    ],
)
def test_nested_settings_are_telnyx_own(kind: type[Any], action: str, key: str) -> None:
    known = {name: schema(x) for name, x in properties(action)[key]["properties"].items()}
    assert {item.name for item in fields(kind)} == known.keys()
    for name, rule in limits.rules_of(kind).items():
        assert set(rule.choices) == set(known[name].get("enum", ()))
        for limit in rule.limits:
            assert isinstance(limit, limits.Within)
            assert limit.low == known[name].get("minimum", 0)
            assert limit.high == known[name].get("maximum")


@settings(max_examples=8, suppress_health_check=[HealthCheck.filter_too_much])
@given(data=st.data())
@pytest.mark.parametrize("action", COMMANDS)
def test_whatever_our_limits_let_pass_telnyx_takes(
    action: str, data: st.DataObject, check_command: Check
) -> None:
    command = data.draw(records(COMMANDS[action]))
    body = json.loads(json.dumps(command.body()))
    check_command(action, body)
    assert None not in body.values()
    assert "action" not in body
    assert body.get("command_id", command.command_id) == command.command_id
