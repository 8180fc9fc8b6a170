"""Fake providers with faults, for tests of providers: yours and ours.

    class Greeter:                                    # a fake of your provider's API
        async def answer(self, request, response):
            await response.whole({"hello": request.query["name"]})

        async def converse(self, request, socket):    # WebSockets
            while True:
                await socket.send({"heard": len(await socket.receive())})

    server = FakeServer(Greeter(), faults=[Answer(status=429), None, Drop(after=3)])
    async with serve_fake(server) as host:            # real sockets: http://{host}, ws://{host}
        ...
    async with open_memory_wire(server) as wire:      # in memory: on Trio's virtual clock
        ...

A fake with a method `refuses(request)` may answer a handshake or a request by a status, for its
key mostly. `server.requests` has what was asked. Faults are listed in
`voiced.testing.fake_provider.faults`.
"""

from voiced.testing.fake_provider.exchange import FakeRequest, FakeResponse, FakeSocket
from voiced.testing.fake_provider.far_stream import FarEndLost
from voiced.testing.fake_provider.faults import (
    Answer,
    CloseWith,
    Drop,
    Fault,
    Garbage,
    HalfOpen,
    Late,
    Refuse,
    Stall,
)
from voiced.testing.fake_provider.memory import open_memory_wire
from voiced.testing.fake_provider.server import FakeProvider, FakeServer, serve_fake

__all__ = [
    "Answer",
    "CloseWith",
    "Drop",
    "FakeProvider",
    "FakeRequest",
    "FakeResponse",
    "FakeServer",
    "FakeSocket",
    "FarEndLost",
    "Fault",
    "Garbage",
    "HalfOpen",
    "Late",
    "Refuse",
    "Stall",
    "open_memory_wire",
    "serve_fake",
]
