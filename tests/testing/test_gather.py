from __future__ import annotations

import numpy as np
import pytest
import trio

from voiced.testing.caller import PlayedCaller, tone
from voiced.testing.gather import Gathering, GatherRules, read_rules
from voiced.testing.rules import CallRules

QUIET = CallRules(background_dbfs=None)
NOTHING = np.zeros(0, np.int16)


@pytest.mark.parametrize(
    ("rules", "keys", "status", "digits"),
    [
        ({"maximum": 3}, "123", "valid", "123"),
        ({}, "12#", "valid", "12"),
        ({"minimum": 3}, "12#", "invalid", "12"),
        ({"terminator": "*"}, "1*", "valid", "1"),
        ({"terminator": "", "maximum": 3}, "1#2", "valid", "1#2"),
        ({"valid": "123"}, "14", "invalid", "14"),
        ({"maximum": 3}, "12", None, "12"),
    ],
)
def test_keys_end_a_gathering(rules, keys, status, digits):
    gathering = Gathering(GatherRules(**rules), 0.0)
    ends = [gathering.press(key, 0.1 * n) for n, key in enumerate(keys)]
    assert ends[:-1] == [None] * (len(keys) - 1)
    assert (ends[-1], gathering.digits) == (status, digits)


@pytest.mark.parametrize(
    ("keys", "ends_at", "status"),
    [((), 5.0, "timeout"), ((1.0,), 6.0, "timeout"), ((1.0, 3.0), 8.0, "valid"),
     ((1.0, 5.5, 10.0, 12.0), 12.5, "valid")],
)  # fmt: skip
def test_the_clock_ends_a_gathering(keys, ends_at, status):
    gathering = Gathering(GatherRules(minimum=2, whole_s=12.5), 0.0)
    for at in keys:
        assert gathering.poll(at) is None
        assert gathering.press("1", at) is None
    assert gathering.poll(ends_at - 0.01) is None
    assert gathering.poll(ends_at) == status


def test_nothing_times_out_before_the_prompt_is_over():
    gathering = Gathering(GatherRules(), None)
    assert gathering.poll(1000.0) is None
    gathering.begin(1000.0)
    assert gathering.poll(1004.9) is None
    assert gathering.poll(1005.0) == "timeout"


def test_the_rules_are_those_of_the_command():
    body = {"timeout_millis": 9000, "initial_timeout_millis": 1000, "minimum_digits": 2}
    rules = read_rules(body, prompted=False)
    assert (rules.first_s, rules.next_s, rules.whole_s, rules.minimum) == (1.0, 5.0, 9.0, 2)
    assert read_rules(body, prompted=True).first_s == 9.0


# -- on a call --------------------------------------------------------------------------------


@pytest.fixture
def gather(tiny):
    """Gather on a call whose caller presses keys at times after the answer."""

    async def run(action, keys, *, hangs_up_s=20.0, stops_s=None, **body):
        async def talk(daemon, socket):
            await daemon.command(action, **body)
            if stops_s is not None:
                await trio.sleep(stops_s)
                await daemon.command("gather_stop")
            while await socket.next() is not None:
                pass

        tiny.talk = talk
        caller = PlayedCaller(NOTHING, keys=keys, hangs_up_s=hangs_up_s)
        report = await tiny.telnyx.ring(caller, rules=QUIET)
        told = [
            (payload["digits"], payload["status"]) for payload in tiny.told("call.gather.ended")
        ]
        return report, told

    return run


async def test_keys_are_gathered_and_told_one_by_one_as_well(
    tiny, gather, autojump_clock, check_webhook
):
    keys = [(1.0, "4"), (1.5, "2"), (2.0, "#")]
    report, told = await gather("gather", keys, hangs_up_s=4.0)
    assert told == [("42", "valid")]
    assert [payload["digit"] for payload in tiny.told("call.dtmf.received")] == ["4", "2", "#"]
    assert "".join(key.digit for key in report.keys_pressed) == "42#"
    dtmf = [frame["dtmf"]["digit"] for _, frame in tiny.sockets[0].frames if "dtmf" in frame]
    assert dtmf == ["4", "2", "#"]
    for _, body in tiny.webhooks:
        check_webhook(body)


async def test_a_gathering_ends_with_the_call(gather, autojump_clock):
    _, told = await gather("gather", [(1.0, "4")], hangs_up_s=2.0)
    assert told == [("4", "call_hangup")]


async def test_a_gathering_can_be_stopped(gather, autojump_clock):
    _, told = await gather("gather", [(0.5, "4")], stops_s=1.0, hangs_up_s=3.0)
    assert told == [("4", "cancelled")]


async def test_a_spoken_prompt_is_interrupted_by_the_first_key(gather, autojump_clock):
    report, told = await gather(
        "gather_using_speak",
        [(1.0, "1"), (1.2, "#")],
        payload="x" * 100,
        voice="female",
        hangs_up_s=4.0,
    )
    (prompt,) = report.agent_utterances
    assert prompt.end_s == pytest.approx(1.06, abs=0.03)
    assert told == [("1", "valid")]


async def test_a_prompt_is_repeated_and_one_that_says_what_was_wrong_comes_after_wrong_keys(
    tiny, gather, autojump_clock
):
    report, told = await gather(
        "gather_using_speak",
        [(2.0, "9")],
        payload="x" * 10,
        invalid_payload="y" * 20,
        voice="female",
        valid_digits="123",
        timeout_millis=3000,
        maximum_tries=3,
    )
    lengths = [round(said.end_s - said.start_s, 1) for said in report.agent_utterances]
    assert lengths == [0.6, 1.2, 0.6]
    assert told == [("", "timeout")]
    assert "call.speak.started" not in tiny.events


async def test_a_played_prompt_is_told_of(tiny, gather, autojump_clock, check_webhook):
    tiny.telnyx.media["http://files.test/prompt.wav"] = tone(500, 1.0)
    _, told = await gather(
        "gather_using_audio",
        [(3.0, "7"), (3.2, "#")],
        audio_url="http://files.test/prompt.wav",
        hangs_up_s=5.0,
    )
    assert told == [("7", "valid")]
    assert [payload["status"] for payload in tiny.told("call.playback.ended")] == ["completed"]
    for _, body in tiny.webhooks:
        check_webhook(body)


async def test_a_new_gathering_cancels_the_one_before(tiny, autojump_clock):
    async def talk(daemon, socket):
        await daemon.command("gather")
        await daemon.command("gather")
        while await socket.next() is not None:
            pass

    tiny.talk = talk
    await tiny.telnyx.ring(PlayedCaller(NOTHING, keys=[(1.0, "1"), (1.1, "#")], hangs_up_s=2.0))
    told = [(p["digits"], p["status"]) for p in tiny.told("call.gather.ended")]
    assert told == [("", "cancelled"), ("1", "valid")]


async def test_a_hangup_during_the_prompt_ends_prompt_and_gathering(tiny, gather, autojump_clock):
    tiny.telnyx.media["long"] = tone(500, 9.0)
    _, told = await gather("gather_using_audio", [], media_name="long", hangs_up_s=2.0)
    assert told == [("", "call_hangup")]
    assert [payload["status"] for payload in tiny.told("call.playback.ended")] == ["cancelled"]


async def test_a_prompt_that_is_not_there_leaves_the_gathering_to_the_clock(
    tiny, gather, autojump_clock
):
    _, told = await gather(
        "gather_using_audio", [], media_name="nothing", timeout_millis=1000, maximum_tries=2
    )
    assert told == [("", "timeout")]
    assert [payload["status"] for payload in tiny.told("call.playback.ended")] == ["failed"] * 2


async def test_wrong_keys_are_given_up_after_so_many_tries(gather, autojump_clock):
    keys = [(2.0, "9"), (4.0, "9")]
    _, told = await gather(
        "gather_using_speak",
        keys,
        payload="x" * 10,
        voice="female",
        valid_digits="123",
        maximum_tries=2,
    )
    assert told == [("9", "invalid")]
