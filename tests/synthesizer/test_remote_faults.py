"""When a remote voice fails, on the virtual clock: nothing twice, nothing mixed, nothing long."""

from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
import trio

from voiced.errors import SynthesizerFailed
from voiced.synthesizer.base import speak
from voiced.synthesizer.cartesia import CartesiaSettings, CartesiaSynthesizer
from voiced.synthesizer.deepgram import DeepgramSettings, DeepgramSynthesizer
from voiced.synthesizer.elevenlabs import ElevenLabsSettings, ElevenLabsSynthesizer
from voiced.synthesizer.openai import OpenAISettings, OpenAISynthesizer
from voiced.synthesizer.telnyx import TelnyxSettings, TelnyxSynthesizer
from voiced.testing.fake_provider import (
    Answer,
    CloseWith,
    Drop,
    FakeServer,
    Garbage,
    HalfOpen,
    Refuse,
    Stall,
    open_memory_wire,
)
from voiced.testing.fake_provider.faults import FaultPlan
from voiced.testing.fake_voices import (
    FakeAura,
    FakeCartesia,
    FakeElevenLabs,
    FakeOpenAISpeech,
    FakeTelnyxVoice,
    Pace,
)
from voiced.testing.synthesizer_kit import LONG, SHORT, TEXT, Listener, hear

KEY = {"api_key": "any"}
PROVIDERS: dict[str, tuple[Any, Any, Any]] = {
    "elevenlabs": (
        ElevenLabsSynthesizer,
        ElevenLabsSettings(url="ws://far", **KEY),
        FakeElevenLabs,
    ),
    "cartesia": (CartesiaSynthesizer, CartesiaSettings(url="ws://far", **KEY), FakeCartesia),
    "deepgram": (DeepgramSynthesizer, DeepgramSettings(url="ws://far", **KEY), FakeAura),
    "telnyx": (TelnyxSynthesizer, TelnyxSettings(url="ws://far/v2", **KEY), FakeTelnyxVoice),
    "openai": (OpenAISynthesizer, OpenAISettings(base_url="http://far", **KEY), FakeOpenAISpeech),
}
SOCKETS = [name for name in PROVIDERS if name != "openai"]
TIMED = ["elevenlabs", "cartesia"]


class World:
    """A voice, its fake and the fake's server."""

    def __init__(self, voice, fake, server):
        self.voice, self.fake, self.server = voice, fake, server

    async def hear(self, text):
        return await hear(self.voice, text)

    async def fails(self, text=TEXT):
        with pytest.raises(SynthesizerFailed) as failed:
            await hear(self.voice, text)
        return failed.value


@asynccontextmanager
async def world(name, *faults, pace=None, **fake_settings):
    synthesizer, settings, make = PROVIDERS[name]
    fake = make(pace or Pace(), **fake_settings)
    server = FakeServer(fake, faults)
    async with (
        open_memory_wire(server, connect_s=0.05) as wire,
        synthesizer.open(settings, wire=wire) as voice,
    ):
        yield World(voice, fake, server)


async def length_of(name, text):
    async with world(name) as w:
        return len((await w.hear(text)).pcm) / w.voice.rate_hz


@pytest.fixture(params=PROVIDERS)
def name(request):
    return request.param


@pytest.fixture(params=SOCKETS)
def by_socket(request):
    return request.param


# -- before anything was given --------------------------------------------------------------------

BEFORE = [Refuse(), Answer(status=503), Drop(), CloseWith(code=1011), HalfOpen(), Stall()]


@pytest.mark.parametrize("fault", BEFORE, ids=lambda fault: type(fault).__name__)
async def test_a_text_of_which_nothing_has_come_is_asked_for_once_more(autojump_clock, name, fault):
    async with world(name, fault) as w:
        heard = await w.hear(SHORT)
        assert len(heard.pcm) / w.voice.rate_hz == pytest.approx(await length_of(name, SHORT))
        assert trio.current_time() < 8


@pytest.mark.parametrize("fault", BEFORE, ids=lambda fault: type(fault).__name__)
async def test_a_text_that_fails_twice_has_failed_and_the_next_one_is_spoken(
    autojump_clock, name, fault
):
    async with world(name, *[fault] * 6) as w:
        error = await w.fails()
        assert error.retryable
        assert trio.current_time() < 12
        w.server.plan = FaultPlan()
        assert len((await w.hear(SHORT)).pcm)


@pytest.mark.parametrize(("status", "kind"), [(401, "unauthorized"), (400, "bad_request")])
async def test_what_does_not_pass_by_trying_again_is_not_tried_again(
    autojump_clock, name, status, kind
):
    async with world(name, Answer(status=status)) as w:
        error = await w.fails()
        assert (error.kind, error.retryable, error.code) == (kind, False, status)
        assert len(w.server.requests) == 1


async def test_a_rate_limit_is_obeyed_and_not_tried_at_once(autojump_clock, name):
    async with world(name, Answer(status=429, retry_after="7")) as w:
        assert (await w.fails()).kind == "rate_limited"
        assert (await w.fails()).kind == "rate_limited"
        assert len(w.server.requests) == 1
        await trio.sleep(7)
        assert len((await w.hear(SHORT)).pcm)


async def test_no_sound_in_time_is_too_slow(autojump_clock, name):
    async with world(name, pace=Pace(first_s=60)) as w:
        error = await w.fails()
        assert error.kind == "too_slow"
        assert "no audio within" in str(error)


# -- in the middle --------------------------------------------------------------------------------

MIDDLE = [Drop(after=12), Stall(after=12), HalfOpen(after=12), CloseWith(after=12)]


@pytest.mark.parametrize("fault", MIDDLE, ids=lambda fault: type(fault).__name__)
async def test_a_text_that_breaks_off_goes_on_where_it_broke_off(autojump_clock, name, fault):
    async with world(name, fault) as w:
        await w.hear(TEXT)
        first, rest = w.fake.said
        assert first == TEXT
        assert TEXT.endswith(rest)
        assert 0 < len(rest.split()) < len(TEXT.split())
        assert trio.current_time() < 12


@pytest.mark.parametrize("provider", TIMED)
async def test_with_the_times_of_words_none_is_lost_and_one_at_most_is_said_twice(
    provider, autojump_clock
):
    async with world(provider, Drop(after=12)) as w:
        heard = await w.hear(TEXT)
        told = [word.text for word in heard.words]
        ends = [word.end_s for word in heard.words]
    _, rest = w.fake.said
    begun = len(told) - len(rest.split())  # told of the first part
    assert TEXT.split()[:begun] == told[:begun]
    assert told[begun:] == rest.split()
    assert 0 <= begun - (len(TEXT.split()) - len(rest.split())) <= 1
    assert ends == sorted(ends)
    assert ends[-1] <= len(heard.pcm) / w.voice.rate_hz


async def test_a_text_that_breaks_off_twice_has_failed(autojump_clock, name):
    async with world(name, Drop(after=12), Drop(after=4)) as w:
        error = await w.fails()
        assert error.kind == "closed"
        assert len(w.fake.said) == 2


async def test_a_message_that_makes_no_sense_is_a_failure_like_others(autojump_clock, by_socket):
    async with world(by_socket, Garbage(after=5)) as w:
        await w.hear(TEXT)
        assert len(w.fake.said) == 2


# -- barge-in -------------------------------------------------------------------------------------


def assert_same(pcm, expected):
    """The same audio, but for its level: that of a voice is learnt."""
    assert len(pcm) == len(expected)
    assert np.corrcoef(pcm, expected)[0, 1] > 0.999


async def cut(w, text, hears):
    listener = Listener(hears=hears)
    with listener.scope:
        await speak(w.voice, text, listener)
    return listener


@pytest.mark.parametrize("hears", [1, 3])
async def test_nothing_of_a_cancelled_text_is_in_the_next_one(autojump_clock, name, hears):
    async with world(name) as w:
        expected = (await w.hear(SHORT)).pcm
        await cut(w, LONG, hears)
        assert_same((await w.hear(SHORT)).pcm, expected)


async def test_cancelling_stops_the_provider(autojump_clock, by_socket):
    async with world(by_socket) as w:
        await cut(w, LONG, 2)
        await trio.sleep(0.1)
        assert len(w.fake.stopped) == 1


async def test_cancelling_takes_no_time_though_the_far_end_is_gone(autojump_clock, by_socket):
    async with world(by_socket, HalfOpen(after=8)) as w:
        listener = Listener()
        with trio.move_on_after(1.0):
            await speak(w.voice, LONG, listener)
        assert trio.current_time() == pytest.approx(1.0)


async def test_many_interruptions_in_a_row_do_not_break_the_next_text(autojump_clock, name):
    async with world(name) as w:
        expected = (await w.hear(SHORT)).pcm
        for _ in range(12):
            await cut(w, LONG, 1)
        assert_same((await w.hear(SHORT)).pcm, expected)


# -- connections ----------------------------------------------------------------------------------


async def test_texts_one_after_the_other_use_one_connection(autojump_clock, name):
    async with world(name) as w:
        for _ in range(4):
            await w.hear(SHORT)
        assert w.server.n_connections == 1


async def test_texts_at_the_same_time_have_connections_of_their_own(autojump_clock, by_socket):
    async with world(by_socket) as w:
        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(w.hear, SHORT)
        assert w.server.n_connections == 3


async def test_a_call_that_rings_saves_its_first_sentence_the_way_there(autojump_clock, name):
    async with world(name) as w:
        w.voice.anticipate()
        await trio.sleep(1)
        assert w.server.n_connections == 1
        began_at = trio.current_time()
        listener = Listener(hears=1)
        with listener.scope:
            await speak(w.voice, SHORT, listener)
        # 0.15 s to the first message, which is silence; 0.2 s of that are in front of the words.
        assert trio.current_time() - began_at < 0.25
        assert w.server.n_connections == 1


async def test_a_sentence_waits_for_the_connection_that_is_being_opened(autojump_clock, by_socket):
    async with world(by_socket) as w:
        w.voice.anticipate()
        await trio.sleep(0.01)
        assert len((await w.hear(SHORT)).pcm)
        assert w.server.n_connections == 1


async def test_where_that_one_cannot_be_opened_another_is(autojump_clock, by_socket):
    async with world(by_socket, Refuse()) as w:
        w.voice.anticipate()
        await trio.sleep(0.01)
        assert len((await w.hear(SHORT)).pcm)
        assert w.server.n_connections == 2


async def test_calls_that_ring_together_have_a_connection_each_but_not_too_many(
    autojump_clock, by_socket
):
    async with world(by_socket) as w:
        for _ in range(3):
            w.voice.anticipate()
        await trio.sleep(1)
        assert w.server.n_connections == 3
        for _ in range(50):
            w.voice.anticipate()
        await trio.sleep(1)
        assert w.server.n_connections == 3


async def test_getting_ready_in_vain_is_no_error(autojump_clock, name):
    async with world(name, Refuse()) as w:
        w.voice.anticipate()
        await trio.sleep(1)
        assert len((await w.hear(SHORT)).pcm)


async def test_a_connection_that_died_idle_costs_the_next_text_nothing(autojump_clock, by_socket):
    async with world(by_socket, CloseWith(code=1000, at_s=30)) as w:
        await w.hear(SHORT)
        await trio.sleep(40)
        assert len((await w.hear(SHORT)).pcm)
        assert w.server.n_connections == 2
        assert len(w.fake.said) == 2


async def test_idle_connections_are_few(autojump_clock, by_socket):
    async with world(by_socket) as w:
        async with trio.open_nursery() as nursery:
            for _ in range(12):
                nursery.start_soon(w.hear, SHORT)
        await trio.sleep(1)
        assert w.server.n_connections == 12
        for _ in range(4):
            await w.hear(SHORT)
        assert w.server.n_connections == 12


# -- of one provider each -------------------------------------------------------------------------


async def test_cartesia_concurrency_limit_is_waited_for_a_moment(autojump_clock):
    async with world("cartesia", most_contexts=1) as w:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(w.hear, "Yes.")
            await trio.sleep(0.1)
            assert len((await w.hear("No.")).pcm)
        assert w.fake.said == ["Yes.", "No."]
    async with world("cartesia", most_contexts=0) as w:
        assert (await w.fails()).kind == "rate_limited"


async def test_deepgram_limit_of_flushes_is_not_reached(autojump_clock):
    async with world("deepgram", pace=Pace(first_s=0.01, each_s=0.001)) as w:
        for _ in range(50):
            await w.hear(SHORT)
        assert len(w.fake.said) == 50
        assert w.server.n_connections == 3


async def test_elevenlabs_wrong_key_is_told_by_a_message(autojump_clock):
    async with world("elevenlabs", key="another") as w:
        error = await w.fails()
        assert error.kind == "unauthorized"
        assert "Invalid API key" in str(error)


async def test_telnyx_voices_that_do_not_stream_are_spoken_too(autojump_clock):
    async with world("telnyx", streams=False) as w:
        heard = await w.hear(TEXT)
    assert len(heard.pcm) / w.voice.rate_hz == pytest.approx(await length_of("telnyx", TEXT))


async def test_telnyx_is_told_the_settings_of_the_voice_first(autojump_clock):
    async with world("telnyx") as w:
        await w.hear(SHORT)
        assert w.fake.hellos == [{"text": " "}]


async def test_a_text_too_long_for_one_piece_is_refused(autojump_clock, name):
    async with world(name) as w:
        assert (await w.fails("a" * 1001)).kind == "bad_request"
        assert w.server.requests == []
