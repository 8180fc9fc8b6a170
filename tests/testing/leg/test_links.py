"""Transfer, bridge and referral, against a tiny daemon, in memory, on the virtual clock."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import trio

from voiced.testing.callees import (
    NeverAnswers,
    answering_machine,
    busy,
    declined,
    human,
)
from voiced.testing.caller import Line, PlayedCaller, silent_caller, tone, tone_caller
from voiced.testing.rules import CallRules

TO = "+13125550177"
OTHER = "+13125550178"
QUIET = CallRules(background_dbfs=None)


def says(frequency_hz, at_s, *, lasts_s=1.0, after_s=2.0, hangs_up_s=None):
    """Somebody who picks up and makes one tone."""
    audio = np.concatenate((np.zeros(round(at_s * 8000), np.int16), tone(frequency_hz, lasts_s)))
    callee = human(after_s=after_s)
    return replace(callee, party=lambda: PlayedCaller(audio, hangs_up_s=hangs_up_s))


def frequency_of(pcm):
    spectrum = np.abs(np.fft.rfft(pcm.astype(float)))
    return float(np.fft.rfftfreq(len(pcm), 1 / 8000)[spectrum.argmax()])


async def hear_out(socket):
    while await socket.next() is not None:
        pass


@pytest.fixture
def transferring(tiny):
    """A daemon that hands over each incoming call after a second."""

    def prepare(*, at_s=1.0, **body):
        async def talk(daemon, socket):
            call = daemon.call_control_id
            await trio.sleep_until(at_s)
            reply = await daemon.client.post(
                f"/v2/calls/{call}/actions/transfer", json={"to": TO, **body}
            )
            daemon.replies.append(reply)
            await hear_out(socket)

        tiny.talk = talk
        return tiny

    async def react(event):
        await trio.lowlevel.checkpoint()
        payload = event["payload"]
        path = f"/v2/calls/{payload['call_control_id']}/actions"
        if event["event_type"] == "call.initiated" and payload["direction"] == "incoming":
            tiny.call_control_id = payload["call_control_id"]
            await tiny.client.post(f"{path}/answer", json=tiny.stream_body)

    tiny._react = react
    return prepare


async def test_a_transfer_has_the_order_of_the_protocol_and_both_parties_hear_each_other(
    transferring, autojump_clock, check_webhook
):
    tiny = transferring()
    tiny.telnyx.directory.entries[TO] = says(600, 1.0, hangs_up_s=4.0)
    caller = tone_caller(starts_s=4.0, lasts_s=1.0, frequency_hz=1000)
    report = await tiny.telnyx.ring(caller, rules=QUIET)
    (target,) = report.linked
    events = [
        (
            body["data"]["event_type"],
            "A" if body["data"]["payload"]["call_control_id"] == report.call_control_id else "B",
        )
        for _, body in tiny.webhooks
        if not body["data"]["event_type"].startswith("streaming")
    ]
    assert events[:4] == [
        ("call.initiated", "A"),
        ("call.answered", "A"),
        ("call.initiated", "B"),
        ("call.answered", "B"),
    ]
    assert sorted(events[4:6]) == [("call.bridged", "A"), ("call.bridged", "B")]
    assert sorted(events[6:]) == [("call.hangup", "A"), ("call.hangup", "B")]
    for _, body in tiny.webhooks:
        check_webhook(body)
    bridged_s = target.rang_at - report.rang_at + target.answered_s
    heard = report.heard_between(bridged_s + 1.1, bridged_s + 1.9)
    assert frequency_of(heard) == pytest.approx(600, abs=5)
    said_s = report.caller_utterances[0].start_s - (target.rang_at - report.rang_at)
    assert frequency_of(target.heard_between(said_s + 0.1, said_s + 0.9)) == pytest.approx(
        1000, abs=5
    )
    assert (target.ended_by, report.ended_by) == ("callee", "peer")
    assert report.cause == "normal_clearing"
    (bridge,) = report.bridges
    assert bridge.call_control_id == target.call_control_id
    assert bridge.from_s == pytest.approx(bridged_s + 0.019)
    assert report.violations == target.violations == ()


async def test_the_new_leg_has_its_own_names_and_state(transferring, autojump_clock):
    tiny = transferring(target_leg_client_state="eA==", client_state="YQ==")
    tiny.telnyx.directory.entries[TO] = busy()
    report = await tiny.telnyx.ring(silent_caller(hangs_up_s=6.0))
    incoming, outgoing = tiny.told("call.initiated")
    assert (outgoing["direction"], outgoing["from"], outgoing["to"]) == (
        "outgoing",
        incoming["to"],
        TO,
    )
    assert outgoing["client_state"] == "eA=="
    assert outgoing["call_session_id"] == incoming["call_session_id"]
    assert outgoing["call_leg_id"] != incoming["call_leg_id"]
    assert tiny.told("call.hangup")[-1]["client_state"] == "YQ=="
    assert report.linked[0].call_session_id == report.call_session_id


@pytest.mark.parametrize(
    ("callee", "cause", "sip_cause"),
    [
        (busy(), "user_busy", "486"),
        (declined(), "call_rejected", "603"),
        (NeverAnswers(), "timeout", "487"),
    ],
)
async def test_a_transfer_that_fails_leaves_the_caller_with_the_daemon(
    transferring, autojump_clock, callee, cause, sip_cause
):
    tiny = transferring(timeout_secs=8, **{"from": "+13125550100"})
    tiny.telnyx.directory.entries[TO] = callee
    report = await tiny.telnyx.ring(silent_caller(hangs_up_s=15.0))
    (target,) = report.linked
    assert (target.cause, target.sip_cause) == (cause, sip_cause)
    assert target.from_ == "+13125550100"
    assert (report.ended_by, report.bridges) == ("caller", ())
    assert report.ended_s == pytest.approx(15.04)
    (socket,) = report.sockets
    assert socket.closed_s == pytest.approx(report.ended_s)


async def test_the_caller_hears_the_target_ring_unless_early_media_is_off(
    transferring, autojump_clock
):
    tiny = transferring()
    tiny.telnyx.directory.entries[TO] = busy(after_s=2.0)
    report = await tiny.telnyx.ring(silent_caller(hangs_up_s=5.0), rules=QUIET)
    (ring,) = report.agent_utterances
    assert ring.start_s == pytest.approx(1.03, abs=0.03)
    assert ring.end_s == pytest.approx(3.03, abs=0.03)
    tiny = transferring(early_media=False, at_s=trio.current_time() + 1.0)
    report = await tiny.telnyx.ring(silent_caller(hangs_up_s=5.0), rules=QUIET)
    assert report.agent_utterances == ()


async def test_a_caller_who_hangs_up_while_the_target_rings_cancels_it(
    transferring, autojump_clock
):
    tiny = transferring()
    report = await tiny.telnyx.ring(silent_caller(hangs_up_s=3.0))
    (target,) = report.linked
    assert (target.cause, target.sip_cause, target.ended_by) == (
        "originator_cancel",
        "487",
        "peer",
    )
    assert target.answered_s is None


async def test_a_caller_who_hangs_up_takes_the_target_along(transferring, autojump_clock):
    tiny = transferring()
    report = await tiny.telnyx.ring(silent_caller(hangs_up_s=9.0))
    assert (report.ended_by, report.linked[0].ended_by) == ("caller", "peer")
    assert report.linked[0].cause == "normal_clearing"


async def test_our_leg_comes_back_when_it_was_to_be_parked(transferring, autojump_clock):
    tiny = transferring(park_after_unbridge="self")
    tiny.telnyx.directory.entries[TO] = says(600, 0.1, hangs_up_s=2.0)
    caller = tone_caller(starts_s=8.0, lasts_s=0.5, hangs_up_s=10.0)
    report = await tiny.telnyx.ring(caller)
    assert report.ended_by == "caller"
    (bridge,) = report.bridges
    assert bridge.to_s - bridge.from_s == pytest.approx(2.0, abs=0.03)
    media = [frame for _, frame in tiny.sockets[0].frames if frame["event"] == "media"]
    assert len(media) == pytest.approx(10.0 * 50, abs=6)  # the stream has gone on all the time


async def test_a_second_transfer_has_to_wait_for_the_first(transferring, autojump_clock):
    tiny = transferring()
    first = tiny.talk

    async def talk(daemon, socket):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(first, daemon, socket)
            await trio.sleep_until(2.0)
            call = daemon.call_control_id
            path = f"/v2/calls/{call}/actions/transfer"
            daemon.replies.append(await daemon.client.post(path, json={"to": TO}))

    tiny.talk = talk
    await tiny.telnyx.ring(silent_caller(hangs_up_s=3.0))
    assert [reply.status_code for reply in tiny.replies] == [200, 422]
    assert tiny.replies[1].json()["errors"][0]["code"] == "90102"


async def test_the_target_hears_a_file_before_it_is_bridged(transferring, autojump_clock):
    tiny = transferring(media_name="whisper")
    tiny.telnyx.media["whisper"] = tone(800, 1.5)
    tiny.telnyx.directory.entries[TO] = says(600, 0.1, hangs_up_s=6.0)
    report = await tiny.telnyx.ring(silent_caller(), rules=QUIET)
    (target,) = report.linked
    (whisper,) = target.agent_utterances
    assert whisper.end_s - whisper.start_s == pytest.approx(1.5, abs=0.03)
    bridged_s = target.bridges[0].from_s
    assert bridged_s == pytest.approx(whisper.end_s, abs=0.03)
    assert not report.heard_between(4.2, 4.6).any()  # the caller hears neither file nor target


async def test_detection_works_on_the_target_of_a_transfer(transferring, autojump_clock):
    tiny = transferring(answering_machine_detection="premium")
    tiny.telnyx.directory.entries[TO] = answering_machine(after_s=1.0, records_s=1.0)
    await tiny.telnyx.ring(silent_caller())
    (detected,) = tiny.told("call.machine.premium.detection.ended")
    assert detected["result"] == "machine"


# -- bridge -----------------------------------------------------------------------------------


@pytest.fixture
def warm(tiny):
    """A daemon that dials an expert for each caller, and bridges the two."""
    ids = {}

    def prepare(**body):
        async def react(event):
            await trio.lowlevel.checkpoint()
            payload = event["payload"]
            call = payload["call_control_id"]
            match event["event_type"], payload.get("to"):
                case "call.initiated", _ if payload["direction"] == "incoming":
                    ids["caller"] = call
                    await tiny.client.post(f"/v2/calls/{call}/actions/answer", json={})
                    ids["dial"] = (await tiny.dial(TO, link_to=call)).json()["data"]
                case "call.answered", number if number == TO:
                    await trio.sleep(1.0)
                    path = f"/v2/calls/{ids['caller']}/actions/bridge"
                    body_ = {"call_control_id": call, **body}
                    tiny.replies.append(await tiny.client.post(path, json=body_))

        tiny._react = react
        return tiny

    return prepare


async def test_two_legs_are_bridged_by_command(warm, autojump_clock, check_webhook):
    tiny = warm()
    tiny.telnyx.directory.entries[TO] = says(600, 2.0, hangs_up_s=5.0)
    report = await tiny.telnyx.ring(silent_caller(), rules=QUIET)
    (expert,) = report.linked
    assert tiny.events.count("call.bridged") == 2
    (heard,) = report.agent_utterances
    assert heard.end_s - heard.start_s == pytest.approx(1.0, abs=0.03)
    assert (expert.ended_by, report.ended_by) == ("callee", "peer")
    for _, body in tiny.webhooks:
        check_webhook(body)


async def test_keys_pass_over_a_bridge_unless_they_are_muted(warm, autojump_clock):
    keys = [(8.0, "5")]
    nothing = np.zeros(0, np.int16)
    for mute, heard in (("none", "5"), ("opposite", "")):
        tiny = warm(mute_dtmf=mute)
        tiny.telnyx.directory.entries[TO] = says(600, 0.1)
        caller = PlayedCaller(nothing, keys=keys, hangs_up_s=9.0)
        report = await tiny.telnyx.ring(caller)
        assert report.linked[0].digits_heard == heard
        assert tiny.told("call.dtmf.received")[-1]["call_control_id"] == report.call_control_id


@pytest.mark.parametrize(
    ("other", "code"), [("v3:nobody", "90015"), ("self", "90015"), ("ringing", "90034")]
)
async def test_a_bridge_needs_another_call_that_has_been_answered(
    tiny, autojump_clock, other, code
):
    async def talk(daemon, socket):
        call = daemon.call_control_id
        ringing = (await daemon.dial(TO)).json()["data"]["call_control_id"]
        named = {"self": call, "ringing": ringing}.get(other, other)
        path = f"/v2/calls/{call}/actions/bridge"
        daemon.replies.append(await daemon.client.post(path, json={"call_control_id": named}))
        await daemon.client.post(f"/v2/calls/{ringing}/actions/hangup")
        await hear_out(socket)

    tiny.talk = talk
    await tiny.telnyx.ring(silent_caller(hangs_up_s=1.0))
    assert tiny.replies[-1].json()["errors"][0]["code"] == code


async def test_a_dial_can_bridge_by_itself_when_it_is_answered(tiny, autojump_clock):
    tiny.telnyx.directory.entries[TO] = says(600, 1.0, hangs_up_s=4.0)

    async def talk(daemon, socket):
        call = daemon.call_control_id
        await daemon.dial(TO, link_to=call, bridge_on_answer=True)
        await hear_out(socket)

    tiny.talk = talk
    tiny.stream_body, tiny.answer_body = {}, tiny.stream_body
    report = await tiny.telnyx.ring(silent_caller())
    assert report.ended_by == "peer"
    assert len(report.bridges) == 1


async def test_what_the_daemon_plays_goes_to_the_legs_that_the_stream_names(tiny, autojump_clock):
    heard = {}
    for target in ("self", "opposite", "both"):
        tiny.telnyx.directory.entries[TO] = says(600, 0.1, after_s=0.5, lasts_s=0.02)

        async def talk(daemon, socket):
            call = daemon.call_control_id
            began_at = trio.current_time()
            await daemon.dial(TO, link_to=call, bridge_on_answer=True)
            await trio.sleep_until(began_at + 2.0)
            await socket.play(b"\x10" * 160 * 25)
            await hear_out(socket)

        tiny.talk = talk
        tiny.stream_body = {}
        tiny.answer_body = {
            "stream_url": "ws://tiny.test/telnyx/media/token",
            "stream_bidirectional_mode": "rtp",
            "stream_bidirectional_target_legs": target,
        }
        report = await tiny.telnyx.ring(silent_caller(hangs_up_s=4.0), rules=QUIET)
        last = [leg.agent_utterances[-1:] for leg in (report, *report.linked)]
        loud = [bool(found and found[0].end_s - found[0].start_s > 0.4) for found in last]
        heard[target] = loud
    assert heard == {"self": [True, False], "opposite": [False, True], "both": [True, True]}


# -- refer ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("callee", "told", "ended_by"),
    [
        (human(after_s=2.0), ("call.refer.completed", 200), "caller"),
        (declined(after_s=2.0), ("call.refer.failed", 603), "agent"),
        (NeverAnswers(), ("call.refer.failed", 480), "agent"),
    ],
)
async def test_a_referral_is_told_from_beginning_to_end(
    tiny, autojump_clock, callee, told, ended_by, check_webhook
):
    tiny.telnyx.directory.entries["sip:desk@example.com"] = callee

    async def talk(daemon, socket):
        await daemon.command("refer", sip_address="sip:desk@example.com")
        with trio.move_on_after(40):
            await hear_out(socket)
        await daemon.command("hangup")

    tiny.talk = talk
    report = await tiny.telnyx.ring(silent_caller())
    refers = [
        (body["data"]["event_type"], body["data"]["payload"]["sip_notify_response"])
        for _, body in tiny.webhooks
        if "refer" in body["data"]["event_type"]
    ]
    assert refers == [("call.refer.started", 100), told]
    assert report.ended_by == ended_by
    for _, body in tiny.webhooks:
        check_webhook(body)


async def test_a_person_who_is_transferred_speaks_by_script(transferring, autojump_clock):
    tiny = transferring()
    lines = [Line(pcm=tone(500, 0.4), text="who is there", after_s=0.3, first=True)]
    tiny.telnyx.directory.entries[TO] = human(lines, after_s=1.0)
    report = await tiny.telnyx.ring(silent_caller(hangs_up_s=6.0))
    assert [said.text for said in report.linked[0].caller_utterances] == ["who is there"]


async def test_a_leg_that_is_bridged_can_be_kept_from_a_second_bridge(warm, autojump_clock):
    tiny = warm(prevent_double_bridge=True)
    tiny.telnyx.directory.entries[TO] = says(600, 0.1, hangs_up_s=6.0)
    answered = tiny._react

    async def react(event):
        await answered(event)
        payload = event["payload"]
        if event["event_type"] == "call.bridged" and payload["to"] == TO:
            path = f"/v2/calls/{payload['call_control_id']}/actions/bridge"
            other = tiny.told("call.initiated")[0]["call_control_id"]
            body = {"call_control_id": other, "prevent_double_bridge": True}
            tiny.replies.append(await tiny.client.post(path, json=body))

    tiny._react = react
    await tiny.telnyx.ring(silent_caller())
    bridges = [reply.json() for reply in tiny.replies if "bridge" in reply.url.path]
    codes = [reply.get("errors", [{}])[0].get("code") for reply in bridges]
    assert codes == [None, "90102"]


async def test_a_call_that_has_ended_cannot_be_bridged(tiny, autojump_clock):
    tiny.telnyx.directory.entries[TO] = busy(after_s=0.1)

    async def talk(daemon, socket):
        call = daemon.call_control_id
        gone = (await daemon.dial(TO)).json()["data"]["call_control_id"]
        await daemon.telnyx.dialled()
        path = f"/v2/calls/{call}/actions/bridge"
        daemon.replies.append(await daemon.client.post(path, json={"call_control_id": gone}))
        await hear_out(socket)

    tiny.talk = talk
    await tiny.telnyx.ring(silent_caller(hangs_up_s=1.0))
    assert tiny.replies[-1].json()["errors"][0]["code"] == "90018"


async def test_a_whisper_that_cannot_be_played_does_not_stop_the_transfer(
    transferring, autojump_clock
):
    tiny = transferring(media_name="nothing")
    report = await tiny.telnyx.ring(silent_caller(hangs_up_s=9.0))
    assert len(report.bridges) == 1
