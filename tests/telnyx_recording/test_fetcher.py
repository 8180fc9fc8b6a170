"""Recordings are fetched before their address dies, after a restart too, and told in the record."""

import errno
import json
import os
import stat

import pytest
import trio
from structlog.testing import capture_logs

from tests.telnyx_recording.conftest import AUDIO, Account
from voiced.telnyx.events import RecordingError, parse_event
from voiced.telnyx_recording import RecordingFetcher
from voiced.telnyx_recording.fetcher import AT_A_TIME, FIRST_LOOK_S, GIVE_UP_S
from voiced.telnyx_recording.wanted import Wanted

WANTED = Wanted(call_leg_id="leg-a", call_control_id="v3:a", directory="call-a", at=0.0)
OTHER = Wanted(call_leg_id="leg-b", call_control_id="v3:b", directory="call-b", at=0.0)


async def record_a_call(desk, *, begun=1):
    for _ in range(begun):
        assert await desk.fetcher.expect(WANTED)


async def test_a_recording_that_is_told_after_the_call_is_fetched_at_once(
    open_desk, tmp_path, autojump_clock
):
    async with open_desk() as desk:
        await record_a_call(desk)
        desk.fetcher.ended("leg-a")
        await trio.sleep(5)
        assert desk.saved() is True
        await trio.sleep(0.1)
        path = tmp_path / "call-a" / "telnyx.wav"
        assert path.read_bytes() == AUDIO
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert desk.record() == {
            "state": "ended",
            "x": 1,
            "recordings": [
                {
                    "recording_id": "rec-1",
                    "file": "telnyx.wav",
                    "channels": "dual",
                    "started_at": "2026-11-22T10:00:01+00:00",
                    "duration_s": 60.0,
                    "bytes": len(AUDIO),
                    "error": None,
                }
            ],
        }
        assert desk.fetcher.pending == 0
        assert desk.account.lists == 0
        assert {p.name for p in path.parent.iterdir()} == {"call.json", "telnyx.wav"}


async def test_a_recording_of_a_live_call_is_fetched_at_once_and_told_when_it_has_ended(
    open_desk, tmp_path, autojump_clock
):
    async with open_desk() as desk:
        await record_a_call(desk)
        desk.saved()
        await trio.sleep(0.1)
        assert (tmp_path / "call-a" / "telnyx.wav").exists()
        assert "recordings" not in desk.record()  # the call itself will write it once more
        desk.fetcher.ended("leg-a")
        await trio.sleep(0.1)
        assert [entry["file"] for entry in desk.record()["recordings"]] == ["telnyx.wav"]


async def test_several_recordings_of_a_call_have_files_of_their_own(open_desk, autojump_clock):
    async with open_desk() as desk:
        await record_a_call(desk, begun=3)
        desk.saved(1)
        desk.saved(2, form="mp3")
        desk.saved(2, form="mp3")  # told twice
        desk.saved(3)
        desk.fetcher.ended("leg-a")
        await trio.sleep(1)
        files = [entry["file"] for entry in desk.record()["recordings"]]
        assert files == ["telnyx.wav", "telnyx-2.mp3", "telnyx-3.wav"]
        assert len(desk.account.downloads) == 3
        assert desk.fetcher.pending == 0


async def test_a_webhook_finds_its_call_by_either_id(open_desk, autojump_clock):
    async with open_desk() as desk:
        await record_a_call(desk, begun=2)
        assert desk.saved(1, call=None) is True
        assert desk.saved(2, leg=None) is True
        desk.fetcher.ended("leg-a")
        await trio.sleep(1)
        assert len(desk.record()["recordings"]) == 2


async def test_a_recording_that_nobody_asked_for_is_left_where_it_is(open_desk, autojump_clock):
    async with open_desk() as desk:
        assert desk.saved() is False
        assert desk.saved(leg=None, call=None) is False
        await trio.sleep(1)
        assert desk.account.downloads == []


async def test_a_storage_that_fails_is_tried_again_while_the_address_lives(
    open_desk, tmp_path, autojump_clock
):
    async with open_desk(Account(down_until=30)) as desk:
        await record_a_call(desk)
        desk.fetcher.ended("leg-a")
        desk.saved()
        await trio.sleep(50)
        assert (tmp_path / "call-a" / "telnyx.wav").exists()
        assert set(desk.account.downloads) == {"/told-1"}
        assert len(desk.account.downloads) < 8


async def test_a_dead_address_is_replaced_by_a_fresh_one(open_desk, autojump_clock):
    async with open_desk(Account(status=403)) as desk:
        desk.account.record(1)
        await record_a_call(desk)
        desk.fetcher.ended("leg-a")
        desk.saved()
        await trio.sleep(1)
        assert desk.account.downloads == ["/told-1"]
        desk.account.status = 200
        await trio.sleep(FIRST_LOOK_S + 1)
        assert desk.account.downloads == ["/told-1", "/listed-1"]
        assert desk.record()["recordings"][0]["duration_s"] == 1.5


async def test_a_webhook_that_never_comes_is_made_up_for(open_desk, autojump_clock):
    async with open_desk(Account(down_until=300)) as desk:
        desk.account.record(1)
        await record_a_call(desk)
        desk.fetcher.ended("leg-a")
        await trio.sleep(1000)
        assert desk.record()["recordings"][0]["file"] == "telnyx.wav"
        assert desk.fetcher.pending == 0


async def test_after_a_crash_all_is_fetched_that_was_wanted(open_desk, autojump_clock):
    async with open_desk() as desk:
        await record_a_call(desk, begun=2)
        desk.saved(1)
        await trio.sleep(1)
    account = Account()
    account.record(1)
    account.record(2)
    async with open_desk(account) as desk:
        await trio.sleep(1)
        assert account.downloads == ["/listed-2"]
        files = [entry["file"] for entry in desk.record()["recordings"]]
        assert files == ["telnyx.wav", "telnyx-2.wav"]
    async with open_desk() as desk:
        assert desk.fetcher.pending == 0


async def test_what_a_crash_cut_off_is_written_over(open_desk, tmp_path, autojump_clock):
    (tmp_path / "call-a").mkdir(exist_ok=True)
    (tmp_path / "call-a" / ".telnyx.part").write_bytes(b"x" * 5000)
    async with open_desk() as desk:
        await record_a_call(desk)
        desk.saved()
        await trio.sleep(1)
        assert (tmp_path / "call-a" / "telnyx.wav").read_bytes() == AUDIO


async def test_a_recording_that_cannot_be_had_is_given_up_after_a_day(open_desk, autojump_clock):
    async with open_desk() as desk:
        await record_a_call(desk)
        desk.fetcher.ended("leg-a")
        with capture_logs() as logs:
            await trio.sleep(GIVE_UP_S + 4000)
        (entry,) = desk.record()["recordings"]
        assert (entry["file"], entry["error"]) == (None, "Telnyx has told of none")
        assert desk.fetcher.pending == 0
        assert desk.account.lists < 40
        assert [line["event"] for line in logs] == ["recording given up"]


@pytest.mark.parametrize(
    ("urls", "error"),
    [
        ({"wav": "gs://bucket/x"}, "its address is not https"),
        ({"wav": "http://storage.example.com/x"}, "its address is not https"),
        ({"ogg": "https://storage.example.com/x"}, "no address"),
    ],
)
async def test_an_address_that_is_not_https_is_not_followed(open_desk, autojump_clock, urls, error):
    async with open_desk() as desk:
        await record_a_call(desk)
        desk.fetcher.ended("leg-a")
        desk.saved(recording_urls=urls)
        await trio.sleep(1)
        assert desk.account.downloads == []
        assert desk.record()["recordings"][0]["error"].startswith(error)


async def test_that_telnyx_could_not_store_it_is_told_in_the_record(open_desk, autojump_clock):
    error = {
        "event_type": "call.recording.error",
        "id": "hook",
        "occurred_at": "2026-11-22T10:00:00Z",
        "payload": {"call_leg_id": "leg-a", "reason": "Invalid credentials"},
    }
    async with open_desk() as desk:
        await record_a_call(desk)
        desk.fetcher.ended("leg-a")
        event = parse_event(json.dumps({"data": error}).encode())
        assert isinstance(event, RecordingError)
        assert desk.fetcher.take(event) is True
        await trio.sleep(1)
        assert desk.record()["recordings"][0]["error"] == "Telnyx: Invalid credentials"
        assert desk.fetcher.pending == 0


async def test_a_file_that_is_too_large_is_told_in_the_record(
    open_desk, tmp_path, autojump_clock, monkeypatch
):
    monkeypatch.setattr("voiced.telnyx_recording.part_file.MOST_BYTES", 10)
    async with open_desk() as desk:
        await record_a_call(desk)
        desk.fetcher.ended("leg-a")
        desk.saved()
        await trio.sleep(1)
        assert "larger than 10 bytes" in desk.record()["recordings"][0]["error"]
        assert [path.name for path in (tmp_path / "call-a").iterdir()] == ["call.json"]


@pytest.mark.parametrize("audio", [b"", b"RIFF"])
async def test_a_file_that_is_cut_short_is_tried_again(open_desk, tmp_path, autojump_clock, audio):
    account = Account(audio=audio, length=len(AUDIO))
    async with open_desk(account) as desk:
        await record_a_call(desk)
        desk.saved()
        await trio.sleep(5)
        assert [path.name for path in (tmp_path / "call-a").iterdir()] == ["call.json"]
        account.audio = AUDIO
        await trio.sleep(30)
        assert (tmp_path / "call-a" / "telnyx.wav").read_bytes() == AUDIO


async def test_a_large_file_goes_to_the_disk_in_blocks(
    open_desk, tmp_path, autojump_clock, monkeypatch
):
    monkeypatch.setattr("voiced.telnyx_recording.part_file.BLOCK_BYTES", 100)
    account = Account(audio=bytes(range(256)) * 10, piece_bytes=70)
    async with open_desk(account) as desk:
        await record_a_call(desk)
        desk.saved()
        await trio.sleep(1)
        assert (tmp_path / "call-a" / "telnyx.wav").read_bytes() == account.audio


async def test_a_full_disk_is_tried_again(open_desk, tmp_path, autojump_clock):
    is_full = True

    async def disk(work, *args):
        await trio.lowlevel.checkpoint()
        if is_full and work.__module__.endswith("part_file") and work.__name__ == "_write":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return work(*args)

    async with open_desk(run_sync=disk) as desk:
        await record_a_call(desk)
        desk.saved()
        await trio.sleep(10)
        assert not (tmp_path / "call-a" / "telnyx.wav").exists()
        is_full = False
        await trio.sleep(60)
        assert (tmp_path / "call-a" / "telnyx.wav").read_bytes() == AUDIO


async def test_many_recordings_are_fetched_a_few_at_a_time(open_desk, autojump_clock):
    async with open_desk(Account(answer_s=1.0)) as desk:
        for n in range(20):
            leg = f"leg-{n}"
            await desk.fetcher.expect(
                Wanted(call_leg_id=leg, call_control_id=f"v3:{n}", directory=f"call-{n}", at=0.0)
            )
            desk.fetcher.ended(leg)
            desk.saved(1, leg=leg, call=f"v3:{n}")
        await trio.sleep(30)
        assert desk.account.most_at_once == AT_A_TIME
        assert desk.fetcher.pending == 0
        assert len(list(desk.root.glob("call-*/telnyx.wav"))) == 20


async def test_no_more_calls_are_recorded_than_can_be_remembered(
    open_desk, autojump_clock, monkeypatch
):
    monkeypatch.setattr("voiced.telnyx_recording.fetcher.MOST_CALLS", 1)
    async with open_desk() as desk:
        assert await desk.fetcher.expect(WANTED) is True
        assert await desk.fetcher.expect(OTHER) is False
        desk.fetcher.ended("leg-b")


async def test_a_fault_of_ours_with_one_call_reaches_no_other(
    open_desk, autojump_clock, monkeypatch
):
    whole = RecordingFetcher._fetch

    async def broken(fetcher, job, recording):
        if job.wanted.call_leg_id == "leg-a":
            raise ZeroDivisionError
        await whole(fetcher, job, recording)

    monkeypatch.setattr(RecordingFetcher, "_fetch", broken)
    async with open_desk() as desk:
        await record_a_call(desk)
        await desk.fetcher.expect(OTHER)
        desk.saved(1)
        desk.saved(1, leg="leg-b", call="v3:b")
        await trio.sleep(1)
        assert (desk.root / "call-b" / "telnyx.wav").exists()


async def test_a_damaged_entry_is_logged_and_passed_over(open_desk, tmp_path, autojump_clock):
    (tmp_path / "recordings.jsonl").write_text('{"put":"x","item":{"directory":"../y"}}\n')
    with capture_logs() as logs:
        async with open_desk() as desk:
            assert desk.fetcher.pending == 0
    assert [line["event"] for line in logs] == ["damaged entry"]
