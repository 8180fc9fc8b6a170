"""Whole calls that are recorded: the file against what the caller truly heard and said."""

import errno
import json
import stat
import wave

import numpy as np
import pytest
import trio

from tests.call.conftest import media_frame, start_message
from voiced.audio.codec import open_decoder, open_encoder
from voiced.record.journal import BargeIn
from voiced.record.store import RecordStore
from voiced.recording.stereo_timeline import TOLERANCE_S
from voiced.testing.caller import PlayedCaller, silent_caller
from voiced.testing.faults import Faults
from voiced.testing.providers import (
    FunctionAgent,
    ScriptedRecognizer,
    Speech,
    ToneSynthesizer,
)

RECORDED = {"audio": True}
FRAME = 160


async def inline(work, *args):
    await trio.lowlevel.checkpoint()
    work(*args)


@pytest.fixture
def store(tmp_path):
    return RecordStore(tmp_path / "calls", inline)


def read_call(tmp_path):
    """Return the record and the audio, shape (n, 2), of the only call."""
    (directory,) = (tmp_path / "calls").iterdir()
    record = json.loads((directory / "call.json").read_text())
    path = directory / "audio.wav"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with wave.open(str(path), "rb") as reader:
        assert (reader.getnchannels(), reader.getframerate()) == (2, 8000)
        audio = np.frombuffer(reader.readframes(reader.getnframes()), "<i2").reshape(-1, 2)
    return record, audio


def shift(found, true):
    """Return by how many samples `found` must be moved to lie on `true`, and how alike they are."""
    size = len(found) + len(true)
    spectrum = np.fft.rfft(found.astype(float), size).conj() * np.fft.rfft(true.astype(float), size)
    best = int(np.argmax(np.fft.irfft(spectrum, size)))
    best = best if best < len(true) else best - size
    there = true[max(0, best) :][: len(found)]
    return best, float(np.corrcoef(found[: len(there)], there)[0, 1])


def noise(seconds, seed=1):
    """Return bursts of noise, so that a shift has one answer only."""
    rng = np.random.default_rng(seed)
    pcm = rng.normal(0, 3000, round(seconds * 8000))
    loud = np.repeat(rng.random(round(seconds * 5)) < 0.5, 1600)
    return (pcm * loud).astype(np.int16)


def on_the_line(pcm):
    return open_decoder("PCMU", 8000).decode(open_encoder("PCMU", 8000).encode(pcm))


class NoiseSynthesizer:
    """Speaks in noise, so that the audio of each sentence is its own."""

    rate_hz = 16_000

    async def synthesize(self, text, audio):
        await trio.sleep(0.1)
        rng = np.random.default_rng(len(text))
        steps = rng.normal(0, 4000, len(text) * 400)
        for pcm in np.array_split(np.repeat(steps, 2).astype(np.int16), 5):
            await audio(pcm)


async def test_both_sides_lie_where_the_caller_spoke_and_heard(
    open_world, autojump_clock, greeter, store, tmp_path
):
    script = [Speech(from_s=5, to_s=6, text="one"), Speech(from_s=9, to_s=10, text="goodbye")]
    async with open_world(
        agent=greeter,
        recognizer=ScriptedRecognizer(script),
        synthesizer=NoiseSynthesizer(),
        store=store,
        recording=RECORDED,
    ) as world:
        report = await world.ring(PlayedCaller(noise(15)), background_dbfs=None)
        await trio.sleep(1)
    record, audio = read_call(tmp_path)
    assert record["audio"] == {"file": "audio.wav", "dropped_s": 0.0}
    begun = round(report.streaming_s * 8000)
    assert len(audio) / 8000 == pytest.approx(report.ended_s - report.streaming_s, abs=0.05)
    left, spoken_alike = shift(audio[:, 0], on_the_line(report.spoken))
    right, heard_alike = shift(audio[:, 1], report.heard)
    assert abs(left - begun) <= FRAME
    assert abs(right - begun) <= FRAME
    assert abs(left - right) <= FRAME
    assert spoken_alike > 0.999
    assert heard_alike > 0.99  # of linear audio to what the codec made of it, in 20 ms steps


async def test_what_barge_in_cut_is_not_in_the_file(
    open_world, autojump_clock, greeter, store, tmp_path
):
    script = [Speech(from_s=1.4, to_s=2.0, text="one")]
    async with open_world(
        agent=greeter, recognizer=ScriptedRecognizer(script), store=store, recording=RECORDED
    ) as world:
        report = await world.ring(silent_caller(hangs_up_s=8.0), background_dbfs=None)
        (barge_in,) = world.journal.of(BargeIn)
        await trio.sleep(1)
    _, audio = read_call(tmp_path)
    cut = round((barge_in.at - report.rang_at - report.streaming_s) * 8000)
    loud = np.flatnonzero(np.abs(audio[:, 1]) > 500)
    assert cut - FRAME < loud[loud < cut + 8000].max() <= cut
    # Sent, so at Telnyx, but thrown away: the caller did not hear it, and neither does the file.
    assert report.playback.cleared_s > 0.2
    heard_s = np.count_nonzero(report.heard) / 8000
    assert np.count_nonzero(audio[:, 1]) / 8000 == pytest.approx(heard_s, abs=0.03)


async def test_the_recording_of_a_call_is_as_long_as_its_media(
    open_world, autojump_clock, store, tmp_path
):
    async with open_world(store=store, recording=RECORDED, call={"max_duration_s": 60}) as world:
        report = await world.ring(silent_caller(), background_dbfs=None)
        await trio.sleep(1)
    record, audio = read_call(tmp_path)
    assert record["end"]["reason"] == "max_duration"
    in_the_call_s = record["duration_s"] - record["answered_after_s"]
    assert len(audio) / 8000 == pytest.approx(in_the_call_s, abs=0.0011)
    assert len(audio) / 8000 == pytest.approx(60 - report.streaming_s, abs=0.02)


async def test_lost_late_and_doubled_messages_shift_nothing_by_more_than_the_tolerance(
    open_world, autojump_clock, store, tmp_path
):
    faults = Faults(media="." * 30 + "-" + "." * 20 + "x." + "2" + "." * 30 + "-" * 12)
    async with open_world(store=store, recording=RECORDED) as world:
        report = await world.ring(
            PlayedCaller(noise(20), hangs_up_s=20.0), faults=faults, background_dbfs=None
        )
        await trio.sleep(1)
    record, audio = read_call(tmp_path)
    assert record["counters"]["inbound"]["lost"] > 10
    begun = round(report.streaming_s * 8000)
    spoken = on_the_line(report.spoken)
    for part in range(4):  # no drift: each quarter for itself
        left, alike = shift(audio[part * 40_000 : (part + 1) * 40_000, 0], spoken)
        assert abs(left - begun - part * 40_000) <= TOLERANCE_S * 8000 + FRAME
        assert alike > 0.5


async def test_a_full_disk_leaves_the_call_untouched(open_world, autojump_clock, greeter, tmp_path):
    async def fail(work, *args):
        await trio.lowlevel.checkpoint()
        raise OSError(errno.ENOSPC, "No space left on device")

    script = [Speech(from_s=4, to_s=5, text="one"), Speech(from_s=8, to_s=9, text="goodbye")]
    reports = []
    for run_sync, name in ((inline, "good"), (fail, "full")):
        async with open_world(
            agent=greeter,
            recognizer=ScriptedRecognizer(script),
            store=RecordStore(tmp_path / name, run_sync),
            recording=RECORDED,
        ) as world:
            reports.append(await world.ring(silent_caller()))
            await trio.sleep(1)
    good, full = reports
    assert np.array_equal(good.heard, full.heard)
    assert (good.ended_by, good.ended_s, good.actions) == ("agent", full.ended_s, full.actions)
    assert list((tmp_path / "full").iterdir()) == []


async def test_a_dead_disk_does_not_delay_the_hangup(open_world, autojump_clock, greeter, tmp_path):
    async def hang(work, *args):
        await trio.sleep_forever()

    script = [Speech(from_s=4, to_s=5, text="goodbye")]
    async with open_world(
        agent=greeter,
        recognizer=ScriptedRecognizer(script),
        store=RecordStore(tmp_path / "dead", hang),
        recording=RECORDED,
    ) as world:
        report = await world.ring(silent_caller())
        await trio.sleep(10)
        assert world.switchboard.snapshot() == []
    assert report.ended_s - report.agent_utterances[-1].end_s < 0.3
    assert report.violations == ()


async def test_no_recording_is_made_unless_asked_for(open_world, autojump_clock, store, tmp_path):
    async with open_world(store=store) as world:
        await world.ring(silent_caller(hangs_up_s=2.0))
        await trio.sleep(1)
    (directory,) = (tmp_path / "calls").iterdir()
    assert [path.name for path in directory.iterdir()] == ["call.json"]
    assert json.loads((directory / "call.json").read_text())["audio"] is None


async def test_after_a_transfer_the_recording_ends_with_the_stream(
    open_line, autojump_clock, store, tmp_path
):
    async def greet(reply):
        reply.transfer("+13125550177")
        await trio.lowlevel.checkpoint()

    async with open_line(
        agent=FunctionAgent(greet=greet),
        recognizer=ScriptedRecognizer(),
        synthesizer=ToneSynthesizer(),
        store=store,
        recording=RECORDED,
    ) as line:
        await line.ring()
        async with line.media() as socket:
            await socket.send_text(start_message())
            for chunk in range(100):
                await socket.send_text(media_frame(chunk + 1, payload=b"\x00" * FRAME))
                await trio.sleep(0.02)
            await socket.send_text('{"event":"stop","stream_id":"s1"}')
            await line.webhook("call.bridged")
            await trio.sleep(30)
        await line.webhook("call.hangup", hangup_cause="normal_clearing", hangup_source="callee")
        await trio.sleep(1)
    record, audio = read_call(tmp_path)
    assert record["end"]["reason"] == "transferred"
    assert record["duration_s"] > 30
    assert len(audio) == 2 * 8000
    assert (audio[:, 0] == audio[0, 0]).all()
