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
from voiced.testing import recognizer_kit
from voiced.testing.fake_provider import (
    Answer,
    CloseWith,
    Drop,
    FakeServer,
    Garbage,
    HalfOpen,
    Refuse,
    serve_fake,
)
from voiced.testing.recognizer_kit import RECOGNIZER_PROMISES, Sample, hears_the_words


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


# The end of an utterance is told 0.4 s after it, and asks for what was said until then: a process
# that is held up must not have begun the next one meanwhile.
SPEECH = Sample(pcm=spoken(-0.2, 0.5, -1.5, 0.5, -0.7), texts=LINES)
ONE = Sample(pcm=spoken(-0.2, 0.5, -5.0), texts=LINES[:1])
TROUBLE = [
    (Refuse(), SPEECH),
    (Drop(at_s=0.5), SPEECH),
    (CloseWith(code=1011, at_s=0.7), SPEECH),
    (Garbage(at_s=0.6), SPEECH),
    (Answer(status=503), SPEECH),
    (Answer(status=429, retry_after="1"), ONE),
    (HalfOpen(at_s=0.4), ONE),
]


@pytest.fixture
def any_machine(monkeypatch):
    """How fast they are is for the virtual clock to tell."""
    monkeypatch.setattr(recognizer_kit, "ONSET_S", 5.0)
    monkeypatch.setattr(recognizer_kit, "GONE_S", 5.0)


@pytest.mark.socket
@pytest.mark.slow
@pytest.mark.usefixtures("any_machine")
@pytest.mark.parametrize("kind", STREAMING)
async def test_over_real_sockets_they_behave_too_and_lose_no_word(kind):
    async def keep(promise, speech, *faults):
        server = FakeServer(kind.fake(LINES * 2), faults)
        async with serve_fake(server) as host:
            settings = kind.settings(
                api_key=KEY, url=kind.url(host), silence_ms=400, pause_ms=200, endpointing_ms=200
            )
            async with kind.provider.open(settings, network=level_network) as recognizer:
                await promise(recognizer, speech)
        assert len(server.requests) > len(faults)

    with trio.fail_after(90):
        async with trio.open_nursery() as nursery:
            for promise in RECOGNIZER_PROMISES:
                nursery.start_soon(keep, promise, SPEECH)
            for fault, speech in TROUBLE:
                nursery.start_soon(keep, hears_the_words, speech, fault)
