import trio

from tests.recognizer.remote import Deepgram, open_remote


async def test_a_call_that_rings_has_its_socket_opened(open_line, autojump_clock):
    async with (
        open_remote(Deepgram) as (recognizer, server, _),
        open_line(recognizer=recognizer) as line,
    ):
        assert server.requests == []
        await line.ring()
        await trio.sleep(0.01)
        assert len(server.requests) == 1
