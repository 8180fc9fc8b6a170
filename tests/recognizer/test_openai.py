from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
import trio
from pydantic import SecretStr

from tests.recognizer.remote import LINES, level_network, only, sample, spoken
from voiced.errors import ConfigError, RecognizerFailed
from voiced.recognizer.base import Final, Vocabulary
from voiced.recognizer.openai import OpenAiRecognizer
from voiced.recognizer.openai_wire import OpenAiSettings
from voiced.testing import recognizer_kit
from voiced.testing.fake_ears.openai import FakeTranscription
from voiced.testing.fake_provider import (
    Answer,
    Drop,
    FakeServer,
    Garbage,
    Late,
    Refuse,
    Stall,
    open_memory_wire,
    serve_fake,
)
from voiced.testing.recognizer_kit import RECOGNIZER_PROMISES, Sample, hear, hears_the_words

URL = "http://whisper.test/v1"


@asynccontextmanager
async def open_whisper(*faults, lines=LINES, **settings):
    fake = FakeTranscription(lines, key="k")
    server = FakeServer(fake, faults)
    given = {"base_url": URL, "api_key": SecretStr("k"), "pause_ms": 0, **settings}
    async with (
        open_memory_wire(server) as wire,
        OpenAiRecognizer.open(
            OpenAiSettings(**given), wire=wire, network=level_network
        ) as recognizer,
    ):
        yield recognizer, server, fake


def finals(heard):
    return [one.event.text for one in heard if isinstance(one.event, Final)]


@pytest.mark.parametrize("promise", RECOGNIZER_PROMISES, ids=lambda promise: promise.__name__)
async def test_it_keeps_its_promises(promise, autojump_clock):
    async with open_whisper(lines=LINES * 2) as (recognizer, _, _):
        await promise(recognizer, sample())


async def test_what_the_agent_expects_goes_along_with_each_utterance(autojump_clock):
    expecting = replace(sample(), vocabulary=Vocabulary(terms=("yes", "calzone")))
    async with open_whisper() as (recognizer, _, fake):
        assert finals(await hear(recognizer, expecting)) == list(LINES)
    assert [form["keywords[]"] for form in fake.forms] == [["calzone"]] * 2


async def test_the_words_before_a_pause_are_there_when_the_turn_is_over(autojump_clock):
    async with open_whisper(pause_ms=320) as (recognizer, _, fake):
        heard = await hear(recognizer, sample())
    assert finals(heard) == list(LINES)
    assert len(fake.durations_s) == 2  # what was decoded at the pause is the final
    assert fake.durations_s[0] == pytest.approx(0.4 + 0.6 + 0.35, abs=0.1)


@pytest.mark.parametrize(
    "fault", [Refuse(), Answer(status=503), Drop(), Drop(after=1), Garbage(text="{"), Late(by_s=1)]
)
async def test_trouble_that_passes_costs_no_utterance(fault, autojump_clock):
    async with open_whisper(fault) as (recognizer, server, _):
        assert finals(await hear(recognizer, sample())) == list(LINES)
    assert len(server.requests) <= 4


async def test_an_utterance_that_cannot_be_transcribed_has_no_words(autojump_clock):
    async with open_whisper(Stall(), decode_timeout_s=1, lines=LINES[1:]) as (recognizer, *_):
        assert finals(await hear(recognizer, sample())) == ["", LINES[1]]


@pytest.mark.parametrize(
    ("faults", "kind"),
    [
        ([Answer(status=503)] * 20, "overloaded"),
        ([Stall()] * 20, "too_slow"),
        ([Answer(status=401)] * 20, "unauthorized"),
        ([Answer(status=429, retry_after="60")], "rate_limited"),
    ],
)
async def test_a_server_that_is_of_no_use_is_given_up(faults, kind, autojump_clock):
    speech = Sample(pcm=spoken(-0.3, *[0.4, -0.8] * 3, -4), texts=("",) * 3)
    async with open_whisper(*faults, decode_timeout_s=1) as (recognizer, *_):
        with pytest.RaisesGroup(RecognizerFailed) as info:
            await hear(recognizer, speech)
    assert only(info.value).kind == kind


async def test_a_call_that_rings_has_its_connection_opened(autojump_clock):
    async with open_whisper() as (recognizer, server, _):
        recognizer.anticipate()
        await trio.sleep(1)
        assert server.n_connections == 1
        await hear(recognizer, sample())
        assert server.n_connections == 1


async def test_openais_own_key_goes_to_openai_only(monkeypatch, autojump_clock):
    monkeypatch.setenv("OPENAI_API_KEY", "the-real-one")
    async with open_whisper(api_key=SecretStr("")) as (recognizer, server, _):
        with pytest.RaisesGroup(RecognizerFailed):
            await hear(recognizer, Sample(pcm=spoken(-0.3, *[0.4, -0.8] * 3), texts=("",) * 3))
    assert "authorization" not in server.requests[0].headers
    monkeypatch.delenv("OPENAI_API_KEY")
    OpenAiRecognizer.check(OpenAiSettings(base_url=URL))
    with pytest.raises(ConfigError, match="set the environment variable OPENAI_API_KEY"):
        OpenAiRecognizer.check(OpenAiSettings())


@pytest.mark.socket
@pytest.mark.slow
async def test_over_real_sockets_it_behaves_too_and_loses_no_word(monkeypatch):
    # How fast it is is for the virtual clock to tell.
    monkeypatch.setattr(recognizer_kit, "ONSET_S", 5.0)
    monkeypatch.setattr(recognizer_kit, "GONE_S", 5.0)
    speech = Sample(pcm=spoken(-0.2, 0.5, -0.7, 0.5, -0.7), texts=LINES)

    async def keep(promise, *faults):
        server = FakeServer(FakeTranscription(LINES * 2, latency_s=0), faults)
        async with serve_fake(server) as host:
            settings = OpenAiSettings(base_url=f"http://{host}/v1", silence_ms=400, pause_ms=0)
            async with OpenAiRecognizer.open(settings, network=level_network) as recognizer:
                await promise(recognizer, speech)

    with trio.fail_after(90):
        async with trio.open_nursery() as nursery:
            for promise in RECOGNIZER_PROMISES:
                nursery.start_soon(keep, promise)
            for fault in (Refuse(), Answer(status=503), Drop(), Drop(after=1), Garbage(text="{")):
                nursery.start_soon(keep, hears_the_words, fault)
