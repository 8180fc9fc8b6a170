"""Whole calls of a TeXML application, rung by the emulated Telnyx."""

import pytest
import trio

from tests.call.test_faults import assert_sound, names_of_live_tasks
from voiced.errors import SynthesizerFailed
from voiced.testing.account import TexmlApplication
from voiced.testing.caller import silent_caller, tone_caller
from voiced.testing.faults import Faults
from voiced.testing.providers import ToneSynthesizer

APPLICATION = TexmlApplication(
    id="16",
    voice_url="http://voiced/telnyx/texml",
    status_callback="http://voiced/telnyx/texml/status",
)
BY_GET = TexmlApplication(id="16", voice_url=APPLICATION.voice_url, voice_method="get")


async def test_a_call_is_answered_by_its_document_and_held(
    open_world, autojump_clock, greeter, brisk
):
    async with open_world(**brisk) as world:
        report = await world.telnyx.ring_texml(silent_caller(), APPLICATION)
    (record,) = world.records
    assert_sound(report, record)
    assert report.actions == ("hangup",)
    assert report.ended_by == "agent"
    assert record["end"]["reason"] == "agent_hung_up"
    assert [turn["who"] for turn in record["turns"]] == ["agent", "caller", "agent"]
    assert (record["via"], record["direction"]) == ("texml", "incoming")
    assert (record["from"], record["to"]) == (report.from_, report.to)
    assert record["call_id"] == report.call_control_id


async def test_the_caller_hangs_up_and_no_command_was_needed(open_world, autojump_clock):
    async with open_world() as world:
        report = await world.telnyx.ring_texml(
            tone_caller(starts_s=0.5, lasts_s=0.5, hangs_up_s=3.0), APPLICATION
        )
    (record,) = world.records
    assert_sound(report, record)
    assert set(report.actions) <= {"hangup"}  # that crossed the caller's own
    assert report.first_audio_s is not None
    assert record["end"]["reason"] == "caller_hung_up"
    assert record["answered_after_s"] is not None
    assert all(webhook.status == 200 for webhook in report.webhooks)


async def test_the_record_learns_the_session_from_the_stream(open_world, autojump_clock):
    async with open_world() as world:
        report = await world.telnyx.ring_texml(silent_caller(hangs_up_s=1.0), APPLICATION)
    (record,) = world.records
    assert record["call_session_id"] == report.call_session_id


async def test_a_get_is_answered_once_telnyx_has_confirmed_the_call(open_world, autojump_clock):
    async with open_world() as world:
        report = await world.telnyx.ring_texml(tone_caller(hangs_up_s=2.0), BY_GET)
    (record,) = world.records
    assert_sound(report, record)
    assert report.first_audio_s is not None
    assert record["end"]["reason"] == "caller_hung_up"


async def test_a_get_is_refused_where_it_is_off(open_world, autojump_clock):
    async with open_world() as world:
        world.telnyx.network.app = world.app
        off = {**world.config.telnyx.model_dump(), "texml_get": False}
        off["api_key"] = world.telnyx.api_key
    async with open_world(telnyx=off) as world:
        report = await world.telnyx.ring_texml(silent_caller(), BY_GET)
    assert report.violations == ("TeXML: the document was fetched with status 405, not 200",)
    assert world.records == []


# The socket is lost.


async def test_a_dropped_socket_is_dialled_again_and_the_conversation_goes_on(
    open_world, autojump_clock, greeter
):
    async with open_world(agent=greeter) as world:
        report = await world.telnyx.ring_texml(
            silent_caller(hangs_up_s=12.0), APPLICATION, faults=Faults(socket_drops_s=1.0)
        )
    (record,) = world.records
    assert_sound(report, record)
    assert len(report.sockets) == 2
    assert set(report.actions) <= {"hangup"}  # Telnyx has dialled again by itself
    assert record["counters"]["stream_restarts"] == 1
    assert record["end"]["reason"] == "caller_hung_up"
    greeting = record["turns"][0]
    assert greeting["who"] == "agent"
    assert report.agent_utterances[-1].start_s > report.sockets[1].opened_s


async def test_without_reconnection_the_document_runs_to_its_hangup(open_world, autojump_clock):
    async with open_world(media={"reconnect_s": 0}) as world:
        report = await world.telnyx.ring_texml(
            silent_caller(), APPLICATION, faults=Faults(socket_drops_s=1.0)
        )
    (record,) = world.records
    assert report.violations == ()
    assert len(report.sockets) == 1
    assert report.ended_s < 3
    assert record["end"]["reason"] == "media_lost"
    assert record["hangup_confirmed"] is True


async def test_an_agent_that_fails_ends_the_call(open_world, autojump_clock, greeter):
    class Broken(ToneSynthesizer):
        def synthesize(self, *_args, **_kwargs):
            raise SynthesizerFailed("tone", "broken")

    async with open_world(agent=greeter, synthesizer=Broken()) as world:
        report = await world.telnyx.ring_texml(silent_caller(), APPLICATION)
    (record,) = world.records
    assert report.violations == ()
    assert not report.zombie
    assert report.ended_s < 20
    assert record["end"]["reason"] == "synthesizer_failed"
    assert record["hangup_confirmed"] is True


# Callers who are turned away.


async def test_a_blocked_caller_is_rejected_and_never_answered(open_world, autojump_clock):
    async with open_world(inbound={"block": ["+1312*"]}) as world:
        report = await world.telnyx.ring_texml(silent_caller(), APPLICATION)
    assert report.violations == ()
    assert (report.answered_s, report.cause, report.commands) == (None, "call_rejected", ())
    (record,) = world.records
    assert record["end"] == {"reason": "refused_blocked", "evidence": "[inbound] block"}
    assert record["hangup_confirmed"] is True


async def test_a_draining_daemon_is_busy(open_world, autojump_clock):
    async with open_world() as world:
        await world.switchboard.drain()
        report = await world.telnyx.ring_texml(silent_caller(), APPLICATION)
    assert report.violations == ()
    assert (report.answered_s, report.cause) == (None, "user_busy")
    assert world.records[0]["end"]["reason"] == "refused_busy"


async def test_a_caller_too_many_hears_why(open_world, autojump_clock):
    message = 'All lines are <busy> & "closed".'
    inbound = {"when_full": "message", "full_message": message}
    async with (
        open_world(call={"max_concurrent": 1}, inbound=inbound) as world,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(world.telnyx.ring_texml, silent_caller(hangs_up_s=20.0), APPLICATION)
        await trio.sleep(1)
        report = await world.telnyx.ring_texml(silent_caller(), APPLICATION)
    assert report.violations == ()
    assert report.commands == ()
    assert report.agent_utterances != ()
    assert report.ended_by == "agent"
    record = next(r for r in world.records if r["call_id"] == report.call_control_id)
    assert record["end"]["reason"] == "refused_busy"
    assert record["hangup_confirmed"] is True


async def test_where_no_callback_comes_a_hangup_makes_sure_that_the_caller_was_turned_away(
    open_world, autojump_clock
):
    silent = TexmlApplication(id="16", voice_url=APPLICATION.voice_url)
    async with open_world(inbound={"block": ["+1312*"]}) as world:
        await world.telnyx.ring_texml(silent_caller(), silent)
        await trio.sleep(5)
    assert world.records[0]["hangup_confirmed"] is True
    assert names_of_live_tasks() == []


# What Telnyx tells.


async def test_every_callback_twice_changes_nothing(open_world, autojump_clock, brisk):
    faults = Faults(duplicates=frozenset({"*"}))
    async with open_world(**brisk) as world:
        report = await world.telnyx.ring_texml(silent_caller(), APPLICATION, faults=faults)
    (record,) = world.records
    assert_sound(report, record)
    assert record["end"]["reason"] == "agent_hung_up"


@pytest.mark.parametrize("how", ["forged", "stale"])
@pytest.mark.parametrize("status", ["completed", "stream-started"])
async def test_callbacks_that_are_not_telnyx_s_are_refused(open_world, autojump_clock, how, status):
    faults = Faults(forgeries=((status, how),))
    async with open_world() as world:
        report = await world.telnyx.ring_texml(
            silent_caller(hangs_up_s=2.0), APPLICATION, faults=faults
        )
    assert report.violations == ()
    assert [w.status for w in report.webhooks if w.kind == how] == [403]
    assert world.records[0]["end"]["reason"] == "caller_hung_up"


# Audio.


@pytest.mark.parametrize("codec", ["PCMU", "PCMA", "L16"])
async def test_what_the_document_declares_is_what_is_sent(open_world, autojump_clock, codec):
    rate = 16000 if codec == "L16" else 8000
    media = {"codec": codec, "bidirectional_codec": codec, "sample_rate": rate}
    async with open_world(media=media) as world:
        report = await world.telnyx.ring_texml(
            tone_caller(starts_s=0.5, lasts_s=0.5, hangs_up_s=3.0), APPLICATION
        )
    assert report.violations == ()
    assert len(report.agent_utterances) == 1
    assert report.playback.underruns == 0


@pytest.mark.parametrize("consent", ["", "This call is <recorded> & kept."])
async def test_telnyx_records_from_the_answer_on(open_world, autojump_clock, consent):
    recording = {"telnyx": "from_answer", "consent": consent}
    async with open_world(recording=recording, media={"start": "answered"}) as world:
        report = await world.telnyx.ring_texml(silent_caller(hangs_up_s=8.0), APPLICATION)
    assert report.violations == ()
    assert report.actions == ("record_start",)
    assert len(report.recordings) == 1
    assert len(report.agent_utterances) == (1 if consent else 0)
