import trio

from tests.recognizer.remote import AssemblyAi, Deepgram, open_remote, sample
from voiced.resilience.breaker import Breaker, BreakerRules
from voiced.resilience.recognizer import RecognizerList
from voiced.resilience.roster import Member
from voiced.testing.fake_provider import Answer
from voiced.testing.recognizer_kit import hears_the_words


async def test_a_call_that_rings_has_its_socket_opened(open_line, greeter, autojump_clock):
    async with (
        open_remote(Deepgram) as (recognizer, server, _),
        open_line(agent=greeter, recognizer=recognizer) as line,
    ):
        assert server.requests == []
        await line.ring()
        await trio.sleep(0.01)
        assert len(server.requests) == 1


async def test_lists_are_made_of_recognizers_far_away_too(autojump_clock):
    async with (
        open_remote(Deepgram, Answer(status=401)) as (first, deepgram, _),
        open_remote(AssemblyAi) as (second, assemblyai, _),
    ):
        members = tuple(
            Member(name=name, provider=one, breaker=Breaker(BreakerRules()), patience_s=4.0)
            for name, one in (("deepgram", first), ("assemblyai", second))
        )
        await hears_the_words(RecognizerList(members), sample())
    assert (len(deepgram.requests), len(assemblyai.requests)) == (1, 1)
