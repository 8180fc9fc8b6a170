from __future__ import annotations

import json
from pathlib import Path

import pytest

from voiced.testing.command_keys import COMMANDS
from voiced.testing.commands import ERROR_TITLES, Refused, check_body
from voiced.testing.legs import COMMAND_ID_WINDOW_S, Accepted, Hangup, Leg, LegState

STREAM = {"stream_url": "wss://voiced.test/telnyx/media/x"}
BODIES = {
    "streaming_start": STREAM,
    "speak": {"payload": "hello", "voice": "female"},
    "reject": {"cause": "USER_BUSY"},
    "client_state_update": {"client_state": "eA=="},
    "transfer": {"to": "+13125550177"},
    "bridge": {"call_control_id": "v3:y"},
    "refer": {"sip_address": "sip:desk@example.com"},
    "send_dtmf": {"digits": "1w2"},
    "gather_using_speak": {"payload": "digits", "voice": "female"},
    "gather_using_audio": {"audio_url": "https://voiced.test/a.wav"},
    "playback_start": {"audio_url": "https://voiced.test/a.wav"},
    "record_start": {"format": "wav", "channels": "dual"},
}
DIAL = {"connection_id": "1", "from": "+13125550199", "to": "+13125550177"}
HUNG_UP = Hangup(cause="normal_clearing", source="caller")


def leg_in(state, direction="incoming"):
    leg = Leg(call_control_id="v3:x", direction=direction)
    if state is not LegState.RINGING and direction == "incoming":
        assert leg.command("answer", {}, 0.0) == Accepted()
    if state in (LegState.ANSWERED, LegState.STREAMING):
        leg.answered()
    if state is LegState.STREAMING:
        assert leg.command("streaming_start", STREAM, 0.0) == Accepted()
    if state is LegState.ENDED:
        leg.end(HUNG_UP)
    assert leg.state is state
    return leg


ACTIONS = COMMANDS.keys() - {"dial"}
BEFORE_ANSWER = dict.fromkeys(ACTIONS, "90034") | {
    "answer": "", "reject": "", "hangup": "", "client_state_update": "", "record_start": "90020",
}  # fmt: skip
ANSWERED = dict.fromkeys(ACTIONS, "") | {"answer": "90102", "reject": "90102"}
RULES = {
    LegState.RINGING: BEFORE_ANSWER,
    LegState.ANSWERING: BEFORE_ANSWER | {"answer": "90102", "reject": "90102"},
    LegState.ANSWERED: ANSWERED | {"streaming_stop": "90048"},
    LegState.STREAMING: ANSWERED | {"streaming_start": "90045"},
    LegState.ENDED: dict.fromkeys(ACTIONS, "90018"),
}


@pytest.mark.parametrize(
    ("state", "action", "code"),
    [(state, action, code) for state, row in RULES.items() for action, code in sorted(row.items())],
)
def test_a_command_is_accepted_or_refused_by_the_state_of_the_leg(state, action, code):
    verdict = leg_in(state).command(action, BODIES.get(action, {}), 1.0)
    if code:
        assert isinstance(verdict, Refused)
        assert (verdict.status, verdict.code) == (422, code)
    else:
        assert verdict == Accepted()


@pytest.mark.parametrize("action", ["answer", "reject"])
def test_an_outgoing_leg_is_not_ours_to_answer(action):
    body = BODIES.get(action, {})
    verdict = leg_in(LegState.RINGING, "outgoing").command(action, body, 0.0)
    assert isinstance(verdict, Refused)
    assert verdict.code == "90102"


def test_an_outgoing_leg_is_up_as_soon_as_its_callee_answers():
    leg = leg_in(LegState.RINGING, "outgoing")
    leg.answered(streaming=True)
    assert leg.state is LegState.STREAMING


def test_a_command_id_is_heeded_once_a_minute():
    leg = leg_in(LegState.ANSWERED)
    body = {"command_id": "a"} | BODIES["speak"]
    assert leg.command("speak", body, 0.0) == Accepted()
    assert leg.command("speak", body, COMMAND_ID_WINDOW_S - 0.1) == Accepted(repeated=True)
    assert leg.command("speak", body, COMMAND_ID_WINDOW_S) == Accepted()


def test_a_repeated_answer_changes_nothing_even_where_a_new_one_is_refused():
    leg = leg_in(LegState.RINGING)
    assert leg.command("answer", {"command_id": "a"}, 0.0) == Accepted()
    leg.answered()
    assert leg.command("answer", {"command_id": "a"}, 1.0) == Accepted(repeated=True)


def test_a_command_refused_as_too_early_can_be_sent_again_with_its_id():
    leg = leg_in(LegState.RINGING)
    body = STREAM | {"command_id": "s"}
    assert isinstance(leg.command("streaming_start", body, 0.0), Refused)
    leg.command("answer", {}, 0.0)
    leg.answered()
    assert leg.command("streaming_start", body, 0.1) == Accepted()


def test_client_state_is_replaced_by_each_command_that_carries_it():
    leg = leg_in(LegState.RINGING)
    leg.command("answer", {"client_state": "YQ=="}, 0.0)
    leg.answered()
    leg.command("streaming_start", STREAM, 0.0)
    assert leg.client_state == "YQ=="
    leg.command("client_state_update", {"client_state": "Yg=="}, 0.0)
    assert leg.client_state == "Yg=="


def test_the_first_cause_of_the_end_stays():
    leg = leg_in(LegState.ANSWERED)
    assert leg.is_billed
    assert leg.end(HUNG_UP)
    assert not leg.end(Hangup(cause="time_limit", source="unknown"))
    assert leg.hangup == HUNG_UP
    assert not leg.is_billed


@pytest.mark.parametrize(
    ("action", "body", "code", "pointer"),
    [
        ("speak", {"voice": "x"}, "10004", "/payload"),
        ("speak", {"payload": "x", "voice": ""}, "10004", "/voice"),
        ("streaming_start", {}, "10004", "/stream_url"),
        ("streaming_start", {"stream_url": "https://x"}, "10003", "/stream_url"),
        ("streaming_start", {"stream_url": "ws://" + "x" * 2000}, "10003", "/stream_url"),
        ("answer", {"stream_bidirectional_sampling_rate": 8000}, "10015",
         "/stream_bidirectional_sampling_rate"),
        ("hangup", {"reason": "x"}, "10015", "/reason"),
        ("hangup", {"command_id": 7}, "10026", "/command_id"),
        ("answer", {"send_silence_when_idle": "yes"}, "10026", "/send_silence_when_idle"),
        ("streaming_start", STREAM | {"stream_bidirectional_sampling_rate": True}, "10026",
         "/stream_bidirectional_sampling_rate"),
        ("streaming_start", STREAM | {"stream_codec": "pcmu"}, "10032", "/stream_codec"),
        ("speak", {"payload": "x" * 3001, "voice": "x"}, "10025", "/payload"),
        ("hangup", {"client_state": "not base64!"}, "90017", "/client_state"),
        ("streaming_start", STREAM | {"stream_codec": "AMR-WB"}, "90046", "/stream_codec"),
        ("conference", {}, "10038", ""),
        ("record_start", {"format": "wav", "channels": "dual", "transcription": True}, "10038",
         "/transcription"),
        ("transfer", {"to": "5550177"}, "10016", "/to"),
        ("transfer", {"to": "+13125550177", "from": "me"}, "10016", "/from"),
        ("transfer", {"to": "+13125550177", "timeout_secs": 4}, "90028", "/timeout_secs"),
        ("transfer", {"to": "+13125550177", "time_limit_secs": 29}, "90029", "/time_limit_secs"),
        ("transfer", {"to": "+13125550177", "target_leg_client_state": "?"}, "90017",
         "/target_leg_client_state"),
        ("dial", DIAL | {"to": []}, "10004", "/to"),
        ("dial", DIAL | {"to": ["+13125550177"]}, "10038", "/to"),
        ("dial", DIAL | {"webhook_url": "voiced"}, "10003", "/webhook_url"),
        ("dial", DIAL | {"stream_url": "http://voiced.test"}, "10003", "/stream_url"),
        ("send_dtmf", {"digits": "12 3"}, "90014", "/digits"),
        ("send_dtmf", {"digits": "1", "duration_millis": 99}, "90027", "/duration_millis"),
        ("gather", {"minimum_digits": 5, "maximum_digits": 4}, "90022", "/minimum_digits"),
        ("gather", {"maximum_digits": 129}, "90023", "/maximum_digits"),
        ("gather_using_audio", {}, "10015", "/audio_url"),
        ("playback_start", {}, "10015", "/audio_url"),
        ("playback_start", {"playback_content": "?"}, "10015", "/playback_content"),
        ("refer", {"sip_address": "+13125550177"}, "10015", "/sip_address"),
    ],
)  # fmt: skip
def test_a_faulty_body_is_refused_with_the_code_and_the_place(action, body, code, pointer):
    refused = check_body(action, body)
    assert refused is not None
    assert (refused.code, refused.pointer) == (code, pointer)


def test_refusals_have_the_shape_and_the_titles_of_the_api(check_answer):
    titles = json.loads(
        (Path(__file__).parents[1] / "data/telnyx/error-codes.json").read_text(encoding="utf-8")
    )["codes"]
    for code, title in ERROR_TITLES.items():
        assert titles[code] == title
        refused = Refused(status=422, code=code, detail="why", pointer="/x")
        check_answer("hangup", refused.body())


def test_the_keys_of_every_command_are_those_of_the_official_schema(telnyx_schemas):
    schemas = telnyx_schemas
    assert COMMANDS.keys() == schemas._rest["commands"].keys() & COMMANDS.keys()
    for action, keys in COMMANDS.items():
        request = schemas._schema(schemas._rest["commands"][action]["request"])
        assert keys.keys() == request["properties"].keys(), action
        assert {name for name, key in keys.items() if key.required} == set(
            request.get("required", ())
        ), action
        for name, key in keys.items():
            official = schemas._schema(request["properties"][name])
            values = official.get("enum", [])
            assert list(key.values) == values or name == "preferred_codecs", (action, name)
            for limit, ours in (("minimum", key.lowest), ("maximum", key.highest)):
                assert official.get(limit, ours) == ours, (action, name)
