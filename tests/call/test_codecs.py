"""Whole calls on every codec, each way: what is said is heard, in its whole width, without gaps."""

import base64
import json
import sys
from contextlib import asynccontextmanager, suppress

import numpy as np
import opuslib_next
import pytest
import trio
from scipy.signal import resample

from tests.call.conftest import media_frame, start_message
from tests.speech import band_db, below, delay_of, frames_of, snr_db, speech
from voiced.agent.echo import EchoAgent
from voiced.audio.codec import audio_rate_hz, open_decoder, open_encoder
from voiced.audio.l16 import ByteOrder
from voiced.audio.wav import read_wav
from voiced.errors import MediaStreamClosed
from voiced.record.store import RecordStore
from voiced.testing.caller import PlayedCaller
from voiced.testing.codec import opus_packet_s
from voiced.testing.faults import Faults

LINE_HZ = 8000


def media(codec, bidirectional_codec, sample_rate=8000, **more):
    names = {"codec": codec, "bidirectional_codec": bidirectional_codec}
    return {**names, "sample_rate": sample_rate, **more}


def quality_db(report):
    """Return how well the echo is what was spoken, where the resamplers leave it untouched."""
    spoken, heard = (below(pcm, LINE_HZ, 3300) for pcm in (report.spoken, report.heard))
    return snr_db(spoken, heard, finer=4)


def talker():
    said = speech(LINE_HZ)
    return PlayedCaller(said, hangs_up_s=len(said) / LINE_HZ + 0.5)


# What comes, what goes and at which rate, and what the weaker of both leaves of the wave.
PAIRS = [
    ("PCMU", "PCMU", 8000, 30),
    ("PCMA", "PCMU", 8000, 30),
    ("G722", "G722", 8000, 15),
    ("G722", "PCMA", 8000, 15),
    ("PCMU", "G722", 8000, 15),
    ("L16", "L16", 8000, 40),
    ("L16", "L16", 16000, 40),
    ("PCMU", "L16", 22050, 30),
    ("L16", "L16", 24000, 24),
    ("OPUS", "L16", 48000, 6),
    ("OPUS", "OPUS", 8000, 3),
    ("OPUS", "OPUS", 16000, 4),
    ("L16", "OPUS", 16000, 6),
    ("PCMA", "OPUS", 16000, 6),
]


@pytest.mark.parametrize(("codec", "bidirectional_codec", "sample_rate", "least_db"), PAIRS)
async def test_an_echo_comes_back_on_every_codec(
    open_world, autojump_clock, codec, bidirectional_codec, sample_rate, least_db
):
    async with open_world(media=media(codec, bidirectional_codec, sample_rate)) as world:
        report = await world.ring(talker(), background_dbfs=None)
    assert report.violations == ()
    assert report.playback.underruns == 0
    assert world.records[0]["end"]["reason"] == "caller_hung_up"
    assert world.records[0]["counters"]["inbound"]["lost"] == 0
    assert quality_db(report) > least_db
    assert 0.015 < delay_of(report.spoken, report.heard) / LINE_HZ < 0.060
    started = report.commands[0] if sample_rate == 8000 else report.commands[1]
    assert started.body["stream_codec"] == codec
    assert started.body["stream_bidirectional_codec"] == bidirectional_codec
    if sample_rate == 8000:
        assert report.actions == ("answer",)
    else:  # answer cannot declare a rate
        assert report.actions == ("answer", "streaming_start")
        assert started.body["stream_bidirectional_sampling_rate"] == sample_rate


@pytest.mark.parametrize("codec", ["PCMA", "G722", "L16", "OPUS"])
async def test_what_arrives_is_obeyed_and_what_was_declared_is_sent(
    open_world, autojump_clock, codec
):
    async with open_world() as world:
        report = await world.ring(
            talker(), faults=Faults(inbound_codec=codec), background_dbfs=None
        )
    assert report.violations == ()
    assert quality_db(report) > 6


@pytest.mark.parametrize("codec", ["G722", "L16", "OPUS"])
async def test_losses_are_concealed_at_a_wide_band_too(open_world, autojump_clock, codec):
    rate = 8000 if codec == "G722" else 16000
    async with open_world(media=media(codec, codec, rate)) as world:
        report = await world.ring(talker(), faults=Faults(media="........-"), background_dbfs=None)
    assert report.violations == ()
    assert report.playback.underruns <= 1  # while the first lost one was waited for
    inbound = world.records[0]["counters"]["inbound"]
    assert inbound["lost"] == pytest.approx(inbound["received"] / 8, abs=2)
    delay = delay_of(report.spoken, report.heard)
    spoken, heard = report.spoken[: len(report.heard) - delay], report.heard[delay:]
    loud = np.array(
        [np.std(frame) > 1000 for frame in spoken[: len(spoken) // 160 * 160].reshape(-1, 160)]
    )
    levels = np.array([np.std(f) for f in heard[: len(heard) // 160 * 160].reshape(-1, 160)])
    assert loud.sum() > 30
    assert levels[: len(loud)][loud].min() > 100  # no hole where the caller spoke


# Telnyx by hand, for what an 8 kHz line cannot show.


class Wire:
    """A media stream of one codec both ways, on a daemon that echoes."""

    def __init__(self, socket, codec, sample_rate):
        self.rate_hz = audio_rate_hz(codec, sample_rate)
        self.payloads = []
        self._socket = socket
        self._encoder = open_encoder(codec, sample_rate)
        self._decoder = open_decoder(codec, sample_rate)
        self._chunk = 0

    async def say(self, pcm):
        for frame in frames_of(pcm, self.rate_hz):
            await self.send(self._encoder.encode(frame))

    async def send(self, payload):
        self._chunk += 1
        await self._socket.send_text(media_frame(self._chunk, payload))
        await trio.sleep(0.02)

    async def listen(self):
        with suppress(MediaStreamClosed):
            while True:
                message = json.loads(await self._socket.receive())
                if message["event"] == "media":
                    self.payloads.append(base64.b64decode(message["media"]["payload"]))

    def heard(self):
        return np.concatenate([self._decoder.decode(payload) for payload in self.payloads])


@pytest.fixture
def open_wire(open_line):
    @asynccontextmanager
    async def opener(codec, sample_rate, *, announced=None, **more):
        config = media(codec, codec, sample_rate, start="answered", **more.pop("media", {}))
        async with open_line(media=config, **more) as line:
            await line.ring()
            await line.webhook("call.answered", start_time="2026-11-22T10:00:00.000000Z")
            await trio.sleep(0.1)
            url = dict(line.commands)["streaming_start"]["stream_url"]
            async with line.media(url) as socket, trio.open_nursery() as nursery:
                encoding, rate = announced or (codec, sample_rate)
                await socket.send_text(start_message(encoding=encoding, sample_rate=rate))
                wire = Wire(socket, codec, sample_rate)
                nursery.start_soon(wire.listen)
                yield line, wire
                await line.webhook("call.hangup", hangup_cause="normal_clearing")
                await trio.sleep(0.1)
                nursery.cancel_scope.cancel()

    return opener


@pytest.mark.parametrize(
    ("codec", "rate", "least_db"),
    [("G722", 8000, 20), ("L16", 16000, 99), ("L16", 24000, 30), ("OPUS", 16000, 20)],
)
async def test_a_wide_band_call_carries_what_lies_above_the_telephones_band(
    open_wire, autojump_clock, codec, rate, least_db
):
    async with open_wire(codec, rate) as (line, wire):
        said = speech(wire.rate_hz)
        await wire.say(said)
        await trio.sleep(0.2)
    heard = wire.heard()
    assert snr_db(said, heard, finer=4) > least_db
    assert band_db(heard, wire.rate_hz, 4000, 7000) == pytest.approx(
        band_db(said, wire.rate_hz, 4000, 7000), abs=1.0
    )
    assert line.records[0]["end"]["reason"] == "caller_hung_up"


class Speaker(EchoAgent):
    """Speaks a sentence in one piece, and listens."""

    async def converse(self, call, frames, line):
        await line.play(speech(24000), 24000)
        with frames:
            async for _ in frames:
                pass


async def test_opus_goes_out_one_packet_of_twenty_milliseconds_in_each_message(
    open_wire, autojump_clock
):
    more = {"media": {"message_ms": 200}, "agent": Speaker()}
    async with open_wire("OPUS", 16000, **more) as (_, wire):
        await trio.sleep(6)
    assert {opus_packet_s(payload) for payload in wire.payloads} == {0.02}
    heard = wire.heard()
    assert len(heard) == pytest.approx(len(speech(16000)), abs=320)
    assert snr_db(speech(16000), heard) > 6


async def test_other_codecs_go_out_in_messages_of_the_configured_length(open_wire, autojump_clock):
    more = {"media": {"message_ms": 200}, "agent": Speaker()}
    async with open_wire("G722", 8000, **more) as (_, wire):
        await trio.sleep(6)
    assert {len(payload) for payload in wire.payloads[:-1]} == {1600}


async def test_messages_of_any_length_are_understood(open_wire, autojump_clock):
    async with open_wire("L16", 16000) as (_, wire):
        payload = speech(16000).astype("<i2").tobytes()
        for start in range(0, len(payload), 1601):  # odd: each second one ends inside a sample
            await wire.send(payload[start : start + 1601])
            await trio.sleep(0.03)
        await trio.sleep(0.2)
    assert snr_db(speech(16000), wire.heard()) > 60


async def test_long_packets_of_opus_are_understood_and_answered_in_short_ones(
    open_wire, autojump_clock
):
    encoder = opuslib_next.Encoder(16000, 1, opuslib_next.APPLICATION_VOIP)
    said = speech(16000)
    async with open_wire("OPUS", 16000) as (_, wire):
        for start in range(0, len(said) - 960, 960):
            await wire.send(encoder.encode(said[start : start + 960].tobytes(), 960))
            await trio.sleep(0.04)
        await trio.sleep(0.2)
    assert {opus_packet_s(payload) for payload in wire.payloads} == {0.02}
    assert len(wire.heard()) == pytest.approx(len(said), abs=960)
    assert snr_db(said, wire.heard()) > 8


# The byte order of L16.


class Listener(EchoAgent):
    """Hears a second of the caller, then speaks, and keeps what it hears."""

    def __init__(self):
        self.heard = []

    async def converse(self, call, frames, line):
        with frames:
            async with trio.open_nursery() as nursery:
                async for frame in frames:
                    self.heard.append(frame.pcm)
                    if len(self.heard) == 50:
                        nursery.start_soon(line.play, speech(16000), 16000)
                nursery.cancel_scope.cancel()


@pytest.mark.parametrize("order", ["little", "big"])
@pytest.mark.parametrize("setting", ["little", "big", "auto"])
async def test_both_sides_understand_each_other_in_the_right_byte_order_only(
    open_world, autojump_clock, order, setting
):
    agent = Listener()
    config = media("L16", "L16", 16000, l16_byte_order=setting)
    async with open_world(agent=agent, media=config) as world:
        caller = PlayedCaller(speech(LINE_HZ), hangs_up_s=5.5)
        report = await world.ring(caller, faults=Faults(l16_byte_order=order))
    inbound_db = snr_db(below(speech(16000), 16000, 3300), np.concatenate(agent.heard))
    outbound_db = snr_db(
        below(speech(LINE_HZ), LINE_HZ, 3300), below(report.heard, LINE_HZ, 3300), finer=4
    )
    if setting in (order, "auto"):
        assert inbound_db > 9
        assert outbound_db > 20
    else:
        assert inbound_db < 0
        assert outbound_db < 0


# Recordings.


@pytest.fixture
def store(tmp_path):
    async def inline(function, *args):
        await trio.lowlevel.checkpoint()
        function(*args)

    return RecordStore(tmp_path, inline)


def read_stereo(tmp_path):
    (file,) = tmp_path.glob("*/audio.wav")
    data = file.read_bytes()
    _, rate_hz = read_wav(data)
    return rate_hz, np.frombuffer(data[44:], "<i2").reshape(-1, 2)


@pytest.mark.parametrize(("codec", "rate"), [("G722", 8000), ("L16", 24000), ("OPUS", 16000)])
async def test_a_wide_band_call_is_recorded_in_its_width(
    open_wire, autojump_clock, store, tmp_path, codec, rate
):
    more = {"recording": {"audio": True}, "store": store}
    async with open_wire(codec, rate, **more) as (_, wire):
        said = speech(wire.rate_hz)
        await wire.say(said)
        await trio.sleep(0.2)
    rate_hz, audio = read_stereo(tmp_path)
    assert rate_hz == wire.rate_hz
    assert len(audio) / rate_hz == pytest.approx(len(said) / wire.rate_hz + 0.2, abs=0.1)
    for side in audio.T:
        assert snr_db(said, side) > 5
        assert band_db(side, rate_hz, 4000, 7000) == pytest.approx(
            band_db(said, wire.rate_hz, 4000, 7000), abs=2.5
        )


@pytest.mark.parametrize(
    ("codec", "other", "rate"), [("PCMU", "L16", 16000), ("G722", "PCMA", 8000)]
)
async def test_the_narrower_side_of_a_recording_is_brought_to_the_wider(
    open_world, autojump_clock, store, tmp_path, codec, other, rate
):
    async with open_world(
        media=media(codec, other, rate), recording={"audio": True}, store=store
    ) as world:
        report = await world.ring(talker(), background_dbfs=None)
        await trio.sleep(1)
    rate_hz, audio = read_stereo(tmp_path)
    assert rate_hz == 16000
    assert len(audio) / rate_hz == pytest.approx(report.ended_s - report.streaming_s, abs=0.05)
    spoken = resample(below(report.spoken, LINE_HZ, 3300), 2 * len(report.spoken))
    for side in audio.T:
        assert snr_db(spoken, below(side, 16000, 3300), finer=2) > 10
    lag_s = delay_of(audio[:, 0], audio[:, 1]) / rate_hz
    assert abs(lag_s) < 0.02


# Refusals.


async def test_amr_wb_that_arrives_ends_the_call_with_the_codecs_name(open_line, autojump_clock):
    async with open_line() as line:
        await line.ring()
        async with line.media() as socket:
            await socket.send_text(start_message(encoding="AMR-WB", sample_rate=16000))
            await trio.sleep(30)
    (record,) = line.records
    assert record["end"]["reason"] == "protocol_error"
    assert record["end"]["evidence"].startswith("codec 'AMR-WB' at 16000 Hz is not supported (use ")
    assert line.actions() == ["answer", "speak", "hangup"]


async def test_a_codec_that_arrives_unasked_without_its_library_ends_the_call_with_the_remedy(
    open_line, autojump_clock, monkeypatch
):
    monkeypatch.setitem(sys.modules, "G722", None)
    async with open_line() as line:
        await line.ring()
        async with line.media() as socket:
            await socket.send_text(start_message(encoding="G722"))
            await trio.sleep(30)
    (record,) = line.records
    assert record["end"]["evidence"] == (
        "codec G722: the package G722 is not installed (pip install 'voiced[codecs]')"
    )


async def test_what_is_no_opus_packet_ends_the_call_and_no_other(open_wire, autojump_clock):
    async with open_wire("OPUS", 16000) as (line, wire):
        await wire.say(speech(16000)[:3200])
        await wire.send(b"\xff\xff\xff")
        await trio.sleep(30)
    assert line.records[0]["end"] == {
        "reason": "protocol_error",
        "evidence": "media: a payload of 3 bytes is no Opus packet (-4)",
    }


def test_byte_orders_of_two_calls_are_their_own():
    one, other = ByteOrder("auto"), ByteOrder("auto")
    one.listen(speech(16000)[8000:24000].astype(">i2").tobytes(), 16000)
    assert one.dtype != other.dtype
