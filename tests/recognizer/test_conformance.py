import numpy as np
import pytest
import trio

from tests.recognizer.remote import (
    KEY,
    LINES,
    STREAMING,
    level_network,
    open_remote,
    sample,
    spoken,
)
from voiced.recognizer.embedded import EmbeddedRecognizer, EmbeddedSettings
from voiced.recognizer.inline import InlineDecoder
from voiced.testing.fake_provider import CloseWith, Drop, FakeServer, Refuse, serve_fake
from voiced.testing.recognizer_kit import (
    RECOGNIZER_PROMISES,
    Sample,
    hears_the_words,
    serves_calls_side_by_side,
    tells_each_utterance_once_and_in_order,
    tells_times_that_make_sense,
)


@pytest.mark.parametrize("kind", STREAMING)
@pytest.mark.parametrize("promise", RECOGNIZER_PROMISES, ids=lambda promise: promise.__name__)
async def test_recognizers_far_away_behave(kind, promise, autojump_clock):
    async with open_remote(kind, lines=("hello there", "goodbye now") * 2) as (recognizer, _, _):
        await promise(recognizer, sample())


EMBEDDED_TEXTS = ("hello", "no thank you")


@pytest.mark.slow
@pytest.mark.parametrize("promise", RECOGNIZER_PROMISES, ids=lambda promise: promise.__name__)
async def test_the_one_in_the_box_behaves(promise, say, vocabulary, network, autojump_clock):
    recognizer = EmbeddedRecognizer(EmbeddedSettings(), InlineDecoder(latency_s=0.1), network)
    pieces = [spoken(-0.5), say("hello"), spoken(-1.2), say("no thank you"), spoken(-1.2)]
    speech = Sample(pcm=np.concatenate(pieces), texts=EMBEDDED_TEXTS, vocabulary=vocabulary)
    await promise(recognizer, speech)


OVER_SOCKETS = (
    tells_each_utterance_once_and_in_order,
    hears_the_words,
    tells_times_that_make_sense,
    serves_calls_side_by_side,
)


@pytest.mark.socket
@pytest.mark.slow
async def test_over_real_sockets_they_behave_too_and_lose_no_word():
    speech = Sample(pcm=spoken(-0.2, 0.5, -0.7, 0.5, -0.7), texts=LINES)

    async def try_one(kind, promises, faults):
        server = FakeServer(kind.fake(LINES * 2), faults)
        async with serve_fake(server) as host:
            settings = kind.settings(
                api_key=KEY, url=kind.url(host), silence_ms=400, pause_ms=200, endpointing_ms=200
            )
            async with (
                kind.provider.open(settings, network=level_network) as recognizer,
                trio.open_nursery() as nursery,
            ):
                for promise in promises:
                    nursery.start_soon(promise, recognizer, speech)
        assert len(server.requests) >= len(faults)

    trouble = [Refuse(), Drop(at_s=0.5), CloseWith(code=1011, at_s=0.7)]
    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            for kind in STREAMING:
                nursery.start_soon(try_one, kind, OVER_SOCKETS, [])
                nursery.start_soon(try_one, kind, [hears_the_words], trouble)
