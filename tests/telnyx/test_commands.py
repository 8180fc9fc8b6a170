"""Commands as values, checked against Telnyx's own request schemas."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from voiced.errors import LocalProtocolError
from voiced.telnyx.commands import (
    Answer,
    Bridge,
    ClientStateUpdate,
    Command,
    Dial,
    Gather,
    GatherStop,
    GatherUsingAudio,
    GatherUsingSpeak,
    Hangup,
    MachineDetectionConfig,
    NoiseSuppressionConfig,
    PlaybackStart,
    PlaybackStop,
    RecordOptions,
    RecordPause,
    RecordResume,
    RecordStart,
    RecordStop,
    Refer,
    Reject,
    SendDtmf,
    Speak,
    StreamingStart,
    StreamingStop,
    StreamOptions,
    SuppressionStart,
    SuppressionStop,
    Transfer,
)
from voiced.telnyx.ids import CallControlId, StreamId

Check = Callable[..., None]
REST: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "data/telnyx/fixtures.json").read_text()
)["rest"]
LEG = CallControlId("v3:MdI91X4lWFEs7IgbBEOT9M4AigoY08M0WWZFISt1Yw2axZ_IiE4pqg")
URL = "wss://agent.example.com/telnyx/media/one-time-token"
STREAM = StreamOptions(url=URL)
HD_STREAM = StreamOptions(
    url=URL,
    track="both_tracks",
    codec="L16",
    bidirectional_codec="L16",
    bidirectional_sampling_rate=16000,
    target_legs="both",
    auth_token="one-time-token",
)
STATE = "eyJydW4iOiJyMSJ9"

COMMANDS: dict[str, Command] = {
    "answer": Answer(call_control_id=LEG),
    "answer with everything": Answer(
        call_control_id=LEG,
        client_state=STATE,
        stream=STREAM,
        record=RecordOptions(max_length=0, custom_file_name="call"),
        send_silence_when_idle=True,
        webhook_url="https://agent.example.com/telnyx/webhook",
    ),
    "reject": Reject(call_control_id=LEG, cause="USER_BUSY"),
    "hangup": Hangup(call_control_id=LEG, client_state=STATE),
    "streaming_start": StreamingStart(call_control_id=LEG, stream=STREAM),
    "streaming_start with everything": StreamingStart(
        call_control_id=LEG,
        purpose="stream 2",
        client_state=STATE,
        stream=StreamOptions(
            url=URL,
            codec="default",
            bidirectional_codec="AMR-WB",
            bidirectional_sampling_rate=16000,
            auth_token="x" * 4000,
            custom_parameters={"run": "r1", "b": ""},
        ),
    ),
    "streaming_stop": StreamingStop(call_control_id=LEG),
    "streaming_stop of one": StreamingStop(
        call_control_id=LEG, stream_id=StreamId("32de0dea-53cb-4b21-89a4-9e1819c043bc")
    ),
    "speak": Speak(call_control_id=LEG, payload="Sorry.", voice="Telnyx.KokoroTTS.af"),
    "speak with everything": Speak(
        call_control_id=LEG,
        purpose="apology",
        client_state=STATE,
        payload="x" * 3000,
        voice="AWS.Polly.Joanna-Neural",
        payload_type="ssml",
        language="en-US",
        service_level="premium",
        stop="current",
        target_legs="self",
    ),
    "send_dtmf": SendDtmf(call_control_id=LEG, digits="1www2WABCD*#", duration_millis=100),
    "bridge": Bridge(call_control_id=LEG, other=CallControlId("v3:other")),
    "client_state_update": ClientStateUpdate(call_control_id=LEG, client_state=STATE),
    "gather": Gather(call_control_id=LEG, maximum_digits=4, terminating_digit="*"),
    "gather_using_speak": GatherUsingSpeak(call_control_id=LEG, payload="Sorry.", voice="v"),
    "gather_using_audio": GatherUsingAudio(call_control_id=LEG, media_name="menu"),
    "gather_stop": GatherStop(call_control_id=LEG),
    "playback_start": PlaybackStart(
        call_control_id=LEG, audio_url="https://agent.example.com/hold.mp3", loop="infinity"
    ),
    "playback_stop": PlaybackStop(call_control_id=LEG, stop="all"),
    "record_start": RecordStart(call_control_id=LEG, play_beep=True),
    "record_pause": RecordPause(call_control_id=LEG, purpose="card 1"),
    "record_resume": RecordResume(call_control_id=LEG, purpose="card 1 told"),
    "record_stop": RecordStop(call_control_id=LEG),
    "refer": Refer(
        call_control_id=LEG,
        sip_address="sip:+35319605860@sip.example.com",
        sip_headers={"User-to-User": "00c8;encoding=hex"},
    ),
    "suppression_start": SuppressionStart(
        call_control_id=LEG,
        noise_suppression_engine="Krisp",
        noise_suppression_engine_config=NoiseSuppressionConfig(suppression_level=50),
    ),
    "suppression_stop": SuppressionStop(call_control_id=LEG),
    "transfer": Transfer(call_control_id=LEG, to="+35319605860"),
    "transfer with everything": Transfer(
        call_control_id=LEG,
        client_state=STATE,
        to="sip:agent@sip.example.com",
        from_="+13129457420",
        from_display_name="voiced",
        target_leg_client_state=STATE,
        timeout_secs=600,
        time_limit_secs=14400,
        answering_machine_detection="premium",
        answering_machine_detection_config=MachineDetectionConfig(greeting_duration_millis=3000),
        preferred_codecs=("G722", "PCMU"),
        send_digits_on_answer="ww200",
        custom_headers={"X-Case": "17"},
        early_media=False,
        mute_dtmf="opposite",
        park_after_unbridge="self",
        audio_url="https://agent.example.com/hold.mp3",
        webhook_url="https://agent.example.com/telnyx/webhook",
        record=RecordOptions(format="mp3", channels="single", track="inbound"),
    ),
    "dial": Dial(
        connection_id="1494404757140276705",
        purpose="dial 1",
        to="+35319605860",
        from_="+13129457420",
    ),
    "dial with everything": Dial(
        connection_id="1494404757140276705",
        purpose="dial 2",
        client_state=STATE,
        to=("+35319605860", "+35319605861"),
        from_="+13129457420",
        from_display_name="voiced",
        timeout_secs=5,
        time_limit_secs=30,
        answering_machine_detection="greeting_end",
        stream=HD_STREAM,
        stream_establish_before_call_originate=True,
        send_silence_when_idle=True,
        record=RecordOptions(),
        link_to=LEG,
        bridge_intent=True,
        bridge_on_answer=True,
        park_after_unbridge="self",
        privacy="id",
        audio_url="https://agent.example.com/a.mp3",
        webhook_url="https://agent.example.com/telnyx/webhook",
    ),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_bodies_are_what_telnyx_takes(name: str, check_command: Check) -> None:
    command = COMMANDS[name]
    body = json.loads(json.dumps(command.body()))
    check_command(command.action, body)
    if command.method == "POST":
        assert body["command_id"] == command.command_id
    assert None not in body.values()


@pytest.mark.parametrize("name", COMMANDS)
def test_paths_name_the_action(name: str) -> None:
    command = COMMANDS[name]
    assert command.method == ("PUT" if name == "client_state_update" else "POST")
    if isinstance(command, Dial):
        assert command.path == "/calls"
    else:
        assert command.action == name.split()[0]
        assert command.path == f"/calls/{LEG.replace(':', '%3A')}/actions/{command.action}"


def test_hostile_call_control_id_stays_one_part_of_the_path() -> None:
    command = Hangup(call_control_id=CallControlId("a/../b?c#d e%2F"))
    assert command.path == "/calls/a%2F..%2Fb%3Fc%23d%20e%252F/actions/hangup"


@pytest.mark.parametrize("leg", ["", ".", ".."])
def test_command_to_no_call_is_refused(leg: str) -> None:
    with pytest.raises(LocalProtocolError, match="hangup: has no id"):
        Hangup(call_control_id=CallControlId(leg))


def test_dial_body_is_rendered_with_telnyx_names() -> None:
    fixture = next(case for case in REST if case["name"] == "dial with media stream and AMD")
    command = Dial(
        connection_id="1494404757140276705",
        purpose="x",
        client_state=STATE,
        to="+35319605860",
        from_="+13129457420",
        timeout_secs=30,
        answering_machine_detection="premium",
        stream=STREAM,
    )
    assert {**command.body(), "command_id": "c-dial-1"} == fixture["body"]


def test_streaming_start_body_is_rendered_with_telnyx_names() -> None:
    fixture = next(case for case in REST if case["name"] == "streaming_start L16")
    stream = StreamOptions(
        url=URL,
        codec="L16",
        bidirectional_codec="L16",
        bidirectional_sampling_rate=16000,
        auth_token="one-time-token",
        custom_parameters={"run": "r1"},
    )
    command = StreamingStart(call_control_id=LEG, stream=stream)
    assert {**command.body(), "command_id": "c-str-1"} == fixture["body"]


def test_answer_has_no_sampling_rate() -> None:
    body = Answer(call_control_id=LEG, stream=STREAM).body()
    assert body["stream_bidirectional_mode"] == "rtp"
    assert "stream_bidirectional_sampling_rate" not in body


@pytest.mark.parametrize(
    "stream",
    [
        StreamOptions(url=URL, bidirectional_codec="L16", bidirectional_sampling_rate=16000),
        StreamOptions(url=URL, auth_token="t"),
        StreamOptions(url=URL, custom_parameters={"a": "b"}),
    ],
)
def test_stream_that_answer_cannot_carry_is_refused(stream: StreamOptions) -> None:
    with pytest.raises(LocalProtocolError, match="streaming_start"):
        Answer(call_control_id=LEG, stream=stream)


def test_dial_cannot_carry_custom_parameters() -> None:
    with pytest.raises(LocalProtocolError, match="streaming_start"):
        dial(stream=StreamOptions(url=URL, custom_parameters={"a": "b"}))


def test_command_id_is_the_same_for_the_same_call_and_purpose() -> None:
    again = Answer(call_control_id=LEG, send_silence_when_idle=True)
    assert again.command_id == COMMANDS["answer"].command_id
    # Written out: a new release must not change it under a call that goes on.
    assert COMMANDS["answer"].command_id == "16d8ba4a-cbcd-5290-bbdb-6a929a1ee86f"


def test_command_ids_differ_between_calls_purposes_and_actions() -> None:
    other = CallControlId("v3:other")
    commands: list[Command] = [
        Answer(call_control_id=LEG),
        Answer(call_control_id=other),
        Hangup(call_control_id=LEG),
        Hangup(call_control_id=LEG, purpose="teardown"),
        dial(purpose="1"),
        dial(purpose="2"),
    ]
    assert len({command.command_id for command in commands}) == len(commands)


def test_a_command_names_what_telnyx_names_otherwise() -> None:
    bridge = COMMANDS["bridge"].body()
    assert bridge["call_control_id"] == "v3:other"
    transfer = COMMANDS["transfer with everything"].body()
    assert transfer["from"] == "+13129457420"
    assert transfer["preferred_codecs"] == "G722,PCMU"
    assert transfer["custom_headers"] == [{"name": "X-Case", "value": "17"}]
    assert transfer["answering_machine_detection_config"] == {"greeting_duration_millis": 3000}


def test_client_state_update_is_all_that_its_body_says() -> None:
    assert COMMANDS["client_state_update"].body() == {"client_state": STATE}


def dial(**changes: Any) -> Dial:
    given_values: dict[str, Any] = {
        "connection_id": "1",
        "purpose": "p",
        "to": "+15550100",
        "from_": "+15550101",
    }
    return Dial(**{**given_values, **changes})


def speak(**changes: Any) -> Speak:
    given_values: dict[str, Any] = {"call_control_id": LEG, "payload": "x", "voice": "v"}
    return Speak(**{**given_values, **changes})


def transfer(**changes: Any) -> Transfer:
    return Transfer(**{"call_control_id": LEG, "to": "+15550100", **changes})


def stream(**changes: Any) -> StreamOptions:
    return StreamOptions(**{"url": URL, **changes})


def play(**changes: Any) -> PlaybackStart:
    return PlaybackStart(**{"call_control_id": LEG, "media_name": "m", **changes})


def gather(**changes: Any) -> Gather:
    return Gather(call_control_id=LEG, **changes)


def gather_by_audio(**changes: Any) -> GatherUsingAudio:
    return GatherUsingAudio(**{"call_control_id": LEG, "media_name": "m", **changes})


def bridge(**changes: Any) -> Bridge:
    return Bridge(**{"call_control_id": LEG, "other": CallControlId("v3:other"), **changes})


def refer(**changes: Any) -> Refer:
    return Refer(**{"call_control_id": LEG, "sip_address": "sip:a@b.example", **changes})


def update(**changes: Any) -> ClientStateUpdate:
    return ClientStateUpdate(**{"call_control_id": LEG, "client_state": STATE, **changes})


@pytest.mark.parametrize(
    ("make", "changes", "reason"),
    [
        (speak, {"payload": ""}, "payload: is empty"),
        (speak, {"payload": " \n"}, "payload: is empty"),
        (speak, {"payload": "x" * 3001}, r"payload: 3001 characters, allowed are 1\.\.3000"),
        (speak, {"voice": ""}, "voice: is empty"),
        (speak, {"payload_type": "html"}, "payload_type: 'html' is none of text, ssml"),
        (speak, {"target_legs": "mine"}, "target_legs"),
        (speak, {"client_state": "not base64"}, "client_state: is not base64"),
        (speak, {"client_state": "e"}, "client_state: is not base64"),
        (stream, {"url": "https://x"}, "stream_url: must begin with wss:// or ws://"),
        (stream, {"url": "wss://" + "x" * 1995}, "stream_url: 2001 characters"),
        (stream, {"codec": "pcmu"}, "stream_codec: 'pcmu' is none of PCMU"),
        (stream, {"bidirectional_codec": "default"}, "stream_bidirectional_codec"),
        (stream, {"bidirectional_sampling_rate": 44100}, "44100 is none of 8000, 16000"),
        (stream, {"bidirectional_mode": "raw"}, "stream_bidirectional_mode"),
        (stream, {"target_legs": ""}, "stream_bidirectional_target_legs"),
        (stream, {"track": "inbound"}, "stream_track"),
        (stream, {"auth_token": ""}, "stream_auth_token: is empty"),
        (
            stream,
            {"auth_token": "x" * 4001},
            "stream_auth_token: 4001 characters",
        ),
        (transfer, {"to": ""}, "to: is empty"),
        (transfer, {"timeout_secs": 4}, r"timeout_secs: 4 is not in 5\.\.600"),
        (transfer, {"time_limit_secs": 14401}, "time_limit_secs"),
        (transfer, {"target_leg_client_state": "?"}, "target_leg_client_state"),
        (transfer, {"mute_dtmf": "all"}, "mute_dtmf"),
        (transfer, {"webhook_url": "ftp://x"}, "webhook_url: must begin with https://"),
        (dial, {"to": ()}, "to: is empty"),
        (dial, {"to": ("+15550100", "")}, "to: is empty"),
        (dial, {"from_": ""}, "from: is empty"),
        (dial, {"purpose": ""}, "purpose"),
        (dial, {"connection_id": ""}, "dial: has no id"),
        (dial, {"timeout_secs": 601}, "timeout_secs"),
        (dial, {"answering_machine_detection": "yes"}, "answering_machine_detection"),
        (dial, {"privacy": "all"}, "privacy"),
        (dial, {"to": "12345"}, r"to: must be a number as \+E.164 or a SIP URI"),
        (dial, {"to": ("+15550100", "sip:")}, "to: must be a number"),
        (dial, {"to": "+15550100\r\nX: y"}, "to: must be a number"),
        (dial, {"bridge_on_answer": True}, "bridge_on_answer: needs link_to"),
        (dial, {"bridge_intent": True}, "bridge_intent: needs link_to"),
        (dial, {"park_after_unbridge": "self"}, "park_after_unbridge: needs link_to"),
        (dial, {"audio_url": "https://a", "media_name": "b"}, "audio_url, media_name: only one"),
        (dial, {"from_display_name": "A & B"}, "from_display_name: must be of letters"),
        (dial, {"from_display_name": "x" * 129}, "from_display_name: 129 characters"),
        (dial, {"send_digits_on_answer": "1" * 65}, "send_digits_on_answer: 65 characters"),
        (dial, {"custom_headers": {"X-A": "1\r\nX-B: 2"}}, "custom_headers: the value of X-A"),
        (dial, {"custom_headers": {"X A": "1"}}, "custom_headers: 'X A' is no header name"),
        (transfer, {"sip_headers": {"Diversion": "x"}}, "sip_headers: Diversion is not User-to"),
        (transfer, {"audio_url": "https://a b"}, "audio_url: holds a space"),
        (transfer, {"timeout_secs": "30"}, "timeout_secs: must be int, is str"),
        (play, {"audio_url": "https://a"}, "exactly one of them"),
        (play, {"media_name": None}, "exactly one of them"),
        (play, {"loop": 0}, "loop: 0 is less than 1"),
        (play, {"loop": "forever"}, "loop: must be int|loop: 'forever' is none of infinity"),
        (play, {"media_name": None, "playback_content": "%"}, "playback_content: is not base64"),
        (gather, {"minimum_digits": 5, "maximum_digits": 4}, "minimum_digits: 5 is more than"),
        (gather, {"maximum_digits": 129}, r"maximum_digits: 129 is not in 1\.\.128"),
        (gather, {"terminating_digit": "12"}, "terminating_digit: must be one of 0-9"),
        (gather, {"valid_digits": "1w"}, "valid_digits: must be of 0-9"),
        (gather, {"gather_id": "x" * 41}, "gather_id: 41 characters"),
        (gather_by_audio, {"media_name": None}, "exactly one of them"),
        (
            gather_by_audio,
            {"invalid_audio_url": "https://a", "invalid_media_name": "b"},
            "invalid_media_name: only one",
        ),
        (bridge, {"other": ""}, "call_control_id: is empty"),
        (bridge, {"other": LEG}, "a leg cannot join itself"),
        (refer, {"sip_address": "+15550100"}, "sip_address: must be a SIP URI"),
        (refer, {"sip_headers": {"From": "x"}}, "sip_headers: From"),
        (update, {"client_state": None}, "client_state: is missing"),
    ],
)
def test_what_telnyx_would_refuse_is_refused_here(
    make: Callable[..., object], changes: dict[str, Any], reason: str
) -> None:
    make()
    with pytest.raises(LocalProtocolError, match=reason):
        make(**changes)


@pytest.mark.parametrize("digits", ["", "12 3", "E", "1,2"])
def test_keys_that_no_telephone_has_are_refused(digits: str) -> None:
    with pytest.raises(LocalProtocolError, match="digits"):
        SendDtmf(call_control_id=LEG, digits=digits)


@pytest.mark.parametrize(
    "changes", [{"format": "ogg"}, {"max_length": -1}, {"custom_file_name": ""}]
)
def test_recordings_that_telnyx_would_refuse_are_refused_here(changes: dict[str, Any]) -> None:
    with pytest.raises(LocalProtocolError, match="record_"):
        RecordOptions(**changes)


def test_reject_needs_one_of_telnyx_causes() -> None:
    with pytest.raises(LocalProtocolError, match="none of CALL_REJECTED, USER_BUSY"):
        Reject(call_control_id=LEG, cause="BORED")  # type: ignore[arg-type]  # what is tested


def test_numbers_words_and_tokens_stay_out_of_the_repr() -> None:
    shown = "".join(map(repr, COMMANDS.values()))
    for secret in ("+3531960586", "+1312945742", "Sorry.", "one-time-token", "1www2", STATE):
        assert secret not in shown
