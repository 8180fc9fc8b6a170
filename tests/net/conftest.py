from __future__ import annotations

import trio


class Parrot:
    """A fake provider that says back what it hears."""

    async def answer(self, request, response):
        match request.path:
            case "/v1/echo":
                await response.whole(request.body)
            case "/v1/who":
                await response.whole({"key": request.headers.get("authorization", "")})
            case "/v1/events":
                await response.begin()
                for n in range(3):
                    await trio.sleep(0.1)
                    await response.send(f"data: {n}\n\n")
                await response.end()
            case "/v1/endless":
                await response.begin(content_type="audio/mulaw")
                while True:
                    await response.send(bytes(65536))
            case _:
                await response.whole("no such thing", status=404)

    async def converse(self, request, socket):
        if request.path == "/talk":
            while True:
                await socket.send({"word": "again"})
                await trio.sleep(0.5)
        while True:
            await socket.send(await socket.receive())
