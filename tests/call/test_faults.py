"""Whole calls on which something goes wrong at Telnyx, on the line, or with the caller."""

import numpy as np
import pytest
import trio

from tests.call.conftest import media_frame, start_message
from voiced.errors import SynthesizerFailed
from voiced.record.journal import AgentSpeaking
from voiced.testing.caller import PlayedCaller, silent_caller, tone_caller
from voiced.testing.faults import Faults, Forgery, RestFault
from voiced.testing.providers import ScriptedRecognizer, Speech, ToneSynthesizer
from voiced.testing.webhooks import Signer

LIMIT_S = 60


def names_of_live_tasks():
    """Return the names of all tasks that belong to calls."""
    found = []
    root = trio.lowlevel.current_root_task()
    assert root is not None
    waiting = [root]
    while waiting:
        task = waiting.pop()
        children = [child for nursery in task.child_nurseries for child in nursery.child_tasks]
        waiting += children
        found += [child.name for child in children if child.name.startswith("call ")]
    return found


def assert_sound(report, record):
    """Whatever happened: the protocol was kept, the leg is down, and the record says why."""
    assert report.violations == ()
    assert not report.zombie
    assert record["state"] == "ended"
    assert record["end"]["reason"]
    assert record["end"]["evidence"]
    assert record["hangup_confirmed"] is True
    hangups = [command for command in report.commands if command.action == "hangup"]
    if report.ended_by == "caller":
        # At most one that crossed the caller's own.
        assert len(hangups) <= 1
    else:
        assert report.actions.count("hangup") == 1


# Commands that meet trouble.

TROUBLES = ("throttle", "fail", "hang", "drop")


def rest(action, trouble, times=1, *, carried_out=False):
    fault = RestFault(action=action, trouble=trouble, times=times, carried_out=carried_out)
    return Faults(rest=(fault,))


def ids_of(report, action):
    return [c.body["command_id"] for c in report.commands if c.action == action]


@pytest.mark.parametrize("carried_out", [False, True])
@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("trouble", TROUBLES)
async def test_an_answer_that_meets_trouble_is_sent_again_and_the_call_goes_right(
    open_world, autojump_clock, greeter, trouble, times, carried_out
):
    faults = rest("answer", trouble, times, carried_out=carried_out)
    async with open_world(agent=greeter) as world:
        report = await world.ring(silent_caller(hangs_up_s=6.0), faults=faults)
    (record,) = world.records
    assert_sound(report, record)
    assert record["end"]["reason"] == "caller_hung_up"
    assert [turn["heard"] for turn in record["turns"]] == ["all", "all"]
    assert len(set(ids_of(report, "answer"))) == 1
    assert report.actions.count("answer") == (0 if carried_out else 1)


@pytest.mark.parametrize("trouble", TROUBLES)
async def test_an_answer_that_never_comes_through_ends_the_call_with_that_reason(
    open_world, autojump_clock, greeter, trouble
):
    async with open_world(agent=greeter) as world:
        report = await world.ring(silent_caller(), faults=rest("answer", trouble, 100))
    (record,) = world.records
    assert_sound(report, record)
    assert record["end"]["reason"] == "not_answered"
    assert record["end"]["evidence"].startswith("answer: ")
    assert report.ended_by == "agent"


@pytest.mark.parametrize("carried_out", [False, True])
@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("trouble", TROUBLES)
async def test_a_hangup_that_meets_trouble_is_sent_again(
    open_world, autojump_clock, trouble, times, carried_out
):
    async with open_world(call={"max_duration_s": 10, "goodbye_timeout_s": 20}) as world:
        report = await world.ring(
            silent_caller(), faults=rest("hangup", trouble, times, carried_out=carried_out)
        )
    (record,) = world.records
    assert report.violations == ()
    assert not report.zombie
    assert report.ended_by == "agent"
    assert record["end"]["reason"] == "max_duration"
    assert record["hangup_confirmed"] is True
    assert len(set(ids_of(report, "hangup"))) == 1


async def test_a_hangup_whose_answer_is_lost_is_over_when_the_webhook_says_so(
    open_world, autojump_clock
):
    faults = rest("hangup", "hang", 100, carried_out=True)
    async with open_world(call={"max_duration_s": 10}) as world, trio.open_nursery() as nursery:
        nursery.start_soon(lambda: world.ring(silent_caller(), faults=faults))
        await trio.sleep(10.2)
        assert names_of_live_tasks() == []
    assert world.records[0]["hangup_confirmed"] is True


async def test_a_hangup_that_never_comes_through_is_given_up_and_said_in_the_record(
    open_world, autojump_clock
):
    async with open_world(call={"max_duration_s": 10, "goodbye_timeout_s": 5}) as world:
        report = await world.ring(silent_caller(), faults=rest("hangup", "hang", 100))
    (record,) = world.records
    assert record["hangup_confirmed"] is False
    assert record["end"]["reason"] == "max_duration"
    assert report.zombie  # the emulated Telnyx had to end it: nothing else was left to us


@pytest.mark.parametrize("carried_out", [False, True])
@pytest.mark.parametrize("trouble", TROUBLES)
async def test_an_apology_that_meets_trouble_is_sent_again_and_heard_once(
    open_world, autojump_clock, greeter, trouble, carried_out
):
    broken = ToneSynthesizer(error=SynthesizerFailed("tone", "x"))
    async with open_world(agent=greeter, synthesizer=broken) as world:
        report = await world.ring(
            silent_caller(), faults=rest("speak", trouble, carried_out=carried_out)
        )
    (record,) = world.records
    assert_sound(report, record)
    assert record["end"]["reason"] == "synthesizer_failed"
    assert len(set(ids_of(report, "speak"))) == 1
    assert len([u for u in report.agent_utterances if u.text]) == 1


async def test_an_apology_that_never_comes_through_does_not_keep_the_leg_up(
    open_world, autojump_clock, greeter
):
    broken = ToneSynthesizer(error=SynthesizerFailed("tone", "x"))
    async with open_world(agent=greeter, synthesizer=broken) as world:
        report = await world.ring(silent_caller(), faults=rest("speak", "hang", 100))
    assert_sound(report, world.records[0])
    assert report.ended_s < 13


async def test_two_commands_may_meet_trouble_in_one_call(open_world, autojump_clock):
    faults = Faults(
        rest=(
            RestFault(action="answer", trouble="throttle", times=2, reset_s=2),
            RestFault(action="hangup", trouble="drop", times=2),
        )
    )
    async with open_world(call={"max_duration_s": 10}) as world:
        report = await world.ring(silent_caller(), faults=faults)
    assert_sound(report, world.records[0])
    assert report.streaming_s > 4  # twice as long as Telnyx asked


# Callers who go when it suits them.


async def test_the_brisk_conversation_is_over_within_two_seconds(open_world, autojump_clock, brisk):
    async with open_world(**brisk) as world:
        report = await world.ring(silent_caller())
    assert_sound(report, world.records[0])
    assert len(report.clears) == 1
    assert world.records[0]["end"]["reason"] == "agent_hung_up"
    assert 1.4 < report.ended_s - report.answered_s < 1.9


@pytest.mark.parametrize("start", ["answer", "answered"])
async def test_a_caller_may_give_up_at_any_moment_before_the_answer(
    open_world, autojump_clock, brisk, start
):
    async with open_world(**brisk, media={"start": start}) as world:
        for ms in range(1, 61, 2):  # odd: not the very instant of the answer
            report = await world.ring(silent_caller(), faults=Faults(gives_up_s=ms / 1000))
            assert_sound(report, world.records[-1])
            # The answer takes 40 ms: 17 until we hear of the call, 23 until it has its effect.
            assert (report.answered_s is None) == (ms < 40), ms
            if report.answered_s is None:
                assert report.ended_by == "caller"
                assert world.records[-1]["end"]["reason"] == "caller_hung_up"
        assert names_of_live_tasks() == []
    assert len(world.records) == 30


@pytest.mark.parametrize("start", ["answer", "answered"])
async def test_a_caller_may_hang_up_at_any_moment_after_the_answer(
    open_world, autojump_clock, brisk, start
):
    async with open_world(**brisk, media={"start": start}) as world:
        for ms in (0, 10, 50, *range(20, 2001, 20)):
            report = await world.ring(silent_caller(), faults=Faults(hangs_up_s=ms / 1000))
            record = world.records[-1]
            assert_sound(report, record)
            if report.ended_by == "caller":
                # Either may see the end first: the caller's hangup crosses the agent's goodbye.
                assert record["end"]["reason"] in {"caller_hung_up", "agent_hung_up"}, ms
                assert ms < 1800
            else:
                assert record["end"]["reason"] == "agent_hung_up", ms
            await trio.sleep(0.1)
            assert names_of_live_tasks() == [], ms
    assert len(world.records) == 103


async def test_a_caller_who_hangs_up_during_the_apology_is_not_hung_up_on(
    open_world, autojump_clock, greeter
):
    broken = ToneSynthesizer(error=SynthesizerFailed("tone", "x"))
    async with open_world(agent=greeter, synthesizer=broken) as world:
        report = await world.ring(silent_caller(), faults=Faults(hangs_up_s=1.5))
        await trio.sleep(0.1)
        assert names_of_live_tasks() == []
    assert report.ended_by == "caller"
    assert report.actions == ("answer", "speak")
    assert world.records[0]["end"]["reason"] == "synthesizer_failed"  # the first cause stays
    assert_sound(report, world.records[0])


# Media sockets that break.


@pytest.mark.parametrize("drops_s", [0.0, 0.01, 0.5, 1.0, 3.0])
async def test_a_socket_that_dies_under_a_live_call_brings_apology_and_hangup(
    open_world, autojump_clock, greeter, drops_s
):
    async with open_world(agent=greeter, media={"reconnect_s": 0}) as world:
        report = await world.ring(silent_caller(), faults=Faults(socket_drops_s=drops_s))
    (record,) = world.records
    assert_sound(report, record)
    assert record["end"]["reason"] == "media_lost"
    assert report.actions == ("answer", "speak", "hangup")
    assert report.agent_utterances[-1].text.startswith("I am sorry")
    assert report.ended_by == "agent"


async def test_a_socket_that_dies_because_the_caller_has_gone_is_no_failure(
    open_line, autojump_clock
):
    gone = (422, {"errors": [{"code": "90018", "title": "Call has already ended"}]})
    async with open_line(media={"reconnect_s": 0}) as line:
        await line.ring()
        line.answers["speak"] = line.answers["hangup"] = gone
        async with line.media() as socket:
            await socket.send_text(start_message())
            await trio.sleep(0.1)
        await trio.sleep(0.1)  # the webhook comes after the record has been closed
        await line.webhook("call.hangup", hangup_cause="normal_clearing")
    (record,) = line.records
    assert record["end"]["reason"] == "caller_hung_up"
    assert record["end"]["evidence"].startswith("media socket closed")
    assert record["hangup_confirmed"] is True
    assert line.actions() == ["answer", "speak"]


async def test_the_hangup_webhook_may_come_during_the_goodbye(open_line, autojump_clock):
    async with open_line(media={"reconnect_s": 0}) as line:
        await line.ring()
        async with line.media() as socket:
            await socket.send_text(start_message())
            await trio.sleep(0.1)
        await trio.sleep(0.5)  # Telnyx has taken the apology, which nobody hears
        await line.webhook("call.hangup", hangup_cause="normal_clearing", hangup_source="caller")
        await trio.sleep(0.01)
        assert names_of_live_tasks() == []
    (record,) = line.records
    assert record["end"]["reason"] == "caller_hung_up"
    assert "call.hangup hook-2" in record["end"]["evidence"]
    assert line.actions() == ["answer", "speak"]


async def test_a_lost_socket_is_followed_by_another_and_the_call_goes_on(
    open_world, autojump_clock, greeter
):
    script = [Speech(from_s=2.0, to_s=2.5, text="goodbye", silence_s=0.2, decode_s=0.1)]
    world_of = open_world(agent=greeter, recognizer=ScriptedRecognizer(script))
    async with world_of as world:
        report = await world.ring(silent_caller(), faults=Faults(socket_drops_s=1.0))
    (record,) = world.records
    assert_sound(report, record)
    assert record["end"]["reason"] == "agent_hung_up"
    assert report.actions == ("answer", "streaming_start", "hangup")
    assert record["counters"]["stream_restarts"] == 1
    assert record["turns"][0]["heard"] == "unknown"  # Telnyx's buffer went with the socket
    assert record["turns"][-1]["heard"] == "all"


async def test_a_caller_who_has_gone_with_the_socket_is_no_failure(open_line, autojump_clock):
    gone = (422, {"errors": [{"code": "90018", "title": "Call has already ended"}]})
    async with open_line() as line:
        await line.ring()
        line.answers["streaming_start"] = gone
        async with line.media() as socket:
            await socket.send_text(start_message())
            await trio.sleep(0.1)
        await trio.sleep(0.1)
    assert line.records[0]["end"]["reason"] == "caller_hung_up"
    assert line.actions() == ["answer", "streaming_start"]


async def test_a_stream_that_does_not_come_back_ends_the_call(open_line, autojump_clock):
    async with open_line(media={"reconnect_s": 2}, call={"apology": ""}) as line:
        await line.ring()
        async with line.media() as socket:
            await socket.send_text(start_message())
            await trio.sleep(0.1)
        await trio.sleep(1.9)
        assert line.switchboard.snapshot() != []
        await trio.sleep(0.2)
    assert line.records[0]["end"]["reason"] == "media_lost"
    assert line.actions() == ["answer", "streaming_start", "hangup"]


async def test_a_burst_after_a_stall_of_the_network_is_no_fault(open_line, autojump_clock):
    async with open_line() as line:
        await line.ring()
        async with line.media() as socket:
            await socket.send_text(start_message())
            for chunk in range(1, 501):
                await socket.send_text(media_frame(chunk))
            await trio.sleep(0.1)
            assert line.switchboard.snapshot()[0]["leg"] == "streaming"
            await line.webhook("call.hangup", hangup_cause="normal_clearing")
        await trio.sleep(0.1)
    (record,) = line.records
    assert record["end"]["reason"] == "caller_hung_up"
    assert record["counters"]["inbound"]["frames"] == 500


async def test_a_recognizer_that_leaves_ends_the_call_and_says_so(
    open_world, autojump_clock, greeter
):
    class Quitter(ScriptedRecognizer):
        async def recognize(self, frames, events, vocabulary):
            del vocabulary
            with frames, events:
                await trio.sleep(1)

    async with open_world(agent=greeter, recognizer=Quitter()) as world:
        report = await world.ring(silent_caller())
    assert_sound(report, world.records[0])
    assert world.records[0]["end"] == {
        "reason": "recognizer_failed",
        "evidence": "the recognizer ended before the call",
    }
    assert report.actions == ("answer", "speak", "hangup")


# Webhooks that are not what they seem.


async def test_every_webhook_may_come_twice(open_world, autojump_clock, greeter):
    script = [Speech(from_s=4, to_s=5, text="goodbye")]
    faults = Faults(duplicates=frozenset({"*"}))
    async with open_world(agent=greeter, recognizer=ScriptedRecognizer(script)) as world:
        report = await world.ring(silent_caller(), faults=faults)
    assert_sound(report, world.records[0])
    assert report.actions == ("answer", "hangup")
    assert len(world.records) == 1
    duplicates = [hook for hook in report.webhooks if hook.kind == "duplicate"]
    assert {hook.status for hook in duplicates} == {200}
    assert len(duplicates) == len(report.webhooks) / 2
    assert greeter.dialogues[0].turns == ["goodbye"]
    assert len(greeter.dialogues) == 1


KINDS = ("call.initiated", "call.answered", "streaming.started", "call.hangup")


async def test_forged_and_stale_webhooks_are_refused_and_the_true_ones_still_count(
    open_world, autojump_clock, greeter
):
    hows: tuple[Forgery, ...] = ("forged", "stale")
    faults = Faults(forgeries=tuple((kind, how) for kind in KINDS for how in hows))
    async with open_world(agent=greeter) as world:
        report = await world.ring(silent_caller(hangs_up_s=4.0), faults=faults)
    assert_sound(report, world.records[0])
    false = [hook for hook in report.webhooks if hook.kind in {"forged", "stale"}]
    assert len(false) == 8
    assert {hook.status for hook in false} == {403}
    assert world.records[0]["end"]["reason"] == "caller_hung_up"


@pytest.mark.parametrize("disguise", ["forged", "unsigned", "stale"])
async def test_a_false_hangup_does_not_end_a_live_call(open_world, autojump_clock, disguise):
    async with open_world() as world, trio.open_nursery() as nursery:
        nursery.start_soon(world.ring, silent_caller(hangs_up_s=3.0))
        await trio.sleep(1)
        (call,) = world.switchboard.snapshot()
        body = (
            b'{"data":{"record_type":"event","event_type":"call.hangup","id":"x","payload":'
            b'{"call_control_id":"%s","hangup_cause":"normal_clearing"}}}'
            % call["call_id"].encode()
        )
        headers = Signer().headers(body, timestamp=0 if disguise == "stale" else 2_000_000_000)
        status = await world.telnyx.network.post(
            "http://voiced/telnyx/webhook", {} if disguise == "unsigned" else headers, body
        )
        assert status == (401 if disguise == "unsigned" else 403)
        await trio.sleep(1)
        assert world.switchboard.snapshot()[0]["leg"] == "streaming"
    assert world.records[0]["end"]["reason"] == "caller_hung_up"


# Media that come otherwise than they were sent.

BEEPS_S = np.arange(0.5, 4.5, 0.5)


def beeping_caller():
    t = np.arange(5 * 8000) / 8000
    tone = 8000 * np.sin(2 * np.pi * 800 * t)
    tone[~np.any([(t >= at) & (t < at + 0.2) for at in BEEPS_S], axis=0)] = 0
    return PlayedCaller(tone.astype(np.int16), hangs_up_s=5.2)


def onsets_s(pcm):
    """Return where the beeps begin: loud after at least 200 ms of quiet."""
    loud = np.flatnonzero(np.abs(pcm.astype(np.int32)) > 2000)
    return loud[np.diff(loud, prepend=-8000) > 1600] / 8000


@pytest.mark.parametrize(
    ("pattern", "counters"),
    [
        ("", {"lost": 0, "reordered": 0, "duplicated": 0}),
        (".......-", {"lost": 32, "reordered": 0, "duplicated": 0}),
        (".....--", {"lost": 74, "reordered": 0, "duplicated": 0}),
        (".x......", {"lost": 0, "reordered": 33, "duplicated": 0}),
        ("...2....", {"lost": 0, "reordered": 0, "duplicated": 32}),
        (".x.2..-.", {"lost": 32, "reordered": 33, "duplicated": 32}),
    ],
)
async def test_the_echo_keeps_its_rhythm_and_the_record_counts_what_was_wrong(
    open_world, autojump_clock, pattern, counters
):
    async with open_world() as world:
        report = await world.ring(
            beeping_caller(), faults=Faults(media=pattern), background_dbfs=None
        )
    (record,) = world.records
    assert_sound(report, record)
    sent, heard = onsets_s(report.spoken), onsets_s(report.heard)
    assert len(sent) == len(heard) == len(BEEPS_S)
    delays = heard - sent
    assert delays.min() > 0
    assert delays.max() <= 0.15  # what comes after a loss waits for it, up to 60 ms
    assert np.ptp(delays) <= 0.045
    inbound = record["counters"]["inbound"]
    for name, expected in counters.items():
        assert inbound[name] == pytest.approx(expected, abs=2), name
    assert inbound["late"] == inbound["resynchronized"] == 0


async def test_a_caller_nobody_hears_for_a_second_is_heard_again_afterwards(
    open_world, autojump_clock
):
    pattern = "." * 60 + "-" * 50 + "." * 1000
    async with open_world() as world:
        report = await world.ring(
            beeping_caller(), faults=Faults(media=pattern), background_dbfs=None
        )
    assert_sound(report, world.records[0])
    sent, heard = onsets_s(report.spoken), onsets_s(report.heard)
    later = sent[sent > 2.5]
    assert np.abs(heard[-len(later) :] - later).max() < 0.25  # no more than the echo lets pile up


# Other ways to be set up.


async def test_the_stream_may_be_started_after_the_answer(open_world, autojump_clock, greeter):
    async with open_world(agent=greeter, media={"start": "answered"}) as world:
        report = await world.ring(silent_caller(hangs_up_s=4.0))
    assert_sound(report, world.records[0])
    assert report.actions == ("answer", "streaming_start")
    answer, streaming_start = report.commands[:2]
    assert "stream_url" not in answer.body
    assert streaming_start.body["stream_url"]
    assert [turn["heard"] for turn in world.records[0]["turns"]] == ["all", "all"]


async def test_a_streaming_start_that_is_refused_ends_the_call_and_says_so(
    open_world, autojump_clock, greeter
):
    faults = rest("streaming_start", "fail", 100)
    async with open_world(agent=greeter, media={"start": "answered"}) as world:
        report = await world.ring(silent_caller(), faults=faults)
    assert_sound(report, world.records[0])
    assert world.records[0]["end"]["evidence"].startswith("streaming_start: ")
    assert report.ended_by == "agent"


async def test_pcma_goes_both_ways(open_world, autojump_clock):
    media = {"codec": "PCMA", "bidirectional_codec": "PCMA"}
    async with open_world(media=media) as world:
        report = await world.ring(tone_caller(hangs_up_s=3.0), codec="PCMA", background_dbfs=None)
    assert_sound(report, world.records[0])
    assert report.commands[0].body["stream_bidirectional_codec"] == "PCMA"
    loud = np.abs(report.heard_between(1.5, 1.9)).max()
    assert loud == pytest.approx(np.abs(report.spoken).max(), rel=0.05)
    assert not np.abs(report.heard_between(0.3, 0.8)).max() > 100


async def test_a_socket_may_come_while_the_answer_is_still_under_way(
    open_world, autojump_clock, greeter
):
    """The socket itself proves that the answer was taken: its answer is not waited for."""
    faults = rest("answer", "hang", 1, carried_out=True)
    async with open_world(agent=greeter) as world:
        report = await world.ring(silent_caller(hangs_up_s=4.0), faults=faults)
    assert_sound(report, world.records[0])
    (first, _) = world.journal.of(AgentSpeaking)
    assert first.at - report.rang_at < 0.5


# Media messages that Telnyx says it could not use.


@pytest.mark.parametrize("code", [100002, 100003, 100004, 100005])
async def test_an_error_on_the_media_socket_is_counted_and_the_call_goes_on(
    open_world, autojump_clock, greeter, code
):
    faults = Faults(error_frames=((1.0, code), (1.2, code), (2.0, code)))
    async with open_world(agent=greeter) as world:
        report = await world.ring(silent_caller(hangs_up_s=6.0), faults=faults)
    (record,) = world.records
    assert_sound(report, record)
    assert record["end"]["reason"] == "caller_hung_up"
    assert record["counters"]["stream_errors"] == {str(code): 3}
    assert record["turns"][0]["heard"] == "all"
