"""Calls that are recorded: complete, private, and never held up."""

import gzip
import json
import stat
from contextlib import asynccontextmanager

import pytest
import trio

from tests.call.conftest import media_frame, start_message
from voiced.flight.entries import COMPRESSED_FILE, WIRE_FILE, parse_line
from voiced.flight.recorder import open_flights
from voiced.testing.caller import silent_caller
from voiced.testing.providers import ScriptedRecognizer, Speech

RECORD = {"call_id": "v3:abc", "started_at": "2026-11-22T10:00:00.000+00:00"}


class Disk:
    """Runs what would block at once; full or slow when told to be."""

    def __init__(self):
        self.is_full = False
        self.takes_s = 0.0

    async def run(self, function, *args):
        await trio.sleep(self.takes_s)
        if self.is_full:
            for block in args[0]:
                block.error = "No space left on device"
            return
        function(*args)


@pytest.fixture
def disk():
    return Disk()


@pytest.fixture
def open_recorder(tmp_path, disk):
    @asynccontextmanager
    async def opener():
        async with open_flights(lambda record: tmp_path / record["call_id"][3:], disk.run) as found:
            yield found

    return opener


def entries(path):
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as file:
        return [parse_line(line) for line in file]


async def hold_a_call(line):
    """Ring, be answered, exchange some media, and hang up as the caller does."""
    await line.ring()
    async with line.media() as socket:
        await socket.send_text(start_message())
        for chunk in range(1, 21):
            await socket.send_text(media_frame(chunk))
            await trio.sleep(0.02)
        await line.webhook("call.hangup", hangup_cause="normal_clearing", hangup_source="caller")
        await trio.sleep(0.1)


async def test_a_call_leaves_everything_it_was_told_and_did(
    open_line, open_recorder, tmp_path, autojump_clock
):
    async with open_recorder() as flights, open_line(flights=flights) as line:
        await hold_a_call(line)
        token = line.media_url.rsplit("/", 1)[-1]
        assert (await socket_refused(line)) is True
    path = tmp_path / "hand" / COMPRESSED_FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not path.with_suffix("").exists()
    found = entries(path)
    kinds = [entry.kind for entry in found]
    assert kinds[:4] == ["header", "webhook", "request", "reply"]
    assert (kinds.count("open"), kinds.count("rx"), kinds[-1]) == (1, 21, "end")
    assert kinds.count("tx") > 0
    assert [
        json.loads(e.data["body"])["data"]["event_type"] for e in found if e.kind == "webhook"
    ] == [
        "call.initiated",
        "call.hangup",
    ]
    assert [entry.at_s for entry in found] == sorted(entry.at_s for entry in found)
    assert found[-1].data["record"]["end"]["reason"] == "caller_hung_up"
    assert token not in gzip.decompress(path.read_bytes()).decode()
    assert line.records[0]["wire"] == {"file": COMPRESSED_FILE, "dropped": 0}


async def test_the_token_is_in_no_webhook_that_repeats_the_streams_url(
    open_world, open_recorder, tmp_path, autojump_clock
):
    async with open_recorder() as flights, open_world(flights=flights) as world:
        report = await world.ring(silent_caller(hangs_up_s=1.0))
    url = report.commands[0].body["stream_url"]
    (path,) = tmp_path.glob(f"*/{COMPRESSED_FILE}")
    told = [entry.data["body"] for entry in entries(path) if entry.kind == "webhook"]
    assert any("streaming.started" in body for body in told)
    assert url.rsplit("/", 1)[1] not in gzip.decompress(path.read_bytes()).decode()


async def socket_refused(line):
    return line.core.media.claim(line.media_url) is None


async def test_what_providers_do_is_kept_with_the_time_that_they_took(
    open_world, open_recorder, greeter, tmp_path, autojump_clock
):
    script = [Speech(from_s=4.0, to_s=5.0, text="goodbye")]
    async with (
        open_recorder() as flights,
        open_world(agent=greeter, recognizer=ScriptedRecognizer(script), flights=flights) as world,
    ):
        report = await world.ring(silent_caller())
    (path,) = tmp_path.glob(f"*/{COMPRESSED_FILE}")
    found = entries(path)
    asked = [entry.data for entry in found if entry.kind == "ask"]
    assert [ask["what"] for ask in asked] == ["open", "answer"]
    assert asked[1]["text"] == "goodbye"
    said = [entry.data["text"] for entry in found if entry.kind == "speak"]
    assert said[-1] == "Goodbye, and thank you for calling."
    first = next(entry.data for entry in found if entry.kind == "pcm")
    assert first["after_s"] == pytest.approx(0.1)
    assert [e.data["event"] for e in found if e.kind == "speech"] == [
        "SpeechStarted",
        "SpeechEnded",
        "Final",
    ]
    assert report.ended_by == "agent"


async def test_a_crash_loses_at_most_the_last_second(
    open_line, open_recorder, tmp_path, autojump_clock
):
    async with open_recorder() as flights, open_line(flights=flights) as line:
        await line.ring()
        async with line.media() as socket:
            await socket.send_text(start_message())
            await trio.sleep(2)
            path = tmp_path / "hand" / WIRE_FILE
            before = entries(path)
            await socket.send_text(media_frame(1))
            await trio.sleep(1.2)
            assert len(entries(path)) > len(before)
        assert before[-1].kind == "rx"


async def test_a_full_disk_costs_the_recording_and_is_told(
    open_line, open_recorder, disk, tmp_path, autojump_clock
):
    async with open_recorder() as flights, open_line(flights=flights) as line:
        await line.ring()
        disk.is_full = True
        async with line.media() as socket:
            await socket.send_text(start_message())
            await trio.sleep(1.5)
            disk.is_full = False
            await socket.send_text(media_frame(1))
            await line.webhook("call.hangup", hangup_cause="normal_clearing")
            await trio.sleep(1.5)
        wire = line.records[0]["wire"]
        assert wire["dropped"] >= 2
        assert wire["error"] == "No space left on device"


async def test_a_disk_that_hangs_holds_up_neither_calls_nor_the_end(
    open_line, open_recorder, disk, autojump_clock
):
    async with open_recorder() as flights, open_line(flights=flights) as line:
        await line.ring()
        disk.takes_s = 10_000
        await trio.sleep(1)
        began = trio.current_time()
        await line.webhook("call.hangup", hangup_cause="normal_clearing")
        await trio.sleep(0.1)
        assert line.records[0]["state"] == "ended"
    assert trio.current_time() - began < 30


async def test_an_unrecorded_call_leaves_nothing(open_line, tmp_path, autojump_clock):
    async with open_line() as line:
        await hold_a_call(line)
        assert line.records[0]["wire"] is None
    assert not any(path.is_dir() for path in tmp_path.iterdir())  # only the ledger's files
