"""Recordings: made, saved, told, fetched, and no longer to be had."""

from __future__ import annotations

import io

import httpx
import numpy as np
import pytest
import trio

from voiced.audio import wav
from voiced.testing.callees import human
from voiced.testing.caller import silent_caller, tone_caller
from voiced.testing.recordings import Recording, RecordingRules
from voiced.testing.rules import CallRules

QUIET = CallRules(background_dbfs=None)
WAV = {"format": "wav", "channels": "dual"}
TO = "+13125550177"


def both(audio):
    """Return when there is sound, per channel, in seconds."""
    return [
        np.flatnonzero(np.abs(audio[:, n]) > 500)[[0, -1]] / 8000 for n in range(audio.shape[1])
    ]


@pytest.fixture
def record(tiny):
    """Run a call with commands at times since the beginning."""

    async def run(*steps, caller=None):
        async def talk(daemon, socket):
            for at_s, action, body in steps:
                await trio.sleep_until(at_s)
                await daemon.command(action, **body)
            while await socket.next() is not None:
                pass

        tiny.talk = talk
        caller = caller or tone_caller(starts_s=1.0, lasts_s=1.0, hangs_up_s=5.0)
        return await tiny.telnyx.ring(caller, rules=QUIET)

    return run


async def test_a_recording_holds_the_party_left_and_all_that_it_hears_right(
    tiny, record, autojump_clock, check_webhook, check_command, check_answer
):
    report = await record(
        (0.5, "record_start", WAV),
        (2.5, "speak", {"payload": "x" * 10, "voice": "female"}),
        (4.0, "record_stop", {}),
    )
    check_command("record_start", WAV)
    for reply in tiny.replies:
        check_answer(reply.url.path.rpartition("/")[2], reply.json())
    (recording,) = report.recordings
    assert recording.audio.shape[1] == 2
    assert len(recording.audio) / 8000 == pytest.approx(3.5, abs=0.03)
    (said, heard) = both(recording.audio)
    assert said == pytest.approx([0.52, 1.52], abs=0.03)
    assert heard == pytest.approx([2.0, 2.6], abs=0.06)
    (saved,) = tiny.told("call.recording.saved")
    check_webhook(next(b for _, b in tiny.webhooks if "saved" in b["data"]["event_type"]))
    assert saved["channels"] == "dual"
    assert saved["recording_id"] == recording.recording_id
    assert list(saved["recording_urls"]) == ["wav"]
    assert tiny.events.index("call.recording.saved") > tiny.events.index("call.hangup")


async def test_what_is_said_in_a_pause_is_not_recorded(record, autojump_clock):
    report = await record(
        (0.5, "record_start", WAV),
        (1.0, "record_pause", {}),
        (2.1, "record_resume", {}),
        (4.0, "record_stop", {}),
    )
    (recording,) = report.recordings
    assert len(recording.audio) / 8000 == pytest.approx(2.4, abs=0.05)
    assert not recording.audio.any()


@pytest.mark.parametrize(
    ("body", "n_channels", "is_heard"),
    [
        ({"channels": "single"}, 1, True),
        ({"channels": "dual", "recording_track": "inbound"}, 1, True),
        ({"channels": "dual", "recording_track": "outbound"}, 1, False),
    ],
)
async def test_tracks_and_channels_are_as_asked(record, autojump_clock, body, n_channels, is_heard):
    report = await record((0.5, "record_start", {"format": "wav", **body}))
    (recording,) = report.recordings
    assert recording.audio.shape[1] == n_channels
    assert bool(np.any(np.abs(recording.audio) > 500)) is is_heard


async def test_the_end_of_the_call_ends_its_recordings(tiny, record, autojump_clock):
    report = await record((0.5, "record_start", WAV), (1.0, "record_start", WAV))
    assert len(report.recordings) == 2
    assert len({recording.recording_id for recording in report.recordings}) == 2
    assert [recording.ended_s for recording in report.recordings] == [report.ended_s] * 2


@pytest.mark.parametrize(
    ("body", "length_s"),
    [
        ({"max_length": 2}, 2.0),
        ({"timeout_secs": 1}, 2.52),  # a second after the caller's tone
        ({"trim": "trim-silence"}, 1.0),
    ],
)
async def test_a_recording_can_end_by_itself_and_be_trimmed(record, autojump_clock, body, length_s):
    report = await record((0.5, "record_start", WAV | body))
    (recording,) = report.recordings
    assert len(recording.audio) / 8000 == pytest.approx(length_s, abs=0.05)


async def test_the_party_can_hear_that_it_is_recorded(record, autojump_clock):
    report = await record((0.5, "record_start", WAV | {"play_beep": True}))
    (beep,) = report.agent_utterances
    assert beep.end_s - beep.start_s == pytest.approx(0.3, abs=0.03)


async def test_a_recording_before_there_is_audio_is_too_early(tiny, autojump_clock):
    await tiny.dial(TO)
    reply = await tiny.command("record_start", **WAV)
    assert reply.json()["errors"][0]["code"] == "90020"
    await tiny.command("hangup")
    await tiny.telnyx.dialled()


@pytest.mark.parametrize("way", ["answer", "dial"])
async def test_a_call_can_be_recorded_from_its_answer(tiny, autojump_clock, way, check_answer):
    arguments = {"record": "record-from-answer", "record_format": "mp3"}
    if way == "answer":
        tiny.answer_body = arguments
        report = await tiny.telnyx.ring(silent_caller(hangs_up_s=2.0))
        reply = tiny.replies[0]
    else:
        tiny.telnyx.directory.entries[TO] = human(after_s=1.0, hangs_up_s=2.0)
        reply = await tiny.dial(TO, **arguments)
        report = await tiny.telnyx.dialled()
    check_answer(way, reply.json())
    (recording,) = report.recordings
    assert reply.json()["data"]["recording_id"] == recording.recording_id
    assert len(recording.audio) / 8000 == pytest.approx(2.0, abs=0.03)
    (url,) = tiny.told("call.recording.saved")[0]["recording_urls"].values()
    fetched = await tiny.client.get(url, headers={"Authorization": ""})
    assert fetched.headers["content-type"] == "audio/mpeg"
    assert len(fetched.content) > 1000


# -- fetching ---------------------------------------------------------------------------------


async def test_a_file_can_be_fetched_for_ten_minutes_and_the_api_gives_a_fresh_url(
    tiny, record, autojump_clock
):
    report = await record((0.5, "record_start", WAV))
    (recording,) = report.recordings
    (url,) = tiny.told("call.recording.saved")[0]["recording_urls"].values()
    fetched = await get_without_key(tiny, url)
    pcm, rate_hz = wav.read_wav(fetched.content)
    assert (fetched.status_code, rate_hz, len(pcm)) == (200, 8000, len(recording.audio))
    await trio.sleep(601)
    assert (await get_without_key(tiny, url)).status_code == 403
    asked = await tiny.client.get(f"/v2/recordings/{recording.recording_id}")
    data = asked.json()["data"]
    assert data["duration_millis"] == pytest.approx(1000 * len(pcm) / 8000, abs=1)
    assert data["call_control_id"] == report.call_control_id
    fresh = await get_without_key(tiny, data["download_urls"]["wav"])
    assert fresh.content == fetched.content
    assert [seen.status for seen in tiny.telnyx.recordings.downloads] == [200, 403, 200]


async def get_without_key(tiny, url):
    transport = httpx.ASGITransport(app=tiny.telnyx.app)
    async with httpx.AsyncClient(transport=transport) as client:
        return await client.get(url)


async def test_a_url_cannot_be_made_up(tiny, record, autojump_clock):
    await record((0.5, "record_start", WAV))
    (url,) = tiny.told("call.recording.saved")[0]["recording_urls"].values()
    for forged in (url.replace("expires=", "expires=9"), url.split("?")[0], url + "0"):
        assert (await get_without_key(tiny, forged)).status_code == 403


async def test_recordings_are_listed_by_call(tiny, record, autojump_clock):
    first = await record((0.5, "record_start", WAV))
    now = trio.current_time()
    await record((now + 0.5, "record_start", WAV))
    everything = (await tiny.client.get("/v2/recordings")).json()
    assert everything["meta"]["total_results"] == 2
    page = (await tiny.client.get("/v2/recordings?page[size]=1&page[number]=2")).json()
    assert [entry["id"] for entry in page["data"]] == [everything["data"][1]["id"]]
    assert (await tiny.client.get("/v2/recordings?filter[colour]=red")).status_code == 400
    for name in ("call_control_id", "call_leg_id", "call_session_id"):
        query = {f"filter[{name}]": getattr(first, name)}
        (found,) = (await tiny.client.get("/v2/recordings", params=query)).json()["data"]
        assert found["id"] == first.recordings[0].recording_id


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/v2/recordings/nothing", 404), ("POST", "/v2/recordings", 405)],
)
async def test_what_is_not_there_is_refused(tiny, autojump_clock, method, path, status):
    assert (await tiny.client.request(method, path)).status_code == status


def test_a_recording_without_sound_is_empty():
    rules = RecordingRules(file_format="wav", channels="dual", trims=True)
    recording = Recording("r", rules, started_at=0.0)
    assert recording.audio().shape == (0, 2)
    file = io.BytesIO()
    wav.write_wav(file, recording.audio(), 8000)
    assert len(file.getvalue()) == 44


async def test_mp3_is_refused_where_nothing_can_write_it(tiny, record, autojump_clock, monkeypatch):
    monkeypatch.setattr("voiced.testing.leg.commands.find_spec", lambda name: None)
    await record((0.5, "record_start", {"format": "mp3", "channels": "dual"}))
    (error,) = tiny.replies[-1].json()["errors"]
    assert error["code"] == "10038"
    assert "voiced[mp3]" in error["detail"]
