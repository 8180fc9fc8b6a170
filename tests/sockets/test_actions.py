"""Every command and event of a call over real HTTP and WebSockets, with what the parties heard."""

import wave
from collections import Counter
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import numpy as np
import pytest
import trio

from tests.call.test_faults import names_of_live_tasks
from tests.sockets.actor import Actor, Part
from tests.sockets.conftest import until
from voiced.call.dialing import DialOrder
from voiced.telnyx import commands
from voiced.testing.callees import Answers, busy
from voiced.testing.caller import Spoken, tone
from voiced.testing.emulator import CONNECTION_ID, Account
from voiced.testing.rules import Latencies

pytestmark = [pytest.mark.socket, pytest.mark.slow]

OUR_NUMBER, CALLER, OTHER = "+13125550199", "+13125550100", "+13125550101"
CALLEE, TARGET, BUSY = "+13125550177", "+13125550178", "+13125550179"
FRIEND, ENGAGED = "sip:friend@example.com", "sip:engaged@example.com"
SONG = "https://sounds.test/song.wav"
SILENCE = np.zeros(160, np.int16)


@dataclass
class Person:
    """At the other end of a line: presses keys, sounds and hangs up when the test says so."""

    keys: list[str] = field(default_factory=list)
    sound: np.ndarray = field(default_factory=lambda: SILENCE)
    has_gone: bool = False
    utterances: tuple[()] = ()
    notes: tuple[()] = ()

    def step(self, heard):
        digit = self.keys.pop(0) if self.keys else ""
        pcm, self.sound = self.sound[:160], self.sound[160:]
        pcm = np.concatenate((pcm, SILENCE))[:160]
        return Spoken(pcm=pcm, digit=digit, hangs_up=self.has_gone)

    def answering(self):
        return Answers(party=lambda: self, after_s=0.1)


@pytest.fixture
def open_stage(open_house):
    """Open a house whose calls are played by `Actor.parts`."""

    @asynccontextmanager
    async def opener(parts, **tables):
        Actor.parts, Actor.our_number = parts, OUR_NUMBER
        account = Account(latencies=Latencies(recording_s=0.1, bridge_s=0.02))
        given = {
            "agent": {"provider": "tests.sockets.actor:Actor"},
            "recognizer": {"provider": "voiced.testing.providers:ScriptedRecognizer"},
            "synthesizer": {"provider": "voiced.testing.providers:ToneSynthesizer"},
            "outbound": {"caller_id": OUR_NUMBER, "answering_machine_detection": "disabled"},
            "telnyx_table": {"connection_id": CONNECTION_ID},
            **tables,
        }
        async with open_house(account=account, **given) as house:
            house.telnyx.media[SONG] = tone(700.0, 0.3)
            house.telnyx.directory.entries |= {BUSY: busy(after_s=0.1), ENGAGED: busy(after_s=0.1)}
            yield house
            await until(lambda: not house.daemon.switchboard.snapshot())
            assert names_of_live_tasks() == []

    return opener


def told(report):
    """Return how often each event was told, and taken by the daemon."""
    return Counter(hook.event_type for hook in report.webhooks if hook.status == 200)


def heard_somebody(report):
    """Tell whether anything was heard in the last second: only the other party speaks then."""
    return np.abs(report.heard[-8000:]).max() > 2000


def legs(house):
    return [call["leg"] for call in house.daemon.switchboard.snapshot()]


def dial(house, to):
    return house.daemon.switchboard.dial(DialOrder(to=to, caller_id=OUR_NUMBER, key=f"test {to}"))


async def pressing(person, keys, task):
    """Let `person` press `keys` while `task` runs; return what that gives."""
    results = []
    async with trio.open_nursery() as nursery:

        async def run():
            results.append(await task)

        nursery.start_soon(run)
        await trio.sleep(0.15)
        person.keys += keys
    return results[0]


async def test_an_incoming_call_does_all_there_is_and_is_transferred(open_stage):
    caller, target = Person(), Person()
    log = []

    async def greet(reply):
        phone = reply.phone
        log.append(await phone.speak("Hi"))
        log.append(await phone.play(SONG))
        with trio.move_on_after(0.1):
            await phone.play(SONG, loop="infinity")
        await phone.stop_playing()
        await phone.press("12#", duration_millis=100)
        log.append((await pressing(caller, "47", phone.gather(maximum_digits=2))).digits)
        await phone.suppress_noise(True)
        await phone.suppress_noise(False)
        await phone.set_client_state("ticket 7")
        log.append(await phone.start_recording())
        await trio.sleep(0.3)
        async with phone.recording_paused():
            await trio.sleep(0.5)
        await trio.sleep(0.2)
        log.append(await phone.stop_recording())
        await phone.stop_streaming()
        await trio.sleep(0.1)
        await phone.start_streaming()
        await reply.say("There.")
        caller.keys += "5#"

    async def answer(turn, reply):
        log.append(turn.digits)
        reply.transfer(BUSY)
        await trio.lowlevel.checkpoint()

    async def back(reason, reply):
        log.append(reason)
        reply.transfer(TARGET)
        await trio.lowlevel.checkpoint()

    parts = {CALLER: Part(open=greet, answer=answer, back=back)}
    tables = {"media": {"start": "answered"}, "recording": {"telnyx": "on_demand"}}
    async with open_stage(parts, **tables) as house, trio.open_nursery() as nursery:
        house.telnyx.directory.entries[TARGET] = target.answering()
        reports = []

        async def ring():
            reports.append(await house.telnyx.ring(caller, from_=CALLER))

        nursery.start_soon(ring)
        await until(lambda: legs(house) == ["bridged"])
        target.sound = tone(500.0, 0.4)
        await trio.sleep(0.5)
        target.has_gone = True
        await until(lambda: reports)
        await until(lambda: house.documents()[0].get("recordings"))
    (report,) = reports
    assert log == [True, True, "47", True, True, "5", "busy"]
    assert report.violations == ()
    counts = Counter(report.actions)
    counts.pop("playback_stop")  # one of ours, and one for the playback that was given up
    assert counts == Counter(
        [
            "answer",
            "streaming_start",
            "speak",
            "playback_start",
            "playback_start",
            "send_dtmf",
            "gather",
            "suppression_start",
            "suppression_stop",
            "client_state_update",
            "record_start",
            "record_pause",
            "record_resume",
            "record_stop",
            "streaming_stop",
            "streaming_start",
            "transfer",
            "transfer",
        ]
    )
    events = told(report)
    assert events["call.playback.started"] == events["call.playback.ended"] == 2
    for event in (
        "call.initiated",
        "call.answered",
        "call.speak.started",
        "call.speak.ended",
        "call.gather.ended",
        "call.recording.saved",
        "call.bridged",
        "call.hangup",
    ):
        assert events[event] == 1, event
    assert events["streaming.started"] == 2
    assert events["call.dtmf.received"] == 4
    assert report.digits_heard == "12#"
    assert report.webhooks[-1].payload["client_state"] == "dGlja2V0IDc="
    assert heard_somebody(report)
    refused, taken = report.linked
    assert (refused.cause, taken.cause) == ("user_busy", "normal_clearing")
    (document,) = house.documents()
    assert document["end"]["reason"] == "transferred"
    assert [t["outcome"] for t in document["transfers"]] == ["busy", "bridged"]
    (entry,) = document["recordings"]
    (directory,) = (path.parent for path in house.records.glob("*/call.json"))
    with wave.open(str(directory / entry["file"])) as file:
        recorded_s = file.getnframes() / file.getframerate()
    (recording,) = report.recordings
    assert recording.ended_s - recording.started_s - recorded_s > 0.3  # the pause
    assert recorded_s > 0.3


async def test_an_outgoing_call_asks_for_keys_and_refers_the_callee_elsewhere(open_stage):
    callee, friend = Person(), Person()
    log = []

    async def greet(reply):
        phone = reply.phone
        spoken = phone.gather_using_speak("Hi", maximum_digits=1)
        log.append((await pressing(callee, "1", spoken)).digits)
        played = phone.gather_using_audio(SONG, maximum_digits=1)
        log.append((await pressing(callee, "2", played)).digits)
        with trio.move_on_after(0.1):
            await phone.gather()
        await phone.press("9")
        log.append(await phone.refer(ENGAGED))
        with suppress(trio.Cancelled):
            await phone.refer(FRIEND)
            log.append("taken")
        await trio.sleep_forever()

    async with open_stage({CALLEE: Part(open=greet)}) as house:
        entries = house.telnyx.directory.entries
        entries |= {CALLEE: callee.answering(), FRIEND: friend.answering()}
        dial(house, CALLEE)
        report = await house.telnyx.dialled()
    assert log[:3] == ["1", "2", False]
    assert report.violations == ()
    assert report.actions == (
        "dial",
        "gather_using_speak",
        "gather_using_audio",
        "gather",
        "gather_stop",
        "send_dtmf",
        "refer",
        "refer",
    )
    events = told(report)
    assert events["call.gather.ended"] == 3
    assert events["call.refer.started"] == 2
    assert events["call.refer.failed"] == events["call.refer.completed"] == 1
    assert report.digits_heard == "9"
    (document,) = house.documents()
    assert document["end"]["reason"] == "callee_hung_up"
    assert document["outcome"] == "completed"


async def test_a_caller_and_a_callee_are_bridged_and_talk(open_stage):
    caller, callee = Person(), Person()

    async def wait(reply):
        await trio.sleep_forever()

    async def join(reply):
        (waiting,) = (
            call["call_id"]
            for call in house.daemon.switchboard.snapshot()
            if call["direction"] == "incoming"
        )
        await reply.phone.bridge(waiting)

    parts = {CALLER: Part(open=wait), CALLEE: Part(open=join)}
    budgets = {"first_words_s": 60, "first_audio_s": 60}
    async with open_stage(parts, budgets=budgets) as house, trio.open_nursery() as nursery:
        house.telnyx.directory.entries[CALLEE] = callee.answering()
        reports = []

        async def ring():
            reports.append(await house.telnyx.ring(caller, from_=CALLER))

        nursery.start_soon(ring)
        await until(lambda: legs(house) == ["streaming"])
        dial(house, CALLEE)
        await until(lambda: legs(house) == ["bridged"] * 2)
        caller.sound, callee.sound = tone(500.0, 0.4), tone(900.0, 0.4)
        await trio.sleep(0.5)
        caller.has_gone = True
        dialled = await house.telnyx.dialled()
    (rung,) = reports
    for report in (rung, dialled):
        assert report.violations == ()
        assert told(report)["call.bridged"] == 1
        assert heard_somebody(report)
    assert {document["end"]["reason"] for document in house.documents()} == {"transferred"}


async def test_a_caller_is_rejected_and_another_is_hung_up(open_stage):
    async def bid_farewell(reply):
        await reply.phone.do(commands.Speak, payload="Hi", voice="Telnyx.KokoroTTS.af")
        await reply.say("Bye.")
        reply.hang_up()

    tables = {"inbound": {"block": [OTHER], "blocked": "USER_BUSY"}}
    async with open_stage({CALLER: Part(open=bid_farewell)}, **tables) as house:
        blocked = await house.telnyx.ring(Person(), from_=OTHER)
        answered = await house.telnyx.ring(Person(), from_=CALLER)
    assert (blocked.actions, blocked.cause) == (("reject",), "user_busy")
    assert answered.actions == ("answer", "speak", "hangup")
    assert answered.ended_by == "agent"
    reasons = sorted(document["end"]["reason"] for document in house.documents())
    assert reasons == ["agent_hung_up", "refused_blocked"]
