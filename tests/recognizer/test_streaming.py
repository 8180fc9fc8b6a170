"""Recognizers over a socket when all goes wrong that can, on the virtual clock."""

from dataclasses import replace

import numpy as np
import pytest
import trio
import trio.testing

from tests.recognizer.remote import (
    LINES,
    STREAMING,
    AssemblyAi,
    Deepgram,
    Telnyx,
    only,
    open_remote,
    sample,
    spoken,
)
from voiced.audio.g711 import decode_ulaw
from voiced.errors import ConfigError, RecognizerFailed
from voiced.recognizer.base import (
    NO_VOCABULARY,
    Final,
    Partial,
    SpeechResumed,
    SpeechStarted,
    Vocabulary,
)
from voiced.recognizer.streaming import AudioFormat
from voiced.testing.fake_provider import (
    Answer,
    CloseWith,
    Drop,
    Garbage,
    HalfOpen,
    Late,
    Refuse,
    Stall,
)
from voiced.testing.recognizer_kit import Sample, hear, hears_the_words

ONE = Sample(pcm=spoken(-0.5, 0.6, -9.0), texts=LINES[:1])


def finals(heard):
    return [(one.event.text, round(one.at, 1)) for one in heard if isinstance(one.event, Final)]


@pytest.mark.parametrize("kind", STREAMING)
@pytest.mark.parametrize(
    ("faults", "told_by_s", "n_sockets"),
    [
        ([None], 1.8, 1),
        ([Drop(at_s=0.8)], 1.8, 2),  # in the middle of a word
        ([CloseWith(code=1011, at_s=1.2)], 1.8, 2),
        ([Refuse(), Refuse()], 1.8, 3),
        ([Answer(status=503), None], 1.8, 2),
        ([Answer(status=429, retry_after="1")], 1.8, 2),
        ([Garbage(at_s=0.9)], 1.8, 2),
        ([Drop(at_s=0.8), Drop(at_s=0.1), Refuse()], 2.0, 4),
        ([HalfOpen(at_s=0.7)], 7.5, 2),
    ],
)
async def test_no_word_is_lost_when_the_connection_is(
    kind, faults, told_by_s, n_sockets, autojump_clock
):
    async with open_remote(kind, *faults, lines=LINES[:1]) as (recognizer, server, _):
        heard = await hear(recognizer, ONE)
    ((text, at),) = finals(heard)
    assert (text, at <= told_by_s) == (LINES[0], True), f"told at {at}"
    assert len(server.requests) == n_sockets
    assert sum(isinstance(one.event, SpeechStarted) for one in heard) == 1


@pytest.mark.parametrize("kind", STREAMING)
@pytest.mark.parametrize("fault", [HalfOpen(at_s=0.7), Drop(at_s=2.4)])
async def test_no_word_is_lost_though_the_caller_speaks_twice_meanwhile(
    kind, fault, autojump_clock
):
    twice = Sample(pcm=spoken(-0.5, 0.6, -0.9, 0.6, -9.0), texts=LINES)
    async with open_remote(kind, fault) as (recognizer, server, _):
        heard = await hear(recognizer, twice)
    assert [text for text, _ in finals(heard)] == list(LINES)
    assert len(server.requests) == 2


@pytest.mark.parametrize("kind", STREAMING)
@pytest.mark.parametrize(
    ("faults", "trouble", "by_s", "n_sockets"),
    [
        ([Answer(status=401)], "unauthorized", 0.1, 1),
        ([Answer(status=400)], "bad_request", 0.1, 1),
        ([Answer(status=429, retry_after="60")], "rate_limited", 0.1, 1),
        ([Answer(status=503)] * 50, "overloaded", 4.1, 8),
        ([Refuse()] * 50, "refused", 4.1, 8),
        ([Garbage(at_s=0.1)] * 50, "garbage", 4.9, 8),
    ],
)
async def test_a_provider_that_is_of_no_use_is_given_up(
    kind, faults, trouble, by_s, n_sockets, autojump_clock
):
    async with open_remote(kind, *faults) as (recognizer, server, _):
        with pytest.RaisesGroup(RecognizerFailed) as info:
            await hear(recognizer, ONE)
    failed = only(info.value)
    assert (failed.kind, failed.provider) == (trouble, kind.name)
    assert trio.current_time() <= by_s
    assert abs(len(server.requests) - n_sockets) <= 2


async def test_a_provider_that_stops_talking_is_too_slow(autojump_clock):
    async with open_remote(Deepgram, Stall(), Stall()) as (recognizer, _, _):
        with pytest.RaisesGroup(RecognizerFailed) as info:
            await hear(recognizer, ONE)
    failed = only(info.value)
    assert (failed.kind, str(failed)) == ("too_slow", "deepgram: no words within 3 s")
    # The utterance ends at 1.7; each of two connections has three seconds for its words.
    assert trio.current_time() == pytest.approx(7.7, abs=0.1)


@pytest.mark.parametrize("kind", STREAMING)
async def test_words_that_come_late_are_waited_for(kind, autojump_clock):
    async with open_remote(kind, Late(by_s=0.5), lines=LINES[:1]) as (recognizer, _, _):
        ((text, _),) = finals(await hear(recognizer, ONE))
    assert text == LINES[0]


async def test_words_are_told_while_the_caller_speaks_and_when_he_pauses(autojump_clock):
    speech = Sample(pcm=spoken(-0.5, 0.9, -0.4, 0.9, -1.5), texts=("",))
    async with open_remote(Deepgram, lines=["one two three four five six"], endpointing_ms=900) as (
        recognizer,
        *_,
    ):
        heard = await hear(recognizer, speech)
    partials = [one.event for one in heard if isinstance(one.event, Partial)]
    assert partials[0].text in ("one", "one two")
    assert partials[0].last_voice_at is None
    assert any(partial.last_voice_at == pytest.approx(1.4, abs=0.05) for partial in partials)
    assert any(isinstance(one.event, SpeechResumed) for one in heard)
    assert finals(heard)[0][0] == "one two three four five six"


@pytest.mark.parametrize("kind", STREAMING)
async def test_a_cough_is_an_utterance_without_words(kind, autojump_clock):
    cough = Sample(pcm=spoken(-0.5, 0.15, -3.0), texts=("",))
    async with open_remote(kind, lines=[]) as (recognizer, server, _):
        assert finals(await hear(recognizer, cough)) == [("", pytest.approx(1.9, abs=0.6))]
    assert len(server.requests) == 1


@pytest.mark.parametrize("kind", STREAMING)
async def test_a_voice_that_our_detector_misses_is_heard_all_the_same(kind, autojump_clock):
    quiet = Sample(pcm=(spoken(-0.5, 0.6, -2.0) * 0.1).astype(np.int16), texts=LINES[:1])
    async with open_remote(kind, lines=LINES[:1]) as (recognizer, _, _):
        heard = await hear(recognizer, quiet)
    assert [type(one.event).__name__ for one in heard] == ["SpeechStarted", "SpeechEnded", "Final"]
    assert finals(heard)[0][0] == LINES[0]


@pytest.mark.parametrize("kind", STREAMING)
async def test_a_socket_is_open_before_the_call_is_answered(kind, autojump_clock):
    async with open_remote(kind) as (recognizer, server, _):
        recognizer.anticipate_words(NO_VOCABULARY)
        await trio.sleep(12)
        assert len(server.requests) == 1
        assert [text for text, _ in finals(await hear(recognizer, sample()))] == list(LINES)
        assert len(server.requests) == 1


NAMES = {Deepgram: "keyterm", AssemblyAi: "keyterms_prompt", Telnyx: "keyterm"}


@pytest.mark.parametrize("kind", STREAMING)
async def test_a_socket_is_opened_with_what_the_calls_agent_expects(kind, autojump_clock):
    pizza, doctor = Vocabulary(terms=("calzone",)), Vocabulary(terms=("paracetamol",))
    async with open_remote(kind, lines=LINES * 2) as (recognizer, server, _):
        recognizer.anticipate_words(doctor)
        recognizer.anticipate_words(pizza)
        await trio.sleep(1)
        for vocabulary in (pizza, NO_VOCABULARY):
            speech = replace(sample(), vocabulary=vocabulary)
            assert [text for text, _ in finals(await hear(recognizer, speech))] == list(LINES)
    asked = [request.query.get(NAMES[kind], "") for request in server.requests]
    assert asked[2:] == [""]  # the one for pizza was used, the other one was not
    assert all(word in "".join(asked[:2]) for word in ("paracetamol", "calzone"))


async def test_a_call_that_does_not_come_keeps_no_socket(autojump_clock):
    async with open_remote(Deepgram) as (recognizer, server, fake):
        recognizer.anticipate_words(NO_VOCABULARY)
        await trio.sleep(40)
        assert fake.n_open == 0
        await hear(recognizer, sample())
        assert len(server.requests) == 2


@pytest.mark.parametrize("later_s", [2, 10])  # before and after it was asked for a sign of life
async def test_a_spare_socket_that_has_died_is_replaced_at_once(later_s, autojump_clock):
    async with open_remote(Deepgram, Drop(at_s=1)) as (recognizer, server, _):
        recognizer.anticipate_words(NO_VOCABULARY)
        await trio.sleep(later_s)
        assert [text for text, _ in finals(await hear(recognizer, sample()))] == list(LINES)
        assert len(server.requests) == 2


@pytest.mark.parametrize("kind", STREAMING)
async def test_a_line_without_audio_is_kept(kind, autojump_clock):
    async with open_remote(kind) as (recognizer, server, _):
        frames_in, frames = trio.open_memory_channel(25)
        events_in, events = trio.open_memory_channel(8)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(recognizer.recognize, frames, events_in, NO_VOCABULARY)
            await trio.sleep(60)
            assert len(server.requests) == 1
            frames_in.close()
        events.close()


async def test_the_provider_is_told_that_there_is_no_more(autojump_clock):
    async with open_remote(Deepgram) as (recognizer, _, fake):
        await hear(recognizer, sample())
        await trio.testing.wait_all_tasks_blocked()
        assert fake.controls[-1] == "CloseStream"


def test_what_the_telephone_brings_is_sent_to_the_last_bit():
    codes = bytes(code for code in range(256) if code != 0x7F)  # the other zero of mu-law
    assert AudioFormat().encode(decode_ulaw(codes)) == codes
    linear = AudioFormat(encoding="linear16", rate_hz=16000)
    assert linear.encode(np.array([1, -2], np.int16)) == b"\x01\x00\xfe\xff"
    assert (AudioFormat().bytes_per_s, linear.bytes_per_s) == (8000, 32000)


@pytest.mark.parametrize("kind", STREAMING)
async def test_wide_band_audio_is_recognized_too(kind, autojump_clock):
    async with open_remote(kind, encoding="linear16", sample_rate=16000) as (recognizer, server, _):
        assert recognizer.rate_hz == 16000
        assert [text for text, _ in finals(await hear(recognizer, sample()))] == list(LINES)
    assert server.requests[0].query["sample_rate"] == "16000"


@pytest.mark.parametrize("kind", STREAMING)
def test_a_missing_key_is_told_before_anything_is_opened(kind, monkeypatch):
    monkeypatch.delenv(kind.variable, raising=False)
    with pytest.raises(ConfigError, match=f"set the environment variable {kind.variable}"):
        kind.provider.check(kind.settings())


@pytest.mark.parametrize("kind", STREAMING)
async def test_a_wrong_key_is_told_as_such_and_not_tried_again(kind, autojump_clock):
    async with open_remote(kind) as (recognizer, server, fake):
        fake.key = "another"
        with pytest.RaisesGroup(RecognizerFailed) as info:
            await hear(recognizer, ONE)
    assert only(info.value).kind == "unauthorized"
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        (AssemblyAi, {"format_turns": True}),
        (Telnyx, {"engine": "Google"}),
        (Telnyx, {"engine": "Telnyx", "encoding": "linear16"}),
    ],
)
async def test_other_ways_of_being_told_words_do_as_well(kind, settings, autojump_clock):
    async with open_remote(kind, **settings) as (recognizer, _, _):
        await hears_the_words(recognizer, sample())
