"""The media socket's language, both ways."""

import base64
import json
import struct
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voiced.errors import LocalProtocolError, RemoteProtocolError
from voiced.telnyx.ids import CallControlId, CallSessionId, StreamId
from voiced.telnyx.media import TRANSITIONS, MediaStream, StreamState
from voiced.telnyx.media_messages import (
    Connected,
    Dtmf,
    Mark,
    Media,
    MediaFormat,
    Started,
    Stopped,
    StreamError,
    UnknownMessage,
)

Check = Callable[..., None]
SESSIONS: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "data/telnyx/fixtures.json").read_text()
)["media_sessions"]
SESSION = next(iter(SESSIONS.values()))
STREAM = StreamId("32de0dea-53cb-4b21-89a4-9e1819c043bc")
CONNECTED: dict[str, Any] = {"event": "connected", "version": "1.0.0"}
SILENCE = b"\xff" * 160

STARTED = Started(
    stream_id=STREAM,
    call_control_id=CallControlId("v3:MdI91X4lWFEs7IgbBEOT9M4AigoY08M0WWZFISt1Yw2axZ_IiE4pqg"),
    call_session_id=CallSessionId("428c31b6-abf3-3bc1-b7f4-5013ef9657c1"),
    from_="+35319605860",
    to="+13129457420",
    client_state="eyJydW4iOiJyMSJ9",
    custom_parameters={"run": "r1"},
    media_format=MediaFormat(encoding="PCMU", sample_rate=8000, channels=1),
)


def start(**changes: Any) -> dict[str, Any]:
    """Return the session's `start` with `changes` inside; Ellipsis takes a key away."""
    inside = {**SESSION[1][1]["start"], **changes}
    inside = {key: value for key, value in inside.items() if value is not ...}
    return {**SESSION[1][1], "start": inside}


def media(**changes: Any) -> dict[str, Any]:
    inside = {**SESSION[2][1]["media"], **changes}
    inside = {key: value for key, value in inside.items() if value is not ...}
    return {**SESSION[2][1], "media": inside}


def receive(stream: MediaStream, message: object) -> object:
    return stream.receive(json.dumps(message))


def started_stream(outbound: MediaFormat | None = None, **changes: Any) -> MediaStream:
    stream = MediaStream(outbound=outbound)
    receive(stream, CONNECTED)
    receive(stream, start(**changes))
    return stream


MESSAGES: dict[str, tuple[dict[str, Any], object]] = {
    "connected": (CONNECTED, Connected(version="1.0.0", auth_token="")),
    "connected with token": (
        {**CONNECTED, "connected": {"x-telnyx-streaming-auth-token": "s3cret"}},
        Connected(version="1.0.0", auth_token="s3cret"),
    ),
    "start": (start(), STARTED),
    "media": (media(), Media(track="inbound", chunk=1, payload=SILENCE)),
    "dtmf": (
        {
            "event": "dtmf",
            "sequence_number": "5",
            "stream_id": STREAM,
            "occurred_at": "2025-06-05T08:54:19.698408Z",
            "dtmf": {"digit": "1"},
        },
        Dtmf(digit="1", occurred_at=datetime(2025, 6, 5, 8, 54, 19, 698408, tzinfo=UTC)),
    ),
    "mark": (
        {"event": "mark", "stream_id": STREAM, "mark": {"name": "e3:utt7"}},
        Mark(name="e3:utt7"),
    ),
    "error": (
        {
            "event": "error",
            "stream_id": STREAM,
            "payload": {"code": 100004, "title": "invalid_media", "detail": "not base64"},
        },
        StreamError(code=100004, title="invalid_media", detail="not base64"),
    ),
    "stop": (
        {"event": "stop", "stream_id": STREAM, "stop": {"user_id": "u"}},
        Stopped(),
    ),
}


def stream_in(state: StreamState) -> MediaStream:
    stream = MediaStream()
    path = {
        StreamState.CONNECTING: [],
        StreamState.CONNECTED: ["connected"],
        StreamState.STARTED: ["connected", "start"],
        StreamState.STOPPED: ["connected", "start", "stop"],
    }[state]
    for kind in path:
        receive(stream, MESSAGES[kind][0])
    assert stream.state is state
    return stream


@pytest.mark.parametrize("name", MESSAGES)
def test_each_kind_is_read(name: str, check_from_telnyx: Check) -> None:
    message, record = MESSAGES[name]
    check_from_telnyx(message)
    state = StreamState.CONNECTING if name.startswith("connected") else StreamState.STARTED
    assert receive(stream_in(state), message) == record


@pytest.mark.parametrize("state", StreamState)
@pytest.mark.parametrize("kind", [name for name in MESSAGES if " " not in name])
def test_state_table_decides_what_may_come(state: StreamState, kind: str) -> None:
    stream = stream_in(state)
    if kind in TRANSITIONS[state]:
        receive(stream, MESSAGES[kind][0])
        assert stream.state is TRANSITIONS[state][kind]
    else:
        with pytest.raises(RemoteProtocolError, match=kind):
            receive(stream, MESSAGES[kind][0])
        assert stream.state is state


def test_media_before_start_is_refused() -> None:
    for state in (StreamState.CONNECTING, StreamState.CONNECTED):
        with pytest.raises(RemoteProtocolError, match="'media' while connect"):
            receive(stream_in(state), media())


@pytest.mark.parametrize("kind", ["media", "stop", "start", "something.new"])
def test_nothing_may_follow_stop(kind: str) -> None:
    message = MESSAGES[kind][0] if kind in MESSAGES else {"event": kind}
    with pytest.raises(RemoteProtocolError, match="after stop"):
        receive(stream_in(StreamState.STOPPED), message)


@pytest.mark.parametrize("name", SESSIONS)
def test_whole_sessions_pass(name: str, check_to_telnyx: Check) -> None:
    stream = MediaStream()
    for side, message in SESSIONS[name]:
        if side == "from_telnyx":
            receive(stream, message)
            continue
        match message["event"]:
            case "media":
                sent = stream.media_message(base64.b64decode(message["media"]["payload"]))
            case "mark":
                sent = stream.mark_message(message["mark"]["name"])
            case _:
                sent = stream.clear_message()
        check_to_telnyx(json.loads(sent))
        assert json.loads(sent) == message


def test_start_is_kept() -> None:
    stream = MediaStream()
    assert stream.started is None
    assert receive(stream, start()) == stream.started == STARTED


def test_second_start_that_says_the_same_passes() -> None:
    stream = started_stream()
    assert receive(stream, start()) == STARTED


def test_second_start_with_another_format_is_refused() -> None:
    stream = started_stream()
    other = {"encoding": "PCMA", "sample_rate": 8000, "channels": 1}
    with pytest.raises(RemoteProtocolError, match="another media_format"):
        receive(stream, start(media_format=other))
    assert stream.started == STARTED


@pytest.mark.parametrize("kind", ["start", "media", "dtmf", "mark", "error", "stop"])
def test_message_of_another_stream_is_refused(kind: str) -> None:
    stream = started_stream()
    with pytest.raises(RemoteProtocolError, match="stream_id"):
        receive(stream, {**MESSAGES[kind][0], "stream_id": "another"})
    assert stream.state is StreamState.STARTED


@pytest.mark.parametrize("kind", ["media", "dtmf", "mark", "error", "stop"])
def test_message_without_stream_id_passes(kind: str) -> None:
    message, record = MESSAGES[kind]
    without = {key: value for key, value in message.items() if key != "stream_id"}
    assert receive(started_stream(), without) == record


@pytest.mark.parametrize("alias", ["stream_sid", "streamSid"])
def test_other_names_of_the_stream_id_pass(alias: str) -> None:
    message = start()
    message[alias] = message.pop("stream_id")
    assert receive(MediaStream(), message) == STARTED


@pytest.mark.parametrize(
    ("given_format", "understood"),
    [
        (None, MediaFormat(encoding="PCMU", sample_rate=8000, channels=1)),
        ({}, MediaFormat(encoding="PCMU", sample_rate=8000, channels=1)),
        (
            {"encoding": "l16", "sample_rate": "16000", "channels": "1"},
            MediaFormat(encoding="L16", sample_rate=16000, channels=1),
        ),
        (
            {"encoding": "amr-wb", "sample_rate": 16000, "channels": 1, "ptime": 20},
            MediaFormat(encoding="AMR-WB", sample_rate=16000, channels=1),
        ),
    ],
)
def test_media_format_is_read_generously(given_format: object, understood: MediaFormat) -> None:
    record = receive(MediaStream(), start(media_format=given_format))
    assert isinstance(record, Started)
    assert record.media_format == understood


@pytest.mark.parametrize(
    ("parameters", "understood"),
    [
        (..., {}),
        (None, {}),
        ({"run": "r1", "empty": None}, {"run": "r1", "empty": ""}),
        ([{"name": "run", "value": "r1"}, {"name": "b", "value": "2"}], {"run": "r1", "b": "2"}),
    ],
)
def test_custom_parameters_are_read_in_both_forms(parameters: Any, understood: object) -> None:
    record = receive(MediaStream(), start(custom_parameters=parameters))
    assert isinstance(record, Started)
    assert record.custom_parameters == understood


@pytest.mark.parametrize(
    ("changes", "record"),
    [
        ({"track": "inbound_track"}, Media(track="inbound", chunk=1, payload=SILENCE)),
        ({"track": "outbound"}, Media(track="outbound", chunk=1, payload=SILENCE)),
        ({"track": "outbound_track"}, Media(track="outbound", chunk=1, payload=SILENCE)),
        ({"chunk": 17}, Media(track="inbound", chunk=17, payload=SILENCE)),
        ({"timestamp": ...}, Media(track="inbound", chunk=1, payload=SILENCE)),
        ({"timestamp": 5, "new": {}}, Media(track="inbound", chunk=1, payload=SILENCE)),
        ({"payload": "/w=="}, Media(track="inbound", chunk=1, payload=b"\xff")),
        ({"payload": ""}, Media(track="inbound", chunk=1, payload=b"")),
    ],
)
def test_media_is_read_generously(changes: dict[str, Any], record: Media) -> None:
    assert receive(started_stream(), media(**changes)) == record


def test_digit_as_a_number_and_in_lower_case_passes() -> None:
    for given_digit, digit in ((7, "7"), ("a", "A"), ("#", "#")):
        message = {"event": "dtmf", "dtmf": {"digit": given_digit}}
        assert receive(started_stream(), message) == Dtmf(digit=digit, occurred_at=None)


def test_error_with_a_code_as_text_and_nothing_else_passes() -> None:
    message = {"event": "error", "payload": {"code": "100005"}}
    assert receive(started_stream(), message) == StreamError(code=100005, title="", detail="")


@pytest.mark.parametrize("state", [s for s in StreamState if s is not StreamState.STOPPED])
def test_unknown_message_passes_and_changes_nothing(state: StreamState) -> None:
    stream = stream_in(state)
    assert receive(stream, {"event": "weather"}) == UnknownMessage(event="weather")
    assert stream.state is state


WRONG_IN_STARTED: list[tuple[object, str]] = [
    ([], "must be a JSON object"),
    ("connected", "must be a JSON object"),
    ({}, "event: must be a non-empty string, is missing"),
    ({"event": 5}, "event: must be a non-empty string, is a number"),
    ({"event": ["media"]}, "event: must be a non-empty string, is an array"),
    ({"event": "media"}, "media: must be an object"),
    (media(payload=...), r"payload: must be a base64 string, is missing"),
    (media(payload=5), "payload: must be a base64 string"),
    (media(payload="/w="), "payload is not base64"),
    (media(payload="/w==\n"), "payload is not base64"),
    (media(payload="/w ="), "payload is not base64"),
    (media(payload="_w=="), "payload is not base64"),
    (media(payload="é"), "payload is not base64"),
    (media(payload="=="), "payload is not base64"),
    (media(track=...), "track"),
    (media(track="sideways"), "track"),
    (media(track=["inbound"]), "track"),
    (media(chunk=...), "chunk: must be a whole number, is missing"),
    (media(chunk="two"), "chunk: must be a whole number"),
    (media(chunk="²"), "chunk: must be a whole number"),
    (media(chunk=-1), "chunk: must lie in"),
    (media(chunk=1.0), "chunk: must be a whole number"),
    (media(chunk=True), "chunk: must be a whole number, is a boolean"),
    (media(chunk=2**64), "chunk: must lie in"),
    (media(chunk="9" * 4400), "chunk: must be a whole number"),
    ({"event": "dtmf", "dtmf": {}}, "digit"),
    ({"event": "dtmf", "dtmf": {"digit": "12"}}, "digit"),
    ({"event": "dtmf", "dtmf": {"digit": "x"}}, "digit"),
    ({"event": "dtmf", "dtmf": {"digit": "1"}, "occurred_at": "now"}, "occurred_at"),
    ({"event": "mark"}, "mark: must be an object"),
    ({"event": "mark", "mark": {"name": ""}}, "name"),
    ({"event": "error"}, "payload: must be an object"),
    ({"event": "error", "payload": {"code": "x"}}, "code"),
    ({"event": "stop", "stream_id": 5}, "stream_id"),
]


@pytest.mark.parametrize(("message", "reason"), WRONG_IN_STARTED)
def test_malformed_message_is_refused_and_changes_nothing(message: object, reason: str) -> None:
    stream = started_stream()
    with pytest.raises(RemoteProtocolError, match=reason):
        receive(stream, message)
    assert stream.state is StreamState.STARTED
    assert receive(stream, media()) == MESSAGES["media"][1]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"call_control_id": ...}, "call_control_id"),
        ({"call_control_id": 5}, "call_control_id"),
        ({"from": 5}, "from"),
        ({"client_state": ["x"]}, "client_state"),
        ({"custom_parameters": "run=r1"}, "custom_parameters"),
        ({"custom_parameters": ["run"]}, "custom_parameters.name"),
        ({"custom_parameters": {"run": {}}}, "custom_parameters.run"),
        ({"media_format": "PCMU"}, "media_format"),
        ({"media_format": {"encoding": 8}}, "media_format.encoding"),
        ({"media_format": {"sample_rate": "fast"}}, "media_format.sample_rate"),
        ({"media_format": {"sample_rate": 0}}, "must not be 0"),
        ({"media_format": {"sample_rate": 10**9}}, "media_format.sample_rate"),
        ({"media_format": {"channels": 3}}, "media_format.channels"),
    ],
)
def test_malformed_start_is_refused(changes: dict[str, Any], reason: str) -> None:
    stream = MediaStream()
    with pytest.raises(RemoteProtocolError, match=reason):
        receive(stream, start(**changes))
    assert stream.started is None
    assert stream.state is StreamState.CONNECTING


def test_malformed_connected_is_refused() -> None:
    for inside in ("token", ["token"], {"x-telnyx-streaming-auth-token": 5}):
        with pytest.raises(RemoteProtocolError, match="connected: connected"):
            receive(MediaStream(), {**CONNECTED, "connected": inside})


def test_start_without_stream_id_is_refused() -> None:
    message = start()
    del message["stream_id"]
    with pytest.raises(RemoteProtocolError, match="stream_id: is missing"):
        receive(MediaStream(), message)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "garbage",
        '{"event":"mark","mark":{"name":NaN}}',
        '{"event":"mark","mark":{"name":"a"}} trailing',
        '{"event":"error","payload":{"code":1e999}}',
        '{"event":' + "[" * 100_000,
        r'{"event":"mark","mark":{"name":"\ud800"}}',
    ],
)
def test_text_that_is_no_message_is_refused(text: str) -> None:
    with pytest.raises(RemoteProtocolError):
        started_stream().receive(text)


@pytest.mark.parametrize(
    ("media_format", "longest"),
    [
        ({"encoding": "PCMU", "sample_rate": 8000, "channels": 1}, 240_000),
        ({"encoding": "G722", "sample_rate": 8000, "channels": 1}, 240_000),
        ({"encoding": "L16", "sample_rate": 16000, "channels": 1}, 960_000),
    ],
)
def test_payload_over_30_s_is_refused(media_format: dict[str, Any], longest: int) -> None:
    stream = started_stream(media_format=media_format)
    record = receive(stream, media(payload=base64.b64encode(bytes(longest)).decode()))
    assert isinstance(record, Media)
    assert len(record.payload) == longest
    with pytest.raises(RemoteProtocolError, match="longer than 30 s"):
        receive(stream, media(payload=base64.b64encode(bytes(longest + 3)).decode()))


def test_secrets_and_numbers_stay_out_of_the_repr() -> None:
    shown = repr(MESSAGES["connected with token"][1]) + repr(STARTED) + repr(MESSAGES["dtmf"][1])
    for secret in ("s3cret", "+35319605860", "+13129457420", "digit"):
        assert secret not in shown


@pytest.mark.parametrize("n_bytes", [1, 2, 3, 160, 1600, 240_000])
def test_sent_media_carries_its_payload(n_bytes: int, check_to_telnyx: Check) -> None:
    payload = struct.pack("B", 0xFB) * n_bytes
    message = json.loads(started_stream().media_message(payload))
    check_to_telnyx(message)
    assert base64.b64decode(message["media"]["payload"], validate=True) == payload


@pytest.mark.parametrize(
    "name", ["e3:utt7", 'quote " and \\', "späť", "\x00\n", "\N{GRINNING FACE}"]
)
def test_sent_mark_carries_its_name(name: str, check_to_telnyx: Check) -> None:
    message = json.loads(started_stream().mark_message(name))
    check_to_telnyx(message)
    assert message["mark"]["name"] == name


def test_sent_clear_is_what_telnyx_takes(check_to_telnyx: Check) -> None:
    check_to_telnyx(json.loads(started_stream().clear_message()))


@pytest.mark.parametrize("state", [s for s in StreamState if s is not StreamState.STARTED])
def test_nothing_can_be_sent_unless_started(state: StreamState) -> None:
    stream = stream_in(state)
    sends: list[Callable[[], str]] = [
        lambda: stream.media_message(SILENCE),
        lambda: stream.mark_message("a"),
        stream.clear_message,
    ]
    for send in sends:
        with pytest.raises(LocalProtocolError, match=f"cannot be sent while {state.value}"):
            send()


L16 = MediaFormat(encoding="L16", sample_rate=16000, channels=1)


@pytest.mark.parametrize(
    ("outbound", "n_bytes", "reason"),
    [
        (None, 0, "1..240000"),
        (None, 240_001, "1..240000"),
        (L16, 960_002, "1..960000"),
        (L16, 641, "inside a sample"),
    ],
)
def test_payload_that_telnyx_would_misplay_is_refused(
    outbound: MediaFormat | None, n_bytes: int, reason: str
) -> None:
    with pytest.raises(LocalProtocolError, match=reason):
        started_stream(outbound).media_message(bytes(n_bytes))


def test_mark_without_a_name_is_refused() -> None:
    with pytest.raises(LocalProtocolError, match="name"):
        started_stream().mark_message("")


def test_outbound_limit_follows_what_was_declared_and_not_what_comes() -> None:
    stream = started_stream(L16)  # start says PCMU
    assert len(stream.media_message(bytes(960_000))) > 960_000 * 4 // 3


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=6,
)
keys = st.sampled_from(
    ["event", "stream_id", "start", "media", "dtmf", "mark", "payload", "connected", "version"]
)
inner_keys = st.sampled_from(
    ["track", "chunk", "payload", "name", "digit", "code", "media_format", "call_control_id"]
)


def reads_or_refuses(state: StreamState, text: str) -> None:
    stream = stream_in(state)
    try:
        record = stream.receive(text)
    except RemoteProtocolError:
        assert stream.state is state
    else:
        repr(record).encode()


@given(st.sampled_from(StreamState), st.text(max_size=200))
def test_any_text_gives_a_record_or_a_refusal(state: StreamState, text: str) -> None:
    reads_or_refuses(state, text)


@settings(max_examples=25)
@given(
    st.sampled_from(StreamState),
    st.sampled_from(sorted(MESSAGES)),
    st.dictionaries(keys, json_values | st.dictionaries(inner_keys, json_values), max_size=2),
    st.dictionaries(inner_keys, json_values, max_size=2),
)
def test_any_damaged_message_gives_a_record_or_a_refusal(
    state: StreamState, name: str, outer: dict[str, Any], inner: dict[str, Any]
) -> None:
    message = {**MESSAGES[name][0], **outer}
    kind = message.get("event")
    if isinstance(kind, str) and isinstance(message.get(kind), dict):
        message[kind] = {**message[kind], **inner}
    reads_or_refuses(state, json.dumps(message))
