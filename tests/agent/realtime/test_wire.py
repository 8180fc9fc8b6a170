"""The messages of the Realtime API."""

import json
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiced.agent.realtime import wire

CASES = [
    ({"type": "session.created", "session": {}}, wire.SessionReady(is_ours=False)),
    ({"type": "session.updated", "session": {}}, wire.SessionReady(is_ours=True)),
    ({"type": "input_audio_buffer.speech_started"}, wire.CallerStarts()),
    ({"type": "input_audio_buffer.speech_stopped"}, wire.CallerStops()),
    (
        {"type": "input_audio_buffer.committed", "item_id": "i"},
        wire.CallerCommitted(item_id="i"),
    ),
    (
        {
            "type": "conversation.item.input_audio_transcription.completed",
            "item_id": "i",
            "transcript": " Hello there.\n",
        },
        wire.CallerTranscribed(item_id="i", text="Hello there."),
    ),
    (
        {"type": "conversation.item.input_audio_transcription.failed", "item_id": "i"},
        wire.CallerTranscribed(item_id="i", text=""),
    ),
    (
        {"type": "response.created", "response": {"id": "r"}},
        wire.ResponseBegan(response_id="r"),
    ),
    (
        {
            "type": "response.output_audio.delta",
            "response_id": "r",
            "item_id": "i",
            "content_index": 0,
            "delta": "//8=",
        },
        wire.AudioPiece(response_id="r", item_id="i", content_index=0, payload=b"\xff\xff"),
    ),
    (
        {"type": "response.output_audio.done", "response_id": "r", "item_id": "i"},
        wire.AudioDone(response_id="r", item_id="i"),
    ),
    (
        {
            "type": "response.output_audio_transcript.delta",
            "response_id": "r",
            "item_id": "i",
            "delta": "Hel",
        },
        wire.WordsPiece(response_id="r", item_id="i", text="Hel"),
    ),
    (
        {
            "type": "response.output_audio_transcript.done",
            "response_id": "r",
            "item_id": "i",
            "transcript": "Hello",
        },
        wire.WordsDone(response_id="r", item_id="i", text="Hello"),
    ),
    (
        {
            "type": "response.done",
            "response": {
                "id": "r",
                "status": "completed",
                "output": [
                    {"type": "message"},
                    {"type": "function_call", "call_id": "c", "name": "n", "arguments": "{}"},
                ],
                "usage": {"total_tokens": 7},
            },
        },
        wire.ResponseDone(
            response_id="r",
            status="completed",
            calls=(wire.FunctionCall(call_id="c", name="n", arguments="{}"),),
            tokens=7,
        ),
    ),
    (
        {
            "type": "response.done",
            "response": {
                "id": "r",
                "status": "cancelled",
                "status_details": {"type": "cancelled", "reason": "turn_detected"},
                "output": [],
                "usage": None,
            },
        },
        wire.ResponseDone(response_id="r", status="cancelled", reason="turn_detected"),
    ),
    (
        {
            "type": "response.done",
            "response": {
                "id": "r",
                "status": "failed",
                "status_details": {"error": {"type": "server_error", "code": None}},
            },
        },
        wire.ResponseDone(response_id="r", status="failed", reason="server_error"),
    ),
    (
        {"type": "error", "error": {"type": "t", "code": None, "message": "a\nb"}},
        wire.ApiError(kind="t", code="", message="a b"),
    ),
    ({"type": "rate_limits.updated", "rate_limits": []}, wire.RateLimits(used_up_s=0.0)),
    (
        {
            "type": "rate_limits.updated",
            "rate_limits": [
                {"name": "requests", "limit": 100, "remaining": 3, "reset_seconds": 90},
                {"name": "tokens", "limit": 100, "remaining": 0, "reset_seconds": 12.5},
            ],
        },
        wire.RateLimits(used_up_s=12.5),
    ),
    ({"type": "response.content_part.added"}, wire.Other(kind="response.content_part.added")),
]


@pytest.mark.parametrize(("message", "event"), CASES)
def test_a_message_is_read(message, event):
    assert wire.parse(json.dumps(message)) == event


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "3",
        "{}",
        '{"type": "response.created"}',
        '{"type": "response.output_audio.delta", "response_id": "", "item_id": "", '
        '"content_index": 0, "delta": "%"}',
        '{"type": "error", "error": 3}',
        '{"type": []}',
        '{"type": "response.done", "response": {"id": "r", "status": "s", "output": [3]}}',
        "[" * 100_000,
    ],
)
def test_what_makes_no_sense_is_a_value_error(text):
    with pytest.raises(ValueError, match=r"."):
        wire.parse(text)


@given(st.text() | st.binary())
def test_any_text_is_an_event_or_a_value_error(text):
    with suppress(ValueError):
        wire.parse(text)


WISH = wire.SessionWish(
    instructions="Be brief.", voice="marin", speed=1.0, turn_detection={"type": "semantic_vad"}
)


def test_a_session_is_of_the_general_availability_api_in_mu_law():
    message = json.loads(wire.session_update(WISH))
    session = message["session"]
    assert (message["type"], session["type"]) == ("session.update", "realtime")
    assert session["output_modalities"] == ["audio"]
    assert session["audio"]["input"] == {
        "format": {"type": "audio/pcmu"},
        "noise_reduction": None,
        "transcription": None,
        "turn_detection": {"type": "semantic_vad"},
    }
    assert session["audio"]["output"] == {
        "format": {"type": "audio/pcmu"},
        "voice": "marin",
        "speed": 1.0,
    }
    assert session["max_output_tokens"] == "inf"


def test_audio_is_appended_as_base64():
    message = json.loads(wire.audio_append(b"\x00\xff"))
    assert message == {"type": "input_audio_buffer.append", "audio": "AP8="}


def test_texts_of_each_role_have_the_kind_that_the_api_wants():
    contents = {
        role: json.loads(wire.text_item(role, "x"))["item"]["content"][0]["type"]
        for role in ("system", "user", "assistant")
    }
    assert contents == {
        "system": "input_text",
        "user": "input_text",
        "assistant": "output_text",
    }


def test_the_other_messages():
    assert json.loads(wire.response_create()) == {"type": "response.create"}
    assert json.loads(wire.response_create("Greet."))["response"] == {"instructions": "Greet."}
    assert json.loads(wire.item_truncate("i", 0, 420)) == {
        "type": "conversation.item.truncate",
        "item_id": "i",
        "content_index": 0,
        "audio_end_ms": 420,
    }
    assert json.loads(wire.tool_output("c", "done"))["item"] == {
        "type": "function_call_output",
        "call_id": "c",
        "output": "done",
    }


@pytest.mark.parametrize(
    ("model", "language", "expected"),
    [
        ("", "en", None),
        ("gpt-transcribe", "", {"model": "gpt-transcribe"}),
        ("gpt-transcribe", "en", {"model": "gpt-transcribe", "languages": ["en"]}),
        ("whisper-1", "en", {"model": "whisper-1", "language": "en"}),
    ],
)
def test_who_writes_down_what_the_caller_says(model, language, expected):
    assert wire.transcription(model, language) == expected


def test_a_voice_of_ones_own_is_named_by_its_id_and_reasoning_only_where_it_is_wished():
    own = replace(WISH, voice="voice_123", reasoning_effort="low")
    session = json.loads(wire.session_update(own))["session"]
    assert session["audio"]["output"]["voice"] == {"id": "voice_123"}
    assert session["reasoning"] == {"effort": "low"}
    assert "reasoning" not in json.loads(wire.session_update(WISH))["session"]
