from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiced.testing.media import (
    Clear,
    MediaFault,
    MediaFormat,
    PlayMedia,
    SetMark,
    StreamParties,
    StreamWriter,
    parse,
)

PARTIES = StreamParties(
    stream_id="32de0dea-53cb-4b21-89a4-9e1819c043bc",
    user_id="u",
    call_control_id="v3:x",
    call_session_id="s",
    from_="+13125550100",
    to="+13125550199",
    custom_parameters={"run": "r1"},
)


def test_what_the_daemon_sends_is_read():
    payload = base64.b64encode(b"\xff\x00").decode()
    media = json.dumps({"event": "media", "media": {"payload": payload}, "stream_id": "x"})
    assert parse(media) == PlayMedia(payload=b"\xff\x00")
    assert parse('{"event": "mark", "mark": {"name": "a"}}') == SetMark(name="a")
    assert parse('{"event": "clear"}') == Clear()


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (b"\x00\x01", 100003),
        ("hello", 100003),
        ("[]", 100003),
        ('{"event": "dance"}', 100003),
        ('{"event": "media"}', 100003),
        ('{"event": "media", "media": {"payload": 7}}', 100003),
        ('{"event": "mark", "mark": {}}', 100003),
        ('{"event": "media", "media": {"payload": "a*b="}}', 100004),
        ('{"event": "media", "media": {"payload": "abc"}}', 100004),
    ],
)
def test_what_cannot_be_used_becomes_the_error_that_telnyx_sends(message, code, check_from_telnyx):
    fault = parse(message)
    assert isinstance(fault, MediaFault)
    assert fault.code == code
    check_from_telnyx(json.loads(StreamWriter(PARTIES).error(fault)))


@given(st.one_of(st.text(), st.binary()))
def test_no_message_raises(message):
    parse(message)


def test_every_message_of_telnyx_fits_the_schema_and_is_numbered_in_text(check_from_telnyx):
    writer = StreamWriter(PARTIES)
    frames = [
        json.loads(text)
        for text in (
            writer.connected(),
            writer.connected("token"),
            writer.start(MediaFormat()),
            writer.media("inbound", b"\xff" * 160, 0.0),
            writer.media("outbound", b"\xff" * 160, 0.0),
            writer.media("inbound", b"\xff" * 160, 0.02),
            writer.mark("a"),
            writer.dtmf("#", "2026-02-02T22:25:01.521992Z"),
            writer.stop(),
        )
    ]
    for frame in frames:
        check_from_telnyx(frame)
    assert [frame["sequence_number"] for frame in frames[2:]] == list("1234567")
    assert [frame["media"]["chunk"] for frame in frames[3:6]] == ["1", "1", "2"]
    assert frames[5]["media"]["timestamp"] == "20"
    assert frames[1]["connected"] == {"x-telnyx-streaming-auth-token": "token"}
