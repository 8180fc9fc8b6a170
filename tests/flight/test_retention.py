"""Old recordings go, oldest first; records and live calls stay."""

import gzip
import os

import pytest
import trio
from trio.testing import MockClock

from voiced.flight.retention import EVERY_S, Retention, compress_left, keep_house

DAY_S = 24 * 3600.0
NOW = 1_800_000_000.0


@pytest.fixture
def call(tmp_path):
    def make(name, *, days=0.0, files=("wire.jsonl.gz", "audio.wav"), n_bytes=100, ended=True):
        directory = tmp_path / name
        directory.mkdir()
        for file in files:
            (directory / file).write_bytes(b"x" * n_bytes)
            os.utime(directory / file, (NOW, NOW - days * DAY_S))
        if ended:
            (directory / "call.json").write_text("{}")
        return directory

    return make


def left(directory):
    return sorted(path.name for path in directory.iterdir())


def test_what_is_too_old_goes_and_the_record_stays(call, tmp_path):
    old, new = call("old", days=31), call("new", days=29)
    assert Retention(root=tmp_path, keep_days=30, keep_bytes=0).sweep(NOW) == 2
    assert left(old) == ["call.json"]
    assert left(new) == ["audio.wav", "call.json", "wire.jsonl.gz"]


def test_beyond_the_bytes_the_oldest_goes_first(call, tmp_path):
    calls = [call(f"c{days}", days=days) for days in (1, 3, 2)]
    assert Retention(root=tmp_path, keep_days=0, keep_bytes=450).sweep(NOW) == 2
    assert left(calls[1]) == ["call.json"]
    assert Retention(root=tmp_path, keep_days=0, keep_bytes=450).sweep(NOW) == 0


def test_what_telnyx_has_recorded_goes_like_our_own_audio(call, tmp_path):
    old = call("old", days=31, files=("telnyx.wav", "telnyx-2.mp3", "telnyx.txt"))
    assert Retention(root=tmp_path, keep_days=30, keep_bytes=0).sweep(NOW) == 2
    assert left(old) == ["call.json", "telnyx.txt"]


def test_what_a_crash_has_left_of_compressing_goes_too(call, tmp_path):
    old = call("old", days=31, files=(".wire.jsonl.gz.new", "wire.jsonl"))
    assert Retention(root=tmp_path, keep_days=30, keep_bytes=0).sweep(NOW) == 2
    assert left(old) == ["call.json"]


def test_what_a_crash_has_left_uncompressed_is_compressed_and_stays_as_old(call, tmp_path):
    crashed = call("crashed", days=2, files=("wire.jsonl", ".wire.jsonl.gz.new"))
    call("ends", days=0.001, files=("wire.jsonl",))
    call("live", days=0.1, files=("wire.jsonl",), ended=False)
    assert compress_left(tmp_path, NOW) == 1
    assert left(crashed) == ["call.json", "wire.jsonl.gz"]
    packed = crashed / "wire.jsonl.gz"
    assert gzip.decompress(packed.read_bytes()) == b"x" * 100
    assert packed.stat().st_mtime == NOW - 2 * DAY_S


def test_without_limits_everything_stays(call, tmp_path):
    call("old", days=3000)
    assert Retention(root=tmp_path, keep_days=0, keep_bytes=0).sweep(NOW) == 0


@pytest.mark.parametrize("record", ['{"state": "live"}', "torn {", None])
def test_a_live_call_is_left_alone(call, tmp_path, record):
    live = call("live", files=("wire.jsonl",), ended=False)
    if record is not None:
        (live / "call.json").write_text(record)
    assert Retention(root=tmp_path, keep_days=1, keep_bytes=1).sweep(NOW) == 0
    assert "wire.jsonl" in left(live)


def test_what_a_crash_left_goes_in_its_time(call, tmp_path):
    crashed = call("crashed", days=2, files=("wire.jsonl",), ended=False)
    assert Retention(root=tmp_path, keep_days=1, keep_bytes=0).sweep(NOW) == 1
    assert left(crashed) == []


def test_foreign_files_are_no_concern(call, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    call("other", days=100, files=("notes.txt",))
    assert Retention(root=tmp_path, keep_days=1, keep_bytes=1).sweep(NOW) == 0


async def test_the_house_is_kept_every_ten_minutes(call, tmp_path, autojump_clock: MockClock):
    swept = []

    async def run(function, *args):
        swept.append(trio.current_time())
        await trio.lowlevel.checkpoint()
        function(*args)

    retention = Retention(root=tmp_path / "not there", keep_days=1, keep_bytes=0)
    with trio.move_on_after(2 * EVERY_S + 1):
        await keep_house(retention, run, lambda: NOW)
    assert len(swept) == 3
