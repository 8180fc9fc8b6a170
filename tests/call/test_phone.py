"""Whole calls in which the agent uses the telephone: each command, its end, and what cuts it."""

import json
import wave
from contextlib import suppress

import numpy as np
import pytest
import trio

from tests.call.test_faults import names_of_live_tasks
from voiced.errors import CallGone, CommandFailed, LocalProtocolError
from voiced.record.store import RecordStore
from voiced.telnyx import commands
from voiced.testing.callees import busy, human
from voiced.testing.caller import PlayedCaller, silent_caller, tone, tone_caller
from voiced.testing.faults import Faults, RestFault
from voiced.testing.providers import FunctionAgent, ScriptedRecognizer, Speech
from voiced.testing.utterances import level_dbfs

SONG = "https://sounds.test/song.wav"
FRIEND = "sip:friend@example.com"
QUIET = {"background_dbfs": None}


def doing(act, *, then=None):
    """Return an agent that does `act(reply)` first, and hangs up unless `then` answers turns."""

    async def greet(reply):
        await act(reply)
        if then is None:
            reply.hang_up()

    return FunctionAgent(greet=greet, respond=then) if then else FunctionAgent(greet=greet)


def keys(*pressed, hangs_up_s=None):
    return PlayedCaller(np.zeros(0, np.int16), keys=pressed, hangs_up_s=hangs_up_s)


@pytest.fixture
def play(open_world):
    """Ring once with an agent that does `act(reply)`; return report, record and the results."""

    async def player(act, *, caller=None, faults=None, prepare=None, **tables):
        results = []

        async def noted(reply):
            results.append(await act(reply))

        async with open_world(agent=doing(noted), **tables) as world:
            world.telnyx.media[SONG] = tone(700.0, 2.0)
            if prepare is not None:
                prepare(world)
            given = {} if faults is None else {"faults": faults}
            report = await world.ring(caller or silent_caller(hangs_up_s=20.0), **given, **QUIET)
            await world.switchboard.drain()
            assert names_of_live_tasks() == []
        assert report.violations == ()
        return report, world.records[-1], results

    return player


def length_s(utterance):
    return utterance.end_s - utterance.start_s


# Sound.


async def test_telnyx_speaks_and_its_end_is_waited_for(play, autojump_clock):
    async def act(reply):
        begun = trio.current_time()
        told = await reply.phone.speak("Please hold the line.")
        return told, trio.current_time() - begun

    report, record, ((told, lasted_s),) = await play(act)
    assert told is True
    assert lasted_s == pytest.approx(length_s(report.agent_utterances[0]), abs=0.15)
    assert report.agent_utterances[0].text == "Please hold the line."
    assert report.actions == ("answer", "speak", "hangup")
    assert record["end"]["reason"] == "agent_hung_up"


async def test_a_file_is_played_to_its_end(play, autojump_clock):
    async def act(reply):
        return await reply.phone.play(SONG)

    report, _, results = await play(act)
    assert results == [True]
    (heard,) = report.agent_utterances
    assert length_s(heard) == pytest.approx(2.0, abs=0.1)


async def test_a_file_that_telnyx_cannot_fetch_is_told_at_once(play, autojump_clock):
    async def act(reply):
        begun = trio.current_time()
        return await reply.phone.play(media_name="nobody"), trio.current_time() - begun

    _, _, ((told, lasted_s),) = await play(act)
    assert told is False
    assert lasted_s < 0.2


async def test_a_playback_is_stopped_from_beside(play, autojump_clock):
    async def act(reply):
        results = []
        async with trio.open_nursery() as nursery:

            async def stop():
                await trio.sleep(0.5)
                await reply.phone.stop_playing()

            nursery.start_soon(stop)
            results.append(await reply.phone.play(SONG))
        return results[0]

    report, _, results = await play(act)
    assert results == [False]
    assert length_s(report.agent_utterances[0]) == pytest.approx(0.5, abs=0.1)


async def test_a_playback_that_takes_too_long_is_stopped(play, autojump_clock):
    async def act(reply):
        told = await reply.phone.play(SONG, within_s=0.6)
        await reply.say("And now for something else.")
        return told

    report, _, results = await play(act)
    assert results == [False]
    assert report.actions == ("answer", "playback_start", "playback_stop", "hangup")


async def test_the_late_end_of_one_speech_is_not_taken_for_that_of_the_next(play, autojump_clock):
    async def act(reply):
        with trio.move_on_after(0.5):
            await reply.phone.speak("This is cut off soon, whatever it says, and nobody minds.")
        begun = trio.current_time()
        await reply.phone.speak("This is heard to its end.", stop="all")
        return trio.current_time() - begun

    faults = Faults(late=(("call.speak.ended", 0.3),))
    report, _, (lasted_s,) = await play(act, faults=faults)
    assert report.agent_utterances[-1].text.endswith("This is heard to its end.")
    assert lasted_s > 1.0


def over_the_phone(script):
    return {"recognizer": ScriptedRecognizer(script)}


def interrupting(*, protected):
    """An agent that plays a file, and notes turns and how the playing went."""
    log = []

    async def greet(reply):
        try:
            log.append(await reply.phone.play(SONG, protected=protected))
        except trio.Cancelled:
            log.append("cut")
            raise

    async def respond(turn, reply):
        log.append(turn.text)
        reply.hang_up()
        await trio.lowlevel.checkpoint()

    return FunctionAgent(greet=greet, respond=respond), log


STOP = Speech(from_s=0.5, to_s=0.9, text="please stop", silence_s=0.2, decode_s=0.1)


async def test_barge_in_stops_what_telnyx_plays(open_world, autojump_clock):
    agent, log = interrupting(protected=False)
    async with open_world(agent=agent, **over_the_phone([STOP])) as world:
        world.telnyx.media[SONG] = tone(700.0, 2.0)
        report = await world.ring(silent_caller(hangs_up_s=9.0), **QUIET)
    assert log == ["cut", "please stop"]
    assert "playback_stop" in report.actions
    assert length_s(report.agent_utterances[0]) < 1.3
    assert report.violations == ()


async def test_what_is_protected_is_played_to_its_end(open_world, autojump_clock):
    agent, log = interrupting(protected=True)
    async with open_world(agent=agent, **over_the_phone([STOP])) as world:
        world.telnyx.media[SONG] = tone(700.0, 2.0)
        report = await world.ring(silent_caller(hangs_up_s=5.0), **QUIET)
    assert log == [True]
    assert "playback_stop" not in report.actions
    assert length_s(report.agent_utterances[0]) == pytest.approx(2.0, abs=0.1)


async def test_an_act_longer_than_the_budget_for_words_is_no_slow_agent(play, autojump_clock):
    async def act(reply):
        return await reply.phone.play(SONG, loop=4)

    tables = {"budgets": {"first_words_s": 1, "first_audio_s": 1}}
    _, record, results = await play(act, **tables)
    assert results == [True]
    assert record["end"]["reason"] == "agent_hung_up"


async def test_an_agent_that_does_nothing_after_an_act_is_slow_all_the_same(play, autojump_clock):
    async def act(reply):
        await reply.phone.press("1")
        await trio.sleep(5)

    tables = {"budgets": {"first_words_s": 1, "first_audio_s": 1}, "call": {"apology": ""}}
    _, record, _ = await play(act, **tables)
    assert record["end"]["reason"] == "agent_too_slow"


async def test_nothing_is_done_before_the_turn_is_certain(open_world, autojump_clock):
    """The caller goes on after a pause: what he had said so far must not have pressed a key."""
    script = [
        Speech(from_s=0.5, to_s=0.8, text="call", silence_s=0.2, decode_s=0.05),
        Speech(from_s=1.1, to_s=1.5, text="nobody", silence_s=0.2, decode_s=0.05),
    ]

    async def respond(turn, reply):
        await reply.phone.press("1" if turn.text == "call" else "2")
        await trio.sleep(1)
        reply.hang_up()

    agent = FunctionAgent(respond=respond)
    async with open_world(agent=agent, **over_the_phone(script)) as world:
        report = await world.ring(silent_caller(hangs_up_s=9.0), **QUIET)
    assert agent.dialogues[0].turns[-1] == "call nobody"
    assert report.digits_heard == "2"


# Keys.


async def test_pressed_keys_are_heard_by_the_party(play, autojump_clock):
    async def act(reply):
        await reply.phone.press("12w#", duration_millis=100)
        await trio.sleep(2)

    report, _, _ = await play(act)
    assert report.digits_heard == "12#"


async def test_keys_are_gathered_and_do_not_reach_the_dialogue(open_world, autojump_clock):
    results = []

    async def greet(reply):
        results.append(await reply.phone.gather(maximum_digits=4))

    agent = FunctionAgent(greet=greet)
    pressed = [(1.0 + n / 4, digit) for n, digit in enumerate("4711")]
    faults = Faults(socket_keys_late_s=0.5)
    async with open_world(agent=agent) as world:
        report = await world.ring(keys(*pressed, hangs_up_s=6.0), faults=faults, **QUIET)
    (gathered,) = results
    assert (gathered.digits, gathered.status) == ("4711", "valid")
    assert agent.dialogues[0].turns == []
    assert agent.dialogues[0].cut == []
    assert report.violations == ()


async def test_a_key_after_the_gathering_is_the_dialogues_again(open_world, autojump_clock):
    async def greet(reply):
        await reply.phone.gather(maximum_digits=2)

    agent = FunctionAgent(greet=greet)
    pressed = ((1.0, "1"), (1.2, "2"), (2.0, "3"))
    async with open_world(agent=agent) as world:
        await world.ring(keys(*pressed, hangs_up_s=9.0), **QUIET)
    assert agent.dialogues[0].digits == ["3"]


async def test_nobody_presses_a_key(play, autojump_clock):
    async def act(reply):
        return await reply.phone.gather(initial_timeout_millis=1500)

    _, _, (gathered,) = await play(act)
    assert (gathered.digits, gathered.status) == ("", "timeout")


async def test_keys_are_asked_for_by_a_text_or_a_file(play, autojump_clock):
    async def act(reply):
        spoken = await reply.phone.gather_using_speak("Your number?", maximum_digits=2)
        played = await reply.phone.gather_using_audio(SONG, maximum_digits=1)
        return spoken.digits, played.digits

    caller = keys((1.0, "1"), (1.5, "2"), (3.0, "3"), hangs_up_s=20.0)
    report, _, results = await play(act, caller=caller)
    assert results == [("12", "3")]
    assert len(report.agent_utterances) == 2


async def test_a_gathering_that_is_given_up_is_stopped(play, autojump_clock):
    async def act(reply):
        first = await reply.phone.gather(within_s=1.0)
        return first, (await reply.phone.gather(maximum_digits=1)).digits

    caller = keys((2.0, "7"), hangs_up_s=20.0)
    report, _, results = await play(act, caller=caller)
    assert results == [(None, "7")]
    assert report.actions == ("answer", "gather", "gather_stop", "gather", "hangup")


# The leg.


@pytest.mark.parametrize(("friend", "taken"), [(human(after_s=1.0), True), (busy(), False)])
async def test_the_far_end_is_referred_elsewhere_or_not(play, autojump_clock, friend, taken):
    async def act(reply):
        return await reply.phone.refer(FRIEND)

    def prepare(world):
        world.telnyx.directory.entries[FRIEND] = friend

    report, record, results = await play(act, prepare=prepare)
    assert results in ([taken], [] if taken else None)  # it hangs up as soon as it has taken it
    assert record["end"]["reason"] == ("caller_hung_up" if taken else "agent_hung_up")
    assert "refer" in report.actions


async def test_noise_is_suppressed_and_let_through_again(open_world, autojump_clock):
    async def act(reply):
        await trio.sleep(1)
        await reply.phone.suppress_noise(True)
        await trio.sleep(1)
        await reply.phone.suppress_noise(False)
        await trio.sleep(1)

    async with open_world(agent=doing(act)) as world:
        report = await world.ring(silent_caller(hangs_up_s=20.0), background_dbfs=-30.0)
    spoken = [report.spoken[round((s + 0.4) * 8000) : round((s + 0.8) * 8000)] for s in (0.1, 1.2)]
    assert level_dbfs(spoken[0]) > -35
    assert level_dbfs(spoken[1]) < -60
    assert level_dbfs(report.spoken[-2000:]) > -35


async def test_a_client_state_comes_back(play, autojump_clock):
    async def act(reply):
        await reply.phone.set_client_state("ticket 7")

    report, record, _ = await play(act)
    assert report.webhooks[-1].payload["client_state"] == "dGlja2V0IDc="
    assert record["hangup_confirmed"] is True


async def test_a_stream_that_the_agent_stops_and_starts_does_not_end_the_call(play, autojump_clock):
    async def act(reply):
        await reply.phone.stop_streaming()
        told = await reply.phone.play(SONG, loop=8)  # longer than a stall would be borne
        await reply.phone.start_streaming()
        await reply.say("Here I am again, as I had promised.")
        return told

    tables = {"media": {"stall_timeout_s": 5, "reconnect_s": 0}}
    report, record, results = await play(act, caller=silent_caller(hangs_up_s=40.0), **tables)
    assert results == [True]
    assert record["end"]["reason"] == "agent_hung_up"
    assert len(report.sockets) == 2
    assert report.sockets[0].stopped
    assert record["turns"][-1]["heard"] == "all"


async def test_a_caller_may_hang_up_while_the_stream_is_stopped(play, autojump_clock):
    async def act(reply):
        await reply.phone.stop_streaming()
        await trio.sleep(60)

    _, record, _ = await play(act, caller=silent_caller(hangs_up_s=3.0))
    assert record["end"]["reason"] == "caller_hung_up"
    assert record["duration_s"] < 3.3


async def test_a_stop_that_telnyx_refuses_leaves_all_as_it_is(play, autojump_clock):
    async def act(reply):
        with suppress(CommandFailed):
            await reply.phone.stop_streaming()
        await reply.say("Never mind.")

    faults = Faults(rest=(RestFault(action="streaming_stop", trouble="fail", times=9),))
    _, record, _ = await play(act, faults=faults)
    assert record["end"]["reason"] == "agent_hung_up"


@pytest.mark.parametrize("lost", [frozenset(), frozenset({"call.bridged"})])
async def test_two_callers_are_bridged_and_hear_each_other(open_world, autojump_clock, lost):
    """Both agents fall silent, both calls are transferred, and each ends with its leg."""
    waiting: list[str] = []

    async def greet(reply):
        if not waiting:
            await reply.say("Please hold the line. " * 20)
        else:
            await reply.phone.bridge(waiting[0])
            raise AssertionError("bridged, and nobody was told")

    async with open_world(agent=FunctionAgent(greet=greet)) as world:
        reports = []

        async def ring(caller, faults):
            reports.append(await world.ring(caller, faults=faults, **QUIET))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ring, silent_caller(hangs_up_s=60.0), Faults())
            await trio.sleep(1)
            waiting.append(world.switchboard.snapshot()[0]["call_id"])
            caller = tone_caller(starts_s=3.0, lasts_s=2.0, hangs_up_s=9.0)
            nursery.start_soon(ring, caller, Faults(lost=lost))
            await trio.sleep(4.5)
            assert [call["leg"] for call in world.switchboard.snapshot()] == ["bridged"] * 2
    first, second = sorted(reports, key=lambda report: report.rang_at)
    assert first.bridges[0].call_control_id == second.call_control_id
    assert level_dbfs(first.heard_between(4.5, 5.5)) > -30  # the other one's tone
    assert [record["end"]["reason"] for record in world.records] == ["transferred"] * 2
    assert first.violations == second.violations == ()
    assert "hangup" not in first.actions + second.actions


async def test_a_bridge_that_cannot_be_is_told(play, autojump_clock):
    async def act(reply):
        with pytest.raises(CommandFailed):
            await reply.phone.bridge("v3:nobody")
        return "still here"

    with pytest.raises(AssertionError, match="90015"):  # which the emulated Telnyx finds wrong, too
        await play(act)


async def test_commands_of_which_the_call_must_know_are_refused(play, autojump_clock):
    async def act(reply):
        for kind in (commands.StreamingStop, commands.RecordStart, commands.Hangup):
            with pytest.raises(LocalProtocolError, match="use "):
                await reply.phone.do(kind)

    report, _, _ = await play(act)
    assert report.actions == ("answer", "hangup")


async def test_a_refusal_that_the_agent_does_not_catch_ends_its_call_with_that(
    play, autojump_clock
):
    async def act(reply):
        await reply.phone.press("1")

    faults = Faults(rest=(RestFault(action="send_dtmf", trouble="fail", times=9),))
    _, record, _ = await play(act, faults=faults, call={"apology": ""})
    assert record["end"]["reason"] == "agent_failed"
    assert record["end"]["evidence"].startswith("agent: send_dtmf: ")


async def test_a_command_to_a_leg_that_has_gone_ends_the_call_as_a_hangup(play, autojump_clock):
    gone = []

    async def act(reply):
        await trio.sleep(2.5)
        try:
            await reply.phone.press("1")
        except CallGone:
            gone.append(trio.current_time())
            raise

    faults = Faults(lost=frozenset({"call.hangup"}), socket_half_open_s=1.0)
    _, record, _ = await play(act, caller=silent_caller(hangs_up_s=2.0), faults=faults)
    assert record["end"]["reason"] == "caller_hung_up"
    assert "90018" in record["end"]["evidence"] or gone


# Recording.


async def inline(work, *args):
    await trio.lowlevel.checkpoint()
    return work(*args)


@pytest.fixture
def store(tmp_path):
    return RecordStore(tmp_path / "calls", inline)


async def recorded(open_world, store, act, tmp_path, **recording):
    """Play a call whose caller sounds all the time; return record and directory."""
    tables = {"recording": {"audio": True, **recording}}
    async with open_world(store=store, agent=doing(act), **tables) as world:
        caller = tone_caller(starts_s=0.0, lasts_s=30.0, hangs_up_s=30.0)
        report = await world.ring(caller, **QUIET)
        await trio.sleep(5)
    assert report.violations == ()
    (path,) = (tmp_path / "calls").glob("*/call.json")
    return json.loads(path.read_text()), path.parent, report


def audio_of(path):
    with wave.open(str(path)) as file:
        pcm = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        return pcm.reshape(-1, file.getnchannels()), file.getframerate()


async def test_on_demand_telnyx_records_but_for_the_pause_and_the_file_is_fetched(
    open_world, autojump_clock, store, tmp_path
):
    async def act(reply):
        phone = reply.phone
        assert await phone.start_recording()
        assert not await phone.start_recording()
        await trio.sleep(2)
        await phone.pause_recording()
        await trio.sleep(3)
        await phone.resume_recording()
        await trio.sleep(1)
        assert await phone.stop_recording()
        assert not await phone.stop_recording()

    record, directory, report = await recorded(open_world, store, act, tmp_path, telnyx="on_demand")
    assert report.actions == (
        "answer",
        "record_start",
        "record_pause",
        "record_resume",
        "record_stop",
        "hangup",
    )
    (entry,) = record["recordings"]
    audio, rate_hz = audio_of(directory / entry["file"])
    assert len(audio) / rate_hz == pytest.approx(3.0, abs=0.15)
    (pause,) = record["recording_pauses"]
    assert pause["to_s"] - pause["from_s"] == pytest.approx(3.0, abs=0.05)


async def test_while_a_card_number_is_told_our_own_recording_is_silent(
    open_world, autojump_clock, store, tmp_path
):
    async def act(reply):
        await trio.sleep(2)
        async with reply.phone.recording_paused():
            await reply.say("Please tell me the number of your card.")
            await trio.sleep(3)
        await trio.sleep(2)

    record, directory, report = await recorded(open_world, store, act, tmp_path)
    (pause,) = record["recording_pauses"]
    audio, rate_hz = audio_of(directory / "audio.wav")
    from_s, to_s = (pause[key] - report.answered_s for key in ("from_s", "to_s"))
    start, end = (round(s * rate_hz) for s in (from_s, to_s))
    assert not audio[start:end].any()
    assert np.abs(audio[: start - rate_hz // 2, 0]).mean() > 1000
    assert np.abs(audio[end + rate_hz // 2 : -rate_hz, 0]).mean() > 1000
    (turn,) = record["turns"]
    assert (turn["text"], turn["withheld"]) == ("", True)


async def test_telnyx_that_cannot_pause_is_told_before_the_card_is_asked_for(
    open_world, autojump_clock, store, tmp_path
):
    async def act(reply):
        with pytest.raises(CommandFailed):
            async with reply.phone.recording_paused():
                raise AssertionError("the number would be recorded")

    faults = Faults(rest=(RestFault(action="record_pause", trouble="fail", times=9),))
    tables = {"recording": {"telnyx": "from_answer"}}
    async with open_world(store=store, agent=doing(act), **tables) as world:
        report = await world.ring(silent_caller(hangs_up_s=30.0), faults=faults, **QUIET)
        await trio.sleep(5)
    assert "record_resume" not in report.actions
    (path,) = (tmp_path / "calls").glob("*/call.json")
    assert json.loads(path.read_text())["recording_pauses"][0]["to_s"] is not None


async def test_barge_in_on_the_question_for_the_card_lets_recording_go_on(
    open_world, autojump_clock, store
):
    async def greet(reply):
        async with reply.phone.recording_paused():
            await reply.say("Please tell me the number of your card, all sixteen digits of it.")
            await trio.sleep(60)

    async def respond(turn, reply):
        await trio.sleep(1)
        reply.hang_up()

    tables = {"recording": {"telnyx": "from_answer"}, **over_the_phone([STOP])}
    agent = FunctionAgent(greet=greet, respond=respond)
    async with open_world(store=store, agent=agent, **tables) as world:
        report = await world.ring(silent_caller(hangs_up_s=30.0), **QUIET)
        await trio.sleep(5)
    assert report.actions == ("answer", "record_pause", "record_resume", "hangup")


async def test_a_pause_within_a_pause_ends_with_the_outer_one(
    open_world, autojump_clock, store, tmp_path
):
    async def act(reply):
        async with reply.phone.recording_paused():
            async with reply.phone.recording_paused():
                await trio.sleep(0.5)
            await trio.sleep(0.5)
        await trio.sleep(0.5)

    record, _, report = await recorded(open_world, store, act, tmp_path, telnyx="from_answer")
    assert report.actions.count("record_pause") == report.actions.count("record_resume") == 1
    assert len(record["recording_pauses"]) == 1


# A hangup during each wait leaves nothing.


async def paused(phone):
    async with phone.recording_paused():
        await trio.sleep(60)


WAITS = {
    "speak": lambda phone: phone.speak("Please hold the line, somebody will be with you. " * 5),
    "play": lambda phone: phone.play(SONG, loop=9),
    "gather": lambda phone: phone.gather(initial_timeout_millis=30_000),
    "gather_using_speak": lambda phone: phone.gather_using_speak("Your number please? " * 9),
    "gather_using_audio": lambda phone: phone.gather_using_audio(SONG),
    "refer": lambda phone: phone.refer(FRIEND),
    "recording_paused": paused,
}


@pytest.mark.parametrize("wait", WAITS)
@pytest.mark.parametrize("loss", ["hangup", "socket", "operator"])
async def test_the_end_of_the_call_during_a_wait_leaves_nothing(
    open_world, autojump_clock, wait, loss
):
    async def act(reply):
        await WAITS[wait](reply.phone)

    faults = Faults(socket_drops_s=1.5) if loss == "socket" else Faults()
    caller = silent_caller(hangs_up_s=2.0 if loss == "hangup" else None)
    tables = {"recording": {"telnyx": "from_answer"}, "media": {"reconnect_s": 0}}
    async with open_world(agent=doing(act), call={"apology": ""}, **tables) as world:
        world.telnyx.media[SONG] = tone(700.0, 2.0)
        world.telnyx.directory.entries[FRIEND] = human(after_s=20.0)
        async with trio.open_nursery() as nursery:

            async def ring():
                report = await world.ring(caller, faults=faults, **QUIET)
                assert report.violations == ()
                assert not report.zombie

            nursery.start_soon(ring)
            await trio.sleep(1.9)
            if loss == "operator":
                await world.switchboard.close()
            await trio.sleep(0.4)
            assert names_of_live_tasks() == []
            assert world.switchboard.snapshot() == []
    reason = {
        "hangup": "caller_hung_up",
        "socket": "media_lost",
        "operator": "shutdown",
    }[loss]
    assert world.records[0]["end"]["reason"] == reason
