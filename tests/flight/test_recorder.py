"""What a recording does when the disk does not take it."""

import errno

import trio

from voiced.flight.entries import COMPRESSED_FILE
from voiced.flight.notes import MOST_BYTES, Notes
from voiced.flight.recorder import _File, open_flights

RECORD = {"call_id": "v3:abc", "ref": "r", "started_at": "2026-11-22T10:00:00.000+00:00"}


async def test_a_real_disk_that_is_full_is_an_error_of_that_call_only(tmp_path, monkeypatch):
    def write(file, notes):
        raise OSError(errno.ENOSPC, "No space left on device")

    async def run(function, *args):
        await trio.lowlevel.checkpoint()
        function(*args)

    monkeypatch.setattr(_File, "write", write)
    async with open_flights(lambda record: tmp_path, run) as flights:
        flight = flights.begin(RECORD, "token")
        flight.notes.note("open")
    assert flight.close({})["error"] == "No space left on device"


async def test_what_waits_for_a_slow_disk_is_bounded():
    notes = Notes("r")
    for _ in range(3):
        notes.message("rx", "x" * MOST_BYTES)
    notes.note("open")
    assert len(notes.take()) == 2
    notes.message("rx", "later: a hole would replay another call")
    assert notes.take() == []
    assert notes.close({}) == {
        "file": COMPRESSED_FILE,
        "dropped": 4,
        "error": "the disk is too slow",
    }


async def test_a_block_under_way_when_the_daemon_stops_is_written_to_its_end(
    tmp_path, autojump_clock
):
    writing = trio.Event()

    async def run(function, *args):
        writing.set()
        await trio.sleep(0.5)
        function(*args)

    async with open_flights(lambda record: tmp_path, run) as flights:
        flight = flights.begin(RECORD, "token")
        flight.notes.note("open")
        flight.close({})
        await writing.wait()
    assert (tmp_path / COMPRESSED_FILE).exists()


async def test_what_comes_after_a_break_is_not_kept_and_the_record_says_why():
    notes = Notes("r")
    notes.message("rx", "before")
    notes.break_off("the recording was paused")
    notes.message("rx", "a card number")
    notes.note("speech", text="a card number")
    assert [note[2] for note in notes.take()] == ["before"]
    assert notes.close({}) == {
        "file": COMPRESSED_FILE,
        "dropped": 3,
        "error": "the recording was paused",
    }
