"""Calls that the daemon dials, against a tiny daemon, in memory, on the virtual clock."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import trio

from voiced.testing.callees import (
    NeverAnswers,
    account_problem,
    answering_machine,
    bad_number,
    busy,
    dead_air,
    declined,
    fax_machine,
    full_mailbox,
    human,
    unreachable,
)
from voiced.testing.caller import Line, tone
from voiced.testing.emulator import CALLED_NUMBER
from voiced.testing.faults import Faults, RestFault
from voiced.testing.rules import CallRules
from voiced.testing.utterances import level_dbfs

TO = "+13125550177"
QUIET = CallRules(background_dbfs=None)


def code_of(reply):
    return reply.json()["errors"][0]["code"]


async def test_a_dialled_call_has_the_order_and_the_times_of_the_protocol(
    tiny, autojump_clock, check_webhook, check_answer, check_command
):
    tiny.telnyx.directory.entries[TO] = human(after_s=3.0, hangs_up_s=2.0)
    reply = await tiny.dial(TO, client_state="eA==", command_id="d")
    assert tiny.events == ["call.initiated"]  # faster than the reply
    check_answer("dial", reply.json())
    data = reply.json()["data"]
    assert data["is_alive"] is False
    assert data["call_control_id"] == tiny.call_control_id
    report = await tiny.telnyx.dialled()
    assert [(body["data"]["event_type"], round(at, 3)) for at, body in tiny.webhooks] == [
        ("call.initiated", 0.017),
        ("call.answered", 3.017),
        ("streaming.started", 3.088),
        ("streaming.stopped", 5.017),
        ("call.hangup", 5.017),
    ]
    for _, body in tiny.webhooks:
        check_webhook(body)
    (initiated,) = tiny.told("call.initiated")
    assert (initiated["direction"], initiated["state"]) == ("outgoing", "bridging")
    assert (initiated["from"], initiated["to"]) == (CALLED_NUMBER, TO)
    assert initiated["client_state"] == "eA=="
    (hangup,) = tiny.told("call.hangup")
    assert (hangup["hangup_cause"], hangup["hangup_source"]) == ("normal_clearing", "callee")
    assert report.direction == "outgoing"
    assert report.ended_by == "callee"
    assert report.answered_s == 3.0
    assert report.actions == ("dial", "streaming_start")
    assert report.violations == ()
    check_command("dial", report.commands[0].body)


@pytest.mark.parametrize(
    ("callee", "cause", "sip_cause", "ended_s"),
    [
        (busy(), "user_busy", "486", 2.0),
        (declined(), "call_rejected", "603", 6.0),
        (unreachable(), "no_answer", "480", 20.0),
        (bad_number(), "not_found", "404", 0.5),
        (account_problem(), "call_rejected", "403", 0.3),
        (NeverAnswers(), "timeout", "487", 30.0),
    ],
)
async def test_a_callee_who_does_not_answer_ends_the_call_with_its_cause(
    tiny, autojump_clock, callee, cause, sip_cause, ended_s, check_webhook
):
    tiny.telnyx.directory.entries[TO] = callee
    await tiny.dial(TO)
    report = await tiny.telnyx.dialled()
    assert (report.cause, report.sip_cause, report.ended_s) == (cause, sip_cause, ended_s)
    assert report.answered_s is None
    assert tiny.events == ["call.initiated", "call.hangup"]
    check_webhook(tiny.webhooks[-1][1])


async def test_the_ring_time_is_ours_to_limit(tiny, autojump_clock):
    tiny.telnyx.directory.entries[TO] = NeverAnswers()
    await tiny.dial(TO, timeout_secs=7)
    await tiny.dial(TO, timeout_secs=7, retry_on_timeout=False)
    assert (await tiny.telnyx.dialled(1)).ended_s == 7.0
    assert (await tiny.telnyx.dialled(2)).cause == "no_answer"


async def test_the_length_of_a_call_is_ours_to_limit(tiny, autojump_clock):
    await tiny.dial(TO, time_limit_secs=30)
    report = await tiny.telnyx.dialled()
    assert (report.cause, report.ended_s) == ("time_limit", 34.0)


async def test_a_call_that_is_hung_up_while_it_rings_was_cancelled(tiny, autojump_clock):
    await tiny.dial(TO)
    await tiny.command("hangup")
    report = await tiny.telnyx.dialled()
    assert (report.ended_by, report.cause, report.sip_cause) == (
        "agent",
        "originator_cancel",
        "487",
    )
    assert tiny.told("call.hangup")[0]["hangup_source"] == "caller"


async def test_an_answered_call_that_we_hang_up_ends_by_its_caller(tiny, autojump_clock):
    async def talk(daemon, socket):
        await trio.sleep(1.0)
        await daemon.command("hangup")

    tiny.talk = talk
    await tiny.dial(TO)
    report = await tiny.telnyx.dialled()
    assert (report.ended_by, report.cause) == ("agent", "normal_clearing")
    assert tiny.told("call.hangup")[0]["hangup_source"] == "caller"


@pytest.mark.parametrize(
    ("body", "possessions", "code", "pointer"),
    [
        ({"connection_id": "7"}, {}, "10015", "/connection_id"),
        ({"link_to": "v3:nobody"}, {}, "90015", "/link_to"),
        ({"from": "5550199"}, {}, "10016", "/from"),
        ({"colour": "red"}, {}, "10015", "/colour"),
        ({}, {"profile_id": ""}, "10015", "/connection_id"),
        ({}, {"webhook_url": ""}, "10015", "/connection_id"),
    ],
)
async def test_a_dial_that_the_account_may_not_do_is_refused(
    tiny, autojump_clock, body, possessions, code, pointer, check_answer
):
    usual = tiny.telnyx.usual_possessions()
    application = replace(usual.applications[0], **possessions)
    tiny.telnyx.possessions = replace(usual, applications=(application,))
    reply = await tiny.dial(TO, **body)
    check_answer("dial", reply.json())
    assert (reply.status_code, code_of(reply)) == (422, code)
    assert reply.json()["errors"][0]["source"] == {"pointer": pointer}
    assert [seen.code for seen in tiny.telnyx.dialling.requests] == [code]
    assert tiny.webhooks == []


async def test_a_caller_id_that_is_not_ours_fails_as_an_account_problem(tiny, autojump_clock):
    await tiny.dial(TO, **{"from": "+13125550123"})
    report = await tiny.telnyx.dialled()
    assert (report.cause, report.sip_cause) == ("call_rejected", "403")


async def test_more_calls_than_channels_are_refused(tiny, autojump_clock):
    tiny.telnyx.dialling.channels = 1
    tiny.telnyx.directory.entries[TO] = busy()
    assert (await tiny.dial(TO)).status_code == 200
    reply = await tiny.dial(TO)
    assert (reply.status_code, code_of(reply)) == (403, "90041")
    await tiny.telnyx.dialled()
    assert (await tiny.dial(TO)).status_code == 200
    await tiny.telnyx.dialled(2)


async def test_a_command_id_dials_once(tiny, autojump_clock):
    tiny.telnyx.directory.entries[TO] = busy()
    one = await tiny.dial(TO, command_id="d")
    two = await tiny.dial(TO, command_id="d")
    assert one.json()["data"]["call_leg_id"] == two.json()["data"]["call_leg_id"]
    report = await tiny.telnyx.dialled()
    assert [command.repeated for command in report.commands] == [False, True]
    assert tiny.events == ["call.initiated", "call.hangup"]


async def test_a_dial_whose_answer_is_lost_has_dialled_all_the_same(tiny, autojump_clock):
    fault = RestFault(action="dial", trouble="drop", carried_out=True)
    tiny.telnyx.dialling.faults = Faults(rest=(fault,))
    tiny.telnyx.directory.entries[TO] = busy()
    with pytest.raises(Exception, match="dropped"):
        await tiny.dial(TO, command_id="d")
    assert (await tiny.dial(TO, command_id="d")).status_code == 200
    await tiny.telnyx.dialled()
    assert tiny.events == ["call.initiated", "call.hangup"]


@pytest.mark.parametrize(("trouble", "status"), [("throttle", 429), ("fail", 500)])
async def test_a_dial_can_fail_at_first(tiny, autojump_clock, trouble, status):
    tiny.telnyx.dialling.faults = Faults(rest=(RestFault(action="dial", trouble=trouble),))
    tiny.telnyx.directory.entries[TO] = busy()
    assert (await tiny.dial(TO)).status_code == status
    assert (await tiny.dial(TO)).status_code == 200
    await tiny.telnyx.dialled()


async def test_events_of_a_dial_go_to_its_own_webhook_url(tiny, autojump_clock):
    tiny.telnyx.directory.entries[TO] = busy()
    await tiny.dial(TO, webhook_url="http://tiny.test/elsewhere")
    await tiny.telnyx.dialled()
    delivered = {body["meta"]["delivered_to"] for _, body in tiny.webhooks}
    assert delivered == {"http://tiny.test/elsewhere"}


async def test_the_socket_of_a_dial_opens_while_it_rings_and_starts_with_the_answer(
    tiny, autojump_clock
):
    stream, tiny.stream_body = tiny.stream_body, {}
    tiny.telnyx.directory.entries[TO] = human(after_s=3.0, hangs_up_s=1.0)
    await tiny.dial(TO, **stream, stream_bidirectional_sampling_rate=8000)
    report = await tiny.telnyx.dialled()
    (socket,) = report.sockets
    assert socket.opened_s < 0.1
    assert report.streaming_s == 3.0
    frames = tiny.sockets[0].frames
    assert [frame["event"] for _, frame in frames[:3]] == ["connected", "start", "media"]
    assert frames[1][0] - frames[0][0] == pytest.approx(3.0 - 0.031)
    assert tiny.events[:3] == ["call.initiated", "call.answered", "streaming.started"]


async def test_the_socket_of_an_unanswered_dial_closes_without_start_and_stop(tiny, autojump_clock):
    stream, tiny.stream_body = tiny.stream_body, {}
    tiny.telnyx.directory.entries[TO] = busy()
    await tiny.dial(TO, **stream)
    report = await tiny.telnyx.dialled()
    assert [frame["event"] for _, frame in tiny.sockets[0].frames] == ["connected"]
    (socket,) = report.sockets
    assert not socket.stopped
    assert report.streaming_s is None
    assert tiny.events == ["call.initiated", "call.hangup"]


async def test_a_socket_that_fails_while_it_rings_is_told_and_the_call_goes_on(
    tiny, autojump_clock
):
    stream, tiny.stream_body = tiny.stream_body, {}
    tiny.refuses_socket = True
    tiny.telnyx.directory.entries[TO] = human(hangs_up_s=1.0)
    await tiny.dial(TO, **stream)
    report = await tiny.telnyx.dialled()
    assert tiny.events == ["call.initiated", "streaming.failed", "call.answered", "call.hangup"]
    assert report.answered_s == 4.0


async def test_sound_on_the_socket_before_the_answer_is_a_violation(tiny, autojump_clock):
    async def talk(daemon, socket):
        await socket.play(b"\x10" * 160)
        while await socket.next() is not None:
            pass

    stream, tiny.stream_body = tiny.stream_body, {}
    tiny.talk = talk
    tiny.telnyx.directory.entries[TO] = busy()
    await tiny.dial(TO, **stream)
    report = await tiny.telnyx.dialled()
    assert report.violations == ("the daemon sends on its media socket before `start`",)


async def test_a_leg_that_is_left_up_is_a_zombie(tiny, autojump_clock):
    tiny.stream_body = {}
    await tiny.dial(TO)
    report = await tiny.telnyx.dialled()
    assert report.zombie
    assert report.zombies == (report.call_control_id,) == tiny.telnyx.zombies


async def test_a_dial_can_join_the_session_of_another_call(tiny, autojump_clock):
    tiny.telnyx.directory.entries[TO] = human(after_s=1.0, hangs_up_s=3.0)
    other = "+13125550178"
    tiny.telnyx.directory.entries[other] = human(after_s=1.0, hangs_up_s=5.0)
    first = (await tiny.dial(TO)).json()["data"]
    second = (await tiny.dial(other, link_to=first["call_control_id"])).json()["data"]
    assert first["call_session_id"] == second["call_session_id"]
    report = await tiny.telnyx.dialled(1)
    assert [leg.to for leg in report.linked] == [other]
    assert (await tiny.telnyx.dialled(2)).ended_by == "callee"


# -- callees ----------------------------------------------------------------------------------


async def test_a_human_picks_up_and_speaks_first_and_then_by_script(tiny, autojump_clock):
    lines = [
        Line(pcm=tone(300, 0.5), text="hello", after_s=0.5, first=True),
        Line(pcm=tone(400, 0.5), text="yes"),
    ]
    tiny.telnyx.directory.entries[TO] = human(lines, after_s=1.0)

    async def talk(daemon, socket):
        while (frame := await socket.next()) is not None:
            if frame["event"] == "start":
                await trio.sleep(2.0)
                await socket.play(b"\x10" * 160 * 50)
                await trio.sleep(5.0)
                await daemon.command("hangup")

    tiny.talk = talk
    await tiny.dial(TO)
    report = await tiny.telnyx.dialled()
    hello, yes = report.caller_utterances
    assert (hello.text, yes.text) == ("hello", "yes")
    assert hello.start_s == pytest.approx(1.5)
    (agent,) = report.agent_utterances
    assert yes.start_s == pytest.approx(agent.end_s + 0.7, abs=0.03)


async def test_a_machine_greets_beeps_and_keeps_what_it_hears_after_that(tiny, autojump_clock):
    tiny.telnyx.directory.entries[TO] = answering_machine(after_s=1.0, records_s=4.0)
    tiny.telnyx.dialling.rules = QUIET

    async def talk(daemon, socket):
        await trio.sleep(6.0)  # answered at 1.0, the beep ends 5.9 s after
        await socket.play(b"\x10" * 160 * 100)
        while await socket.next() is not None:
            pass

    tiny.talk = talk
    await tiny.dial(TO)
    report = await tiny.telnyx.dialled()
    assert report.ended_by == "callee"
    assert report.message is not None
    assert len(report.message) / 8000 == pytest.approx(4.0, abs=0.021)
    assert np.count_nonzero(report.message) == 16000
    assert level_dbfs(report.spoken[8000 + 44800 : 8000 + 47000]) > -25  # the beep


async def test_what_is_said_to_a_person_or_a_full_mailbox_is_no_message(tiny, autojump_clock):
    tiny.telnyx.directory.entries[TO] = full_mailbox(after_s=1.0)
    await tiny.dial(TO)
    report = await tiny.telnyx.dialled()
    assert report.message is None
    assert report.ended_by == "callee"
    assert report.ended_s == pytest.approx(7.5)


@pytest.mark.parametrize(
    ("setting", "callee", "told"),
    [
        ("disabled", human(), []),
        ("detect", human(), [("detection.ended", "human", 1.8)]),
        ("detect", answering_machine(), [("detection.ended", "machine", 3.5)]),
        ("detect", dead_air(), [("detection.ended", "not_sure", 3.5)]),
        (
            "detect_beep",
            answering_machine(),
            [("detection.ended", "machine", 3.5), ("greeting.ended", "beep_detected", 6.05)],
        ),
        ("detect_beep", answering_machine(beeps=False), [("detection.ended", "machine", 3.5)]),
        (
            "detect_words",
            answering_machine(beeps=False),
            [("detection.ended", "machine", 3.5), ("greeting.ended", "not_sure", 30.0)],
        ),
        (
            "greeting_end",
            answering_machine(),
            [("detection.ended", "machine", 3.5), ("greeting.ended", "ended", 6.5)],
        ),
        ("premium", human(), [("premium.detection.ended", "human_residence", 1.7)]),
        (
            "premium",
            human(answerer="human_business"),
            [("premium.detection.ended", "human_business", 2.1)],
        ),
        ("premium", dead_air(), [("premium.detection.ended", "silence", 5.1)]),
        ("premium", fax_machine(), [("premium.detection.ended", "fax_detected", 2.3)]),
        (
            "premium",
            answering_machine(),
            [
                ("premium.detection.ended", "machine", 2.9),
                ("premium.greeting.ended", "beep_detected", 6.05),
            ],
        ),
        (
            "premium",
            answering_machine(beeps=False),
            [
                ("premium.detection.ended", "machine", 2.9),
                ("premium.greeting.ended", "no_beep_detected", 30.0),
            ],
        ),
        (
            "premium",
            answering_machine(detection="after_beep"),
            [
                ("premium.greeting.ended", "beep_detected", 6.05),
                ("premium.detection.ended", "machine", 6.4),
            ],
        ),
        (
            "premium",
            answering_machine(detection="never"),
            [("premium.greeting.ended", "beep_detected", 6.05)],
        ),
    ],
)
async def test_detection_tells_who_answered_and_when_the_greeting_is_over(
    tiny, autojump_clock, setting, callee, told, check_webhook
):
    tiny.telnyx.directory.entries[TO] = callee
    await tiny.dial(TO, answering_machine_detection=setting)
    await trio.sleep_until(callee.after_s + max((at_s for _, _, at_s in told), default=6.0) + 1.0)
    await tiny.command("hangup")
    await tiny.telnyx.dialled()
    seen = [
        (body["data"]["event_type"].removeprefix("call.machine."), body["data"]["payload"], at)
        for at, body in tiny.webhooks
        if "machine" in body["data"]["event_type"]
    ]
    times = [(name, payload["result"], at) for name, payload, at in seen]
    assert times == [
        (name, result, pytest.approx(callee.after_s + at_s + 0.017)) for name, result, at_s in told
    ]
    for _, body in tiny.webhooks:
        check_webhook(body)


async def test_detection_says_no_more_once_the_call_has_ended(tiny, autojump_clock):
    tiny.telnyx.directory.entries[TO] = human(after_s=1.0, hangs_up_s=1.0)
    await tiny.dial(TO, answering_machine_detection="premium")
    await tiny.telnyx.dialled()
    assert "call.machine.premium.detection.ended" not in tiny.events
