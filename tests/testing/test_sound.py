"""What Telnyx itself plays on a leg, and the keys that it sends."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
import trio

from voiced.audio import wav
from voiced.testing.announcer import AudioUnavailableError
from voiced.testing.callees import human
from voiced.testing.caller import PlayedCaller, silent_caller, tone
from voiced.testing.faults import Faults
from voiced.testing.media_files import decode_audio, encode_mp3
from voiced.testing.rules import CallRules
from voiced.testing.utterances import level_dbfs

QUIET = CallRules(background_dbfs=None)
URL = "http://files.test/a.wav"


@pytest.fixture
def play(tiny):
    """Send commands, one after the other with pauses, on a call of some seconds."""

    async def run(*steps, hangs_up_s=6.0):
        async def talk(daemon, socket):
            for step in steps:
                if isinstance(step, float):
                    await trio.sleep(step)
                else:
                    action, body = step
                    await daemon.command(action, **body)
            while await socket.next() is not None:
                pass

        tiny.talk = talk
        return await tiny.telnyx.ring(silent_caller(hangs_up_s=hangs_up_s), rules=QUIET)

    return run


def lengths(report):
    return [round(said.end_s - said.start_s, 2) for said in report.agent_utterances]


def statuses(tiny, event_type="call.playback.ended"):
    return [payload["status"] for payload in tiny.told(event_type)]


def wav_file(pcm):
    file = io.BytesIO()
    wav.write_wav(file, np.stack((pcm, pcm), axis=1), 8000)
    return file.getvalue()


async def test_a_file_is_played_and_told(tiny, play, autojump_clock, check_webhook, check_command):
    tiny.telnyx.media[URL] = tone(500, 1.0)
    body = {"audio_url": URL, "client_state": "eA=="}
    report = await play(("playback_start", body))
    check_command("playback_start", body)
    assert lengths(report) == [1.0]
    (started,), (ended,) = tiny.told("call.playback.started"), tiny.told("call.playback.ended")
    assert (started["media_url"], started["overlay"]) == (URL, False)
    assert ended["status"] == "completed"
    for _, body in tiny.webhooks:
        check_webhook(body)


async def test_files_wait_for_each_other_and_can_be_repeated(tiny, play, autojump_clock):
    tiny.telnyx.media |= {"one": tone(500, 0.5), "two": tone(600, 0.5)}
    report = await play(
        ("playback_start", {"media_name": "one", "loop": 2}),
        ("playback_start", {"media_name": "two"}),
    )
    assert lengths(report) == [1.5]
    assert [payload["media_name"] for payload in tiny.told("call.playback.ended")] == ["one", "two"]


async def test_a_file_that_never_ends_is_stopped_and_what_waits_is_forgotten(
    tiny, play, autojump_clock
):
    tiny.telnyx.media |= {"one": tone(500, 0.5), "two": tone(600, 0.5)}
    report = await play(
        ("playback_start", {"media_name": "one", "loop": "infinity"}),
        ("playback_start", {"media_name": "two"}),
        2.0,
        ("playback_stop", {}),
    )
    assert lengths(report) == [pytest.approx(2.02, abs=0.04)]
    assert statuses(tiny) == ["cancelled"]


async def test_only_what_plays_can_be_stopped_too(tiny, play, autojump_clock):
    tiny.telnyx.media |= {"one": tone(500, 3.0), "two": tone(600, 0.5)}
    report = await play(
        ("playback_start", {"media_name": "one"}),
        ("playback_start", {"media_name": "two"}),
        1.0,
        ("playback_stop", {"stop": "current"}),
    )
    assert lengths(report) == [pytest.approx(1.52, abs=0.06)]
    assert statuses(tiny) == ["cancelled", "completed"]


async def test_a_new_file_can_stop_the_old_one(tiny, play, autojump_clock):
    tiny.telnyx.media |= {"one": tone(500, 3.0), "two": tone(600, 0.5)}
    await play(
        ("playback_start", {"media_name": "one"}),
        1.0,
        ("playback_start", {"media_name": "two", "stop": "all"}),
    )
    assert statuses(tiny) == ["cancelled", "completed"]


async def test_a_speech_is_stopped_like_a_file(tiny, play, autojump_clock):
    report = await play(
        ("speak", {"payload": "x" * 100, "voice": "female"}), 1.0, ("playback_stop", {})
    )
    assert lengths(report) == [pytest.approx(1.0, abs=0.06)]
    assert statuses(tiny, "call.speak.ended") == ["completed"]


async def test_an_overlay_is_heard_over_what_plays(tiny, play, autojump_clock):
    tiny.telnyx.media |= {"one": tone(500, 2.0), "two": tone(600, 0.5)}
    report = await play(
        ("playback_start", {"media_name": "one"}),
        1.0,
        ("playback_start", {"media_name": "two", "overlay": True}),
    )
    assert lengths(report) == [2.0]
    (said,) = report.agent_utterances
    alone = report.heard_between(said.start_s + 0.2, said.start_s + 0.8)
    both = report.heard_between(said.start_s + 1.15, said.start_s + 1.4)
    assert level_dbfs(both) - level_dbfs(alone) == pytest.approx(3.0, abs=0.5)
    overlays = [payload["overlay"] for payload in tiny.told("call.playback.ended")]
    assert overlays == [True, False]


async def test_an_overlay_needs_something_to_lie_over(tiny, play, autojump_clock):
    tiny.telnyx.media["two"] = tone(600, 0.5)
    await play(("playback_start", {"media_name": "two", "overlay": True}))
    assert tiny.replies[-1].status_code == 422


async def test_the_end_of_the_call_ends_what_plays(tiny, play, autojump_clock):
    tiny.telnyx.media["one"] = tone(500, 9.0)
    await play(("playback_start", {"media_name": "one"}), hangs_up_s=1.0)
    assert statuses(tiny) == ["call_hangup"]
    assert tiny.events.index("call.playback.ended") < tiny.events.index("call.hangup")


async def test_a_file_is_fetched_through_the_network(tiny, play, autojump_clock):
    asked = []
    webhook = tiny._webhook

    async def serve(scope, receive, send):
        if scope["method"] == "POST":
            await webhook(scope, receive, send)
            return
        asked.append(scope["path"])
        status = 200 if scope["path"] == "/a.wav" else 404
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": wav_file(tone(500, 1.0))})

    tiny._webhook = serve
    report = await play(
        ("playback_start", {"audio_url": "http://tiny.test/a.wav"}),
        ("playback_start", {"audio_url": "http://tiny.test/b.wav"}),
    )
    assert asked == ["/a.wav", "/b.wav"]
    assert lengths(report) == [1.0]
    missing = tiny.told("call.playback.ended")[1]
    assert missing["status"] == "file_not_found"
    assert "404" in missing["status_detail"]


async def test_sound_can_come_in_the_command_itself(tiny, play, autojump_clock):
    content = base64.b64encode(wav_file(tone(500, 0.5))).decode()
    report = await play(
        ("playback_start", {"playback_content": content, "audio_type": "wav"}),
        ("playback_start", {"playback_content": "AAAA"}),
        ("playback_start", {"media_name": "unknown"}),
    )
    assert lengths(report) == [0.5]
    assert statuses(tiny) == ["completed", "failed", "failed"]


def test_mp3_goes_in_and_out():
    pcm = tone(500, 1.0)
    back = decode_audio(encode_mp3(pcm, 8000))
    spectrum = np.abs(np.fft.rfft(back[1000:7000].astype(float)))
    assert np.fft.rfftfreq(6000, 1 / 8000)[spectrum.argmax()] == pytest.approx(500, abs=2)
    assert level_dbfs(back[1000:7000]) == pytest.approx(-20, abs=1)


def test_what_is_neither_wav_nor_mp3_cannot_be_played():
    with pytest.raises(AudioUnavailableError):
        decode_audio(b"RIFF nothing")
    with pytest.raises(AudioUnavailableError):
        decode_audio(b"no sound")


# -- keys and noise ---------------------------------------------------------------------------


async def test_keys_that_we_send_are_heard_one_by_one_with_their_pauses(tiny, play, autojump_clock):
    report = await play(("send_dtmf", {"digits": "1wW2#", "duration_millis": 200}))
    assert report.digits_heard == "12#"
    one, two, last = (key.at_s for key in report.keys_heard)
    assert two - one == pytest.approx(0.1 + 1.5 + 0.2, abs=0.021)
    assert last - two == pytest.approx(0.3, abs=0.021)


async def test_a_dialled_call_can_send_keys_with_its_answer(tiny, autojump_clock):
    heard = []

    class Menu:
        utterances, notes = (), ()

        def __init__(self):
            self._silent = silent_caller(hangs_up_s=3.0)

        def hear_key(self, digit):
            heard.append(digit)

        def step(self, frame):
            return self._silent.step(frame)

    callee = human()
    tiny.telnyx.directory.entries["+13125550177"] = type(callee)(party=Menu, after_s=1.0)
    await tiny.dial("+13125550177", send_digits_on_answer="w12")
    report = await tiny.telnyx.dialled()
    assert heard == ["1", "2"]
    assert report.digits_heard == "12"


async def test_a_key_can_come_late_on_the_socket(tiny, autojump_clock):
    caller = PlayedCaller(np.zeros(0, np.int16), keys=[(1.0, "5")], hangs_up_s=2.0)
    await tiny.telnyx.ring(caller, faults=Faults(socket_keys_late_s=0.3))
    (frame_at,) = (at for at, frame in tiny.sockets[0].frames if frame["event"] == "dtmf")
    (webhook_at,) = (
        at for at, body in tiny.webhooks if body["data"]["event_type"] == "call.dtmf.received"
    )
    assert frame_at > webhook_at


async def test_suppression_takes_the_noise_away(tiny, autojump_clock):
    async def talk(daemon, socket):
        await trio.sleep_until(1.0)
        await daemon.command("suppression_start", direction="inbound")
        await trio.sleep_until(2.0)
        await daemon.command("suppression_stop")
        while await socket.next() is not None:
            pass

    tiny.talk = talk
    report = await tiny.telnyx.ring(silent_caller(hangs_up_s=3.0))
    assert level_dbfs(report.spoken[1000:7900]) == pytest.approx(-65, abs=0.5)
    assert not report.spoken[8500:15900].any()
    assert level_dbfs(report.spoken[17000:23000]) == pytest.approx(-65, abs=0.5)
