"""Whole calls against a tiny daemon, in memory, on the virtual clock: times are exact."""

from __future__ import annotations

import base64

import numpy as np
import pytest
import trio

from voiced.record.journal import AgentSpeaking, CallAnswered, CallEnded, CallerSaid, CallRinging
from voiced.testing.caller import PlayedCaller, silent_caller, tone_caller
from voiced.testing.emulator import Account
from voiced.testing.faults import Faults, RestFault
from voiced.testing.rules import CallRules
from voiced.testing.utterances import level_dbfs

WALL = 1_770_000_000.0
QUIET = CallRules(background_dbfs=None)
ANSWERED_S = 0.040  # webhook 17 ms, effect of the answer 23 ms
STREAMING_S = 0.111  # and webhook 17 ms, effect 23 ms, connect 31 ms
TONE = b"\x10" * 160  # about full scale


async def echo(daemon, socket):
    while (frame := await socket.next()) is not None:
        if frame["event"] == "media":
            await socket.send({"event": "media", "media": {"payload": frame["media"]["payload"]}})


async def listen(daemon, socket):
    while await socket.next() is not None:
        pass


def events_of(socket, event):
    return [frame for _, frame in socket.frames if frame["event"] == event]


async def test_a_whole_call_has_the_order_and_the_times_of_the_protocol(tiny, autojump_clock):
    tiny.talk = echo
    caller = tone_caller(starts_s=0.5, lasts_s=0.5, hangs_up_s=2.0)
    report = await tiny.telnyx.ring(caller, rules=QUIET)
    assert [(body["data"]["event_type"], round(at, 3)) for at, body in tiny.webhooks] == [
        ("call.initiated", 0.017),
        ("call.answered", 0.057),
        ("streaming.started", 0.128),
        ("streaming.stopped", 2.057),
        ("call.hangup", 2.057),
    ]
    assert report.answered_s == pytest.approx(ANSWERED_S)
    assert report.streaming_s == pytest.approx(STREAMING_S)
    assert report.ended_s == pytest.approx(ANSWERED_S + 2.0)
    assert (report.ended_by, report.cause) == ("caller", "normal_clearing")
    assert report.actions == ("answer", "streaming_start")
    assert report.violations == ()
    assert not report.zombie
    (socket,) = report.sockets
    assert socket.stopped
    assert socket.closed_by == "telnyx"


async def test_events_after_an_answer_go_where_the_answer_says(tiny, autojump_clock):
    tiny.answer_body = {"webhook_url": "http://tiny.test/elsewhere"}
    await tiny.telnyx.ring(silent_caller(hangs_up_s=1.0), rules=QUIET)
    first, *later = [body["meta"]["delivered_to"] for _, body in tiny.webhooks]
    assert first == "http://tiny.test/telnyx/webhook"
    assert set(later) == {"http://tiny.test/elsewhere"}


async def test_an_echo_comes_back_to_the_caller_one_frame_later_without_a_hole(
    tiny, autojump_clock
):
    tiny.talk = echo
    report = await tiny.telnyx.ring(
        tone_caller(starts_s=0.5, lasts_s=0.5, hangs_up_s=2.0), rules=QUIET
    )
    (said,), (heard,) = report.caller_utterances, report.agent_utterances
    assert said.start_s == pytest.approx(ANSWERED_S + 0.5)
    assert heard.start_s == pytest.approx(said.start_s + 0.02)
    assert heard.end_s == pytest.approx(said.end_s + 0.02)
    assert report.first_audio_s == heard.start_s
    assert report.playback.underruns == 0
    assert level_dbfs(report.heard_between(0.7, 0.9)) == pytest.approx(-20, abs=0.2)
    assert len(report.heard) == len(report.spoken) == round(report.ended_s * 8000)
    assert report.worst_lateness_s == 0


async def test_everything_sent_fits_the_official_schemas(
    tiny, autojump_clock, check_webhook, check_from_telnyx, check_answer
):
    async def talk(daemon, socket):
        await socket.next()
        await socket.next()
        await socket.mark("a")
        await socket.send("garbage")
        await daemon.command("speak", payload="hello", voice="female", client_state="eA==")
        await listen(daemon, socket)

    tiny.talk = talk
    caller = PlayedCaller(np.zeros(0, np.int16), hangs_up_s=2.0, keys=[(0.5, "5")])
    await tiny.telnyx.ring(caller)
    assert tiny.events == [
        "call.initiated",
        "call.answered",
        "streaming.started",
        "call.speak.started",
        "call.speak.ended",
        "call.dtmf.received",
        "streaming.stopped",
        "call.hangup",
    ]
    for _, body in tiny.webhooks:
        check_webhook(body)
    for _, frame in tiny.sockets[0].frames:
        check_from_telnyx(frame)
    kinds = {frame["event"] for _, frame in tiny.sockets[0].frames}
    assert kinds == {"connected", "start", "media", "mark", "dtmf", "error", "stop"}
    for reply in tiny.replies:
        check_answer(reply.url.path.rpartition("/")[2], reply.json())


async def test_the_start_message_names_the_call_and_its_audio(tiny, autojump_clock):
    tiny.stream_body = tiny.stream_body | {
        "custom_parameters": [{"name": "run", "value": "r1"}],
        "client_state": "eA==",
        "stream_auth_token": "secret",
    }
    report = await tiny.telnyx.ring(silent_caller(hangs_up_s=0.5), from_="+12025550123")
    connected, start = (frame for _, frame in tiny.sockets[0].frames[:2])
    assert connected["connected"] == {"x-telnyx-streaming-auth-token": "secret"}
    assert start["start"]["call_control_id"] == report.call_control_id
    assert start["start"]["from"] == "+12025550123"
    assert start["start"]["custom_parameters"] == {"run": "r1"}
    assert start["start"]["client_state"] == "eA=="
    assert start["start"]["media_format"] == {
        "encoding": "PCMU",
        "sample_rate": 8000,
        "channels": 1,
    }


async def test_media_comes_every_twenty_milliseconds_without_drift(tiny, autojump_clock):
    await tiny.telnyx.ring(silent_caller(hangs_up_s=60.0))
    at = [at for at, frame in tiny.sockets[0].frames if frame["event"] == "media"]
    assert at[-1] - at[0] == pytest.approx((len(at) - 1) * 0.02)
    assert np.diff(at).max() == pytest.approx(0.02)
    chunks = [frame["media"]["chunk"] for frame in events_of(tiny.sockets[0], "media")]
    assert chunks == [str(n) for n in range(1, len(at) + 1)]


async def test_the_answer_command_can_ask_for_the_stream(tiny, autojump_clock):
    tiny.answer_body, tiny.stream_body = tiny.stream_body, {}
    report = await tiny.telnyx.ring(silent_caller(hangs_up_s=1.0))
    assert report.actions == ("answer",)
    assert report.streaming_s == pytest.approx(ANSWERED_S + 0.031)


@pytest.mark.parametrize(
    ("asked", "leg", "forced", "encoding", "silence"),
    [
        ("default", "PCMA", "", "PCMA", 0xD5),
        ("PCMU", "PCMA", "", "PCMU", 0xFF),
        ("PCMU", "PCMU", "PCMA", "PCMA", 0xD5),
        ("L16", "PCMU", "", "L16", 0x00),
    ],
)
async def test_the_callers_audio_has_the_codec_that_start_names(
    tiny, autojump_clock, asked, leg, forced, encoding, silence
):
    tiny.stream_body = tiny.stream_body | {"stream_codec": asked}
    await tiny.telnyx.ring(
        silent_caller(hangs_up_s=0.5),
        rules=CallRules(codec=leg, background_dbfs=None),
        faults=Faults(inbound_codec=forced),
    )
    (start,) = events_of(tiny.sockets[0], "start")
    assert start["start"]["media_format"]["encoding"] == encoding
    media = events_of(tiny.sockets[0], "media")[0]["media"]["payload"]
    assert set(base64.b64decode(media)) == {silence}


async def test_marks_come_back_when_played_and_clear_silences_at_once(tiny, autojump_clock):
    returned = {}

    async def talk(daemon, socket):
        await socket.next()
        await socket.next()
        await socket.play(TONE * 5)
        await socket.mark("played")
        await socket.play(TONE * 50)
        await socket.mark("cleared")
        daemon._nursery.start_soon(interrupt, socket)
        while (frame := await socket.next()) is not None:
            if frame["event"] == "mark":
                returned[frame["mark"]["name"]] = round(trio.current_time(), 3)

    async def interrupt(socket):
        await trio.sleep_until(0.505)
        await socket.send({"event": "clear"})

    tiny.talk = talk
    report = await tiny.telnyx.ring(silent_caller(hangs_up_s=1.5), rules=QUIET)
    assert returned == {"played": 0.22, "cleared": 0.505}  # first frame at 0.12, five frames
    assert [(mark.name, mark.why) for mark in report.marks] == [
        ("played", "played"),
        ("cleared", "cleared"),
    ]
    assert report.clears == (0.505,)
    (heard,) = report.agent_utterances
    assert heard.start_s == pytest.approx(0.12)
    assert heard.end_s == pytest.approx(0.52)
    assert report.playback.cleared_s == pytest.approx((55 - 20) * 0.02)


async def test_audio_is_silent_and_a_violation_without_rtp_mode(tiny, autojump_clock):
    async def talk(daemon, socket):
        await socket.play(TONE * 10)
        await socket.play(TONE * 10)
        await listen(daemon, socket)

    tiny.talk = talk
    del (stream := dict(tiny.stream_body))["stream_bidirectional_mode"]
    tiny.stream_body = stream
    report = await tiny.telnyx.ring(silent_caller(hangs_up_s=1.0))
    assert report.agent_utterances == ()
    assert report.violations == ("audio is ignored: stream_bidirectional_mode is not rtp",)
    assert report.playback.ignored_messages == 2


async def test_an_underrun_is_measured_where_the_caller_hears_it(tiny, autojump_clock):
    async def talk(daemon, socket):
        await socket.next()
        await socket.next()
        await socket.play(TONE * 10)  # 0.12 to 0.32
        await trio.sleep_until(0.375)
        await socket.play(TONE * 10)
        await listen(daemon, socket)

    tiny.talk = talk
    report = await tiny.telnyx.ring(silent_caller(hangs_up_s=1.0), rules=QUIET)
    (gap,) = report.playback.gaps
    assert gap.at - report.rang_at == pytest.approx(0.32)
    assert gap.length_s == pytest.approx(0.06)
    assert not report.heard_between(0.33, 0.37).any()


async def test_the_agent_hangs_up(tiny, autojump_clock):
    async def talk(daemon, socket):
        await trio.sleep_until(1.0)
        await daemon.command("hangup", command_id="h")
        await listen(daemon, socket)

    tiny.talk = talk
    report = await tiny.telnyx.ring(silent_caller())
    assert (report.ended_by, report.cause) == ("agent", "normal_clearing")
    assert report.ended_s == pytest.approx(1.023)
    assert tiny.webhooks[-1][1]["data"]["payload"]["hangup_source"] == "callee"
    assert events_of(tiny.sockets[0], "stop")


async def test_after_the_end_commands_meet_90018_and_that_is_no_violation(tiny, autojump_clock):
    report = await tiny.telnyx.ring(silent_caller(hangs_up_s=0.5))
    reply = await tiny.command("hangup")
    assert reply.status_code == 422
    assert reply.json()["errors"][0]["code"] == "90018"
    status = await tiny.client.get(f"/v2/calls/{report.call_control_id}")
    assert status.json()["data"]["is_alive"] is False
    assert report.violations == ()


async def test_closing_the_socket_does_not_hang_up_and_leaves_a_zombie(tiny, autojump_clock):
    async def talk(daemon, socket):
        await trio.sleep_until(1.0)
        await socket.close(1011)

    tiny.talk = talk
    report = await tiny.telnyx.ring(silent_caller())
    assert report.zombie
    assert tiny.telnyx.zombies == (report.call_control_id,)
    assert report.ended_by == "emulator"
    assert report.ended_s == pytest.approx(1.0 + 15.0, abs=0.05)
    assert "zombie leg" in report.violations[0]
    (socket,) = report.sockets
    assert (socket.closed_by, socket.close_code) == ("daemon", 1011)
    assert tiny.events[-2:] == ["streaming.stopped", "call.hangup"]


async def test_a_daemon_that_streams_again_after_a_drop_leaves_no_zombie(tiny, autojump_clock):
    async def talk(daemon, socket):
        await listen(daemon, socket)
        if len(daemon.sockets) == 1:
            await daemon.command("streaming_start", **daemon.stream_body)

    tiny.talk = talk
    report = await tiny.telnyx.ring(
        silent_caller(hangs_up_s=30.0), faults=Faults(socket_drops_s=10.0)
    )
    assert len(report.sockets) == 2
    assert [socket.stopped for socket in report.sockets] == [False, True]
    assert report.sockets[0].closed_s == pytest.approx(STREAMING_S + 10.0)


async def test_a_refused_socket_is_told_as_streaming_failed(tiny, autojump_clock):
    tiny.refuses_socket = True
    report = await tiny.telnyx.ring(silent_caller(hangs_up_s=2.0))
    assert "streaming.failed" in tiny.events
    assert "streaming.started" not in tiny.events
    payload = tiny.webhooks[2][1]["data"]["payload"]
    assert payload["failure_reason"] == "connection_failed"
    assert report.streaming_s is None
    assert "HTTP status 403" in report.notes[0]


async def test_speak_is_heard_and_told_also_when_the_caller_hangs_up(tiny, autojump_clock):
    async def talk(daemon, socket):
        await daemon.command("speak", payload="one moment please", voice="female")
        await daemon.command("speak", payload="and now something much longer", voice="female")
        await listen(daemon, socket)

    tiny.talk = talk
    report = await tiny.telnyx.ring(silent_caller(hangs_up_s=2.0), rules=QUIET)
    speaks = [
        (body["data"]["event_type"], body["data"]["payload"].get("status"))
        for _, body in tiny.webhooks
        if "speak" in body["data"]["event_type"]
    ]
    assert speaks == [
        ("call.speak.started", None),
        ("call.speak.ended", "completed"),
        ("call.speak.started", None),
        ("call.speak.ended", "call_hangup"),
    ]
    (heard,) = report.agent_utterances
    assert heard.text == "one moment please and now something much longer"


async def test_a_call_that_nobody_answers_is_given_up(tiny, autojump_clock):
    tiny.answers = False
    report = await tiny.telnyx.ring(silent_caller(), rules=CallRules(ring_s=20.0))
    assert (report.ended_by, report.cause) == ("caller", "originator_cancel")
    assert report.ended_s == 20.0
    assert report.answered_s is None
    assert not report.zombie
    assert tiny.events == ["call.initiated", "call.hangup"]


async def test_the_caller_can_give_up_before_the_answer_takes_effect(tiny, autojump_clock):
    report = await tiny.telnyx.ring(silent_caller(), faults=Faults(gives_up_s=0.03))
    assert report.cause == "originator_cancel"
    assert report.answered_s is None
    assert [command.status for command in report.commands] == [200]


async def test_reject_ends_the_call_as_busy(tiny, autojump_clock):
    tiny.answers = False

    async def react(event):
        await trio.lowlevel.checkpoint()
        tiny.call_control_id = event["payload"]["call_control_id"]
        if event["event_type"] == "call.initiated":
            await tiny.command("reject", cause="USER_BUSY")

    tiny._react = react
    report = await tiny.telnyx.ring(silent_caller())
    assert (report.ended_by, report.cause, report.sip_cause) == ("agent", "user_busy", "486")


async def test_the_limit_ends_a_call_that_never_ends_and_is_a_violation(tiny, autojump_clock):
    report = await tiny.telnyx.ring(silent_caller(), rules=CallRules(limit_s=20.0))
    assert report.ended_s == 20.0
    assert report.ended_by == "emulator"
    assert report.violations == ("the call was still up after 20 s",)


async def test_a_webhook_that_is_not_taken_is_sent_again_with_growing_delays(tiny, autojump_clock):
    tiny.statuses = [500, 503, 204]
    report = await tiny.telnyx.ring(silent_caller(hangs_up_s=1.0))
    initiated = [w for w in report.webhooks if w.event_type == "call.initiated"]
    assert [(w.attempt, w.status) for w in initiated] == [(1, 500), (2, 503), (3, 204), (4, 200)]
    assert [round(w.at_s, 3) for w in initiated] == [0.017, 1.017, 3.017, 8.017]
    assert len({w.event_id for w in initiated}) == 1
    assert tiny.webhooks[0][1]["meta"]["attempt"] == 4


async def test_a_webhook_that_is_never_taken_is_a_violation(tiny, autojump_clock):
    tiny.statuses = [401] * 4
    report = await tiny.telnyx.ring(silent_caller(), rules=CallRules(ring_s=1.0))
    assert report.violations == ("webhook call.initiated was not taken: status 401",)


async def test_forged_and_stale_webhooks_are_sent_before_the_true_one(tiny, autojump_clock):
    faults = Faults(forgeries=(("call.initiated", "forged"), ("call.answered", "stale")))
    report = await tiny.telnyx.ring(silent_caller(hangs_up_s=0.5), faults=faults)
    assert [(w.event_type, w.kind, w.status) for w in report.webhooks[:4]] == [
        ("call.initiated", "forged", 401),
        ("call.initiated", "genuine", 200),
        ("call.answered", "stale", 403),
        ("call.answered", "genuine", 200),
    ]
    assert report.violations == ()


async def test_a_daemon_that_takes_a_forged_webhook_violates(tiny, autojump_clock):
    tiny._verified = lambda headers, body: 200
    faults = Faults(forgeries=(("call.hangup", "forged"),))
    report = await tiny.telnyx.ring(silent_caller(hangs_up_s=0.5), faults=faults)
    assert report.violations == ("a forged call.hangup was accepted (200)",)


async def test_duplicate_webhooks_carry_the_same_id(tiny, autojump_clock):
    faults = Faults(duplicates=frozenset({"call.hangup"}))
    report = await tiny.telnyx.ring(silent_caller(hangs_up_s=0.5), faults=faults)
    first, second = (w for w in report.webhooks if w.event_type == "call.hangup")
    assert first.event_id == second.event_id
    assert (first.kind, second.kind) == ("genuine", "duplicate")


@pytest.mark.parametrize(
    ("trouble", "status"), [("throttle", 429), ("fail", 500), ("hang", 503), ("drop", None)]
)
async def test_rest_trouble_comes_as_planned_and_then_no_more(
    tiny, autojump_clock, trouble, status
):
    replies = []

    async def talk(daemon, socket):
        for _ in range(2):
            try:
                replies.append(await daemon.command("speak", payload="x", voice="y"))
            except Exception as error:
                replies.append(error)
        await listen(daemon, socket)

    tiny.talk = talk
    tiny.client.timeout = None
    fault = RestFault(action="speak", trouble=trouble, hang_s=3.0, reset_s=2)
    report = await tiny.telnyx.ring(silent_caller(hangs_up_s=5.0), faults=Faults(rest=(fault,)))
    first, second = replies
    if status is None:
        assert "dropped the connection" in str(first)
    else:
        assert first.status_code == status
    if status == 429:
        assert first.headers["x-ratelimit-reset"] == "2"
    assert second.status_code == 200
    assert report.actions.count("speak") == 1


async def test_a_command_can_be_carried_out_though_its_answer_is_lost(tiny, autojump_clock):
    async def talk(daemon, socket):
        body = {"payload": "x" * 10, "voice": "y", "command_id": "s"}
        with pytest.raises(Exception, match="dropped"):
            await daemon.command("speak", **body)
        reply = await daemon.command("speak", **body)
        assert reply.status_code == 200
        await listen(daemon, socket)

    tiny.talk = talk
    fault = RestFault(action="speak", trouble="drop", carried_out=True)
    await tiny.telnyx.ring(silent_caller(hangs_up_s=3.0), faults=Faults(rest=(fault,)))
    assert tiny.events.count("call.speak.started") == 1


async def test_media_is_lost_swapped_and_doubled_by_pattern(tiny, autojump_clock):
    await tiny.telnyx.ring(silent_caller(hangs_up_s=0.4), faults=Faults(media=".-.x.2"))
    chunks = [int(frame["media"]["chunk"]) for frame in events_of(tiny.sockets[0], "media")]
    assert chunks[:10] == [1, 3, 5, 4, 6, 6, 7, 9, 11, 10]


async def test_wrong_keys_are_counted_and_refused(tiny, autojump_clock):
    async def talk(daemon, socket):
        daemon.client.headers["Authorization"] = "Bearer wrong"
        assert (await daemon.command("hangup")).status_code == 401
        await listen(daemon, socket)

    tiny.talk = talk
    await tiny.telnyx.ring(silent_caller(hangs_up_s=0.5))
    assert tiny.telnyx.unauthorized_requests == 1


async def test_faulty_commands_are_violations(tiny, autojump_clock):
    tiny.answer_body = {"stream_bidirectional_sampling_rate": 8000}
    report = await tiny.telnyx.ring(silent_caller(), rules=CallRules(ring_s=1.0))
    assert "stream_bidirectional_sampling_rate" in report.violations[0]
    assert report.commands[0].code == "10015"


async def test_a_daemon_that_does_not_read_its_socket_is_told_once(tiny, autojump_clock):
    async def talk(daemon, socket):
        await trio.sleep(30)

    tiny.talk = talk
    report = await tiny.telnyx.ring(silent_caller(hangs_up_s=20.0))
    assert report.violations == (
        "the daemon does not read its media socket: 10 s of messages are waiting",
    )


async def test_several_calls_run_at_once_and_know_nothing_of_each_other(tiny, autojump_clock):
    reports = []

    async def ring(hangs_up_s):
        reports.append(await tiny.telnyx.ring(silent_caller(hangs_up_s=hangs_up_s)))

    tiny.answers = False

    async def react(event):
        await trio.lowlevel.checkpoint()
        path = f"/v2/calls/{event['payload']['call_control_id']}/actions"
        if event["event_type"] == "call.initiated":
            await tiny.client.post(f"{path}/answer", json=tiny.stream_body)

    tiny._react = react
    async with trio.open_nursery() as nursery:
        for n in range(1, 6):
            nursery.start_soon(ring, float(n))
    assert len({report.call_control_id for report in reports}) == 5
    assert [round(report.ended_s, 2) for report in reports] == [1.04, 2.04, 3.04, 4.04, 5.04]


async def test_a_cancelled_call_is_remembered_as_left_up(tiny, autojump_clock):
    with trio.move_on_after(1.0):
        await tiny.telnyx.ring(silent_caller())
    assert len(tiny.telnyx.zombies) == 1
    reply = await tiny.command("hangup")
    assert reply.json()["errors"][0]["code"] == "90018"


async def test_an_observer_sees_the_call_from_the_line(nursery, autojump_clock, open_tiny):
    seen = []

    class Watch:
        def note(self, call_id, event):
            seen.append(event)

    async with open_tiny(
        nursery, Account(observer=Watch(), wall=lambda: WALL + trio.current_time())
    ) as tiny:
        tiny.talk = echo
        await tiny.telnyx.ring(tone_caller(starts_s=1.0, lasts_s=1.0, hangs_up_s=4.0))
    assert [type(event) for event in seen] == [
        CallRinging,
        CallAnswered,
        AgentSpeaking,
        CallerSaid,
        CallEnded,
    ]


async def test_the_callers_line_carries_quiet_noise_that_is_always_the_same(tiny, autojump_clock):
    one = await tiny.telnyx.ring(silent_caller(hangs_up_s=2.0))
    two = await tiny.telnyx.ring(silent_caller(hangs_up_s=2.0))
    assert level_dbfs(one.spoken[400:]) == pytest.approx(-65, abs=0.5)
    assert np.array_equal(one.spoken, two.spoken)


async def test_streaming_stop_ends_the_stream_and_not_the_call(tiny, autojump_clock):
    async def talk(daemon, socket):
        await trio.sleep_until(1.0)
        await daemon.command("streaming_stop")
        await listen(daemon, socket)
        await daemon.command("hangup")

    tiny.talk = talk
    report = await tiny.telnyx.ring(silent_caller())
    (socket,) = report.sockets
    assert socket.stopped
    assert socket.closed_s == pytest.approx(1.023)
    assert events_of(tiny.sockets[0], "stop")
    assert tiny.events[-2:] == ["streaming.stopped", "call.hangup"]
    assert report.ended_by == "agent"
    assert not report.zombie


async def test_both_tracks_carry_what_is_played_as_well(tiny, autojump_clock):
    async def talk(daemon, socket):
        await socket.next()
        await socket.next()
        await socket.play(TONE * 5)
        await listen(daemon, socket)

    tiny.talk = talk
    tiny.stream_body = tiny.stream_body | {"stream_track": "both_tracks"}
    await tiny.telnyx.ring(silent_caller(hangs_up_s=0.5), rules=QUIET)
    media = [frame["media"] for frame in events_of(tiny.sockets[0], "media")]
    for track in ("inbound", "outbound"):
        chunks = [int(m["chunk"]) for m in media if m["track"] == track]
        assert chunks == list(range(1, len(chunks) + 1))
    played = [base64.b64decode(m["payload"]) for m in media if m["track"] == "outbound"]
    assert played[:5] == [TONE] * 5
    assert set(played[5]) == {0xFF}


async def test_a_stream_that_sends_l16_is_heard(tiny, autojump_clock):
    async def talk(daemon, socket):
        await socket.next()
        await socket.next()
        await socket.play(np.full(1600, 1234, "<i2").tobytes())
        await listen(daemon, socket)

    tiny.talk = talk
    tiny.stream_body = tiny.stream_body | {"stream_bidirectional_codec": "L16"}
    report = await tiny.telnyx.ring(silent_caller(hangs_up_s=0.5))
    assert set(report.heard_between(0.12, 0.32)) == {1234}


async def test_a_daemon_that_hangs_on_a_webhook_is_tried_again_after_two_seconds(
    tiny, autojump_clock
):
    verified, n = tiny._webhook, 0

    async def slow(scope, receive, send):
        nonlocal n
        n += 1
        if n == 1:
            await trio.sleep(60)
        await verified(scope, receive, send)

    tiny._webhook = slow
    report = await tiny.telnyx.ring(silent_caller(hangs_up_s=1.0))
    first, second = report.webhooks[:2]
    assert (first.status, second.status) == (None, 200)
    assert second.at_s == pytest.approx(first.at_s + 2.0 + 1.0)


async def test_webhooks_can_overtake_each_other(nursery, autojump_clock, open_tiny):
    account = Account(webhooks_in_order=False, wall=lambda: WALL + trio.current_time())
    async with open_tiny(nursery, account) as tiny:
        tiny.answers = False
        tiny.statuses = [500]
        await tiny.telnyx.ring(silent_caller(), rules=CallRules(ring_s=0.5))
        assert tiny.events == ["call.hangup", "call.initiated"]


async def test_a_daemon_that_is_not_there_is_a_violation(tiny, autojump_clock):
    tiny.telnyx.network.app = None
    report = await tiny.telnyx.ring(silent_caller(), rules=CallRules(ring_s=1.0))
    assert report.violations[0] == "webhook call.initiated was not taken: no answer"


async def test_a_hangup_while_the_socket_is_dialled_leaves_nothing_open(tiny, autojump_clock):
    report = await tiny.telnyx.ring(silent_caller(hangs_up_s=0.06), rules=QUIET)
    assert report.sockets == ()
    assert tiny.sockets == []
    assert report.violations == ()


async def test_a_daemon_that_stops_reading_cannot_delay_the_end(tiny, autojump_clock):
    async def talk(daemon, socket):
        await trio.sleep_forever()

    tiny.talk = talk
    report = await tiny.telnyx.ring(silent_caller(hangs_up_s=2.0))
    assert report.ended_s == pytest.approx(ANSWERED_S + 2.0)
    (socket,) = report.sockets
    assert not socket.stopped  # there was no room for it
    assert socket.closed_s <= report.ended_s + 1.0


async def test_error_frames_come_as_planned_and_fit_the_schema(
    tiny, autojump_clock, check_from_telnyx
):
    codes = (100002, 100003, 100004, 100005)
    faults = Faults(error_frames=tuple((0.1 * n, code) for n, code in enumerate(codes)))
    report = await tiny.telnyx.ring(silent_caller(hangs_up_s=1.0), faults=faults)
    errors = events_of(tiny.sockets[0], "error")
    assert tuple(frame["payload"]["code"] for frame in errors) == codes
    for frame in errors:
        check_from_telnyx(frame)
    assert report.violations == ()


async def test_webhooks_can_be_late_and_lost(tiny, autojump_clock):
    faults = Faults(late=(("call.answered", 0.5),), lost=frozenset({"streaming.stopped"}))
    tiny.answer_body, tiny.stream_body = tiny.stream_body, {}
    report = await tiny.telnyx.ring(silent_caller(hangs_up_s=1.0), faults=faults)
    assert tiny.events == ["call.initiated", "streaming.started", "call.answered", "call.hangup"]
    assert report.violations == ()


async def test_a_clock_that_jumps_too_far_makes_signatures_stale(tiny, autojump_clock):
    faults = Faults(clock_jumps=((0.5, 400.0),))
    report = await tiny.telnyx.ring(silent_caller(hangs_up_s=1.0), faults=faults)
    assert report.violations[-1] == "webhook call.hangup was not taken: status 403"


async def test_held_audio_comes_in_a_burst(tiny, autojump_clock):
    faults = Faults(media_held=(0.5, 1.0))
    await tiny.telnyx.ring(silent_caller(hangs_up_s=3.0), faults=faults)
    at = np.array([at for at, frame in tiny.sockets[0].frames if frame["event"] == "media"])
    assert np.diff(at).max() == pytest.approx(1.0, abs=0.03)
    burst = STREAMING_S + 1.5
    assert np.count_nonzero(np.abs(at - burst) < 0.001) == pytest.approx(50, abs=2)


async def test_marks_that_clear_returns_can_be_late(tiny, autojump_clock):
    returned = []

    async def talk(daemon, socket):
        await socket.next()
        await socket.next()
        await socket.play(TONE * 50)
        await socket.mark("m")
        await socket.send({"event": "clear"})
        while (frame := await socket.next()) is not None:
            if frame["event"] == "mark":
                returned.append(trio.current_time())

    tiny.talk = talk
    await tiny.telnyx.ring(silent_caller(hangs_up_s=2.0), faults=Faults(cleared_marks_late_s=0.7))
    assert returned == [pytest.approx(STREAMING_S + 0.7, abs=0.021)]


async def test_a_half_open_socket_neither_speaks_nor_listens(tiny, autojump_clock):
    async def talk(daemon, socket):
        daemon._nursery.start_soon(speak, socket)
        await listen(daemon, socket)

    async def speak(socket):
        await trio.sleep_until(2.0)
        await socket.play(TONE * 50)

    tiny.talk = talk
    report = await tiny.telnyx.ring(
        silent_caller(hangs_up_s=15.0), faults=Faults(socket_half_open_s=1.0)
    )
    last_at = max(at for at, frame in tiny.sockets[0].frames)
    assert last_at == pytest.approx(STREAMING_S + 1.0, abs=0.03)
    assert report.agent_utterances == ()
    assert not report.sockets[0].stopped
    assert report.violations == ()


async def test_a_socket_can_be_reset_in_the_middle_of_a_call(tiny, autojump_clock):
    report = await tiny.telnyx.ring(
        silent_caller(hangs_up_s=3.0), faults=Faults(socket_resets_s=1.0)
    )
    (socket,) = report.sockets
    assert socket.closed_s == pytest.approx(STREAMING_S + 1.0)
    assert not socket.stopped
    assert report.violations == ()
