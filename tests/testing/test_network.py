"""The in-memory network behaves like Hypercorn and a WebSocket client; the real one is real."""

from __future__ import annotations

import pytest
import trio

from voiced.errors import MediaStreamClosed, TelnyxError
from voiced.public.listeners import open_listener, serve_app
from voiced.testing.network import AsgiNetwork, Fetched, open_loopback


async def echo_app(scope, receive, send):
    """Answers by path; echoes text; remembers nothing."""
    if scope["type"] == "lifespan":
        while (message := await receive())["type"] != "lifespan.shutdown":
            await send({"type": f"{message['type']}.complete"})
        await send({"type": "lifespan.shutdown.complete"})
    elif scope["type"] == "http":
        body = (await receive())["body"]
        headers = dict(scope["headers"])
        right = (body, headers[b"x-a"], scope["path"], scope["method"])
        status = 200 if right == (b"body", b"b", "/hook", "POST") else 400
        kind = [(b"content-type", b"text/xml")]
        await send({"type": "http.response.start", "status": status, "headers": kind})
        await send({"type": "http.response.body", "body": b"<a>", "more_body": True})
        await send({"type": "http.response.body", "body": scope["query_string"] + b"</a>"})
    elif scope["path"] == "/refused":
        await receive()
        await send({"type": "websocket.close", "code": 1008})
    else:
        await echo_socket(receive, send)


async def echo_socket(receive, send):
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        if message["text"] == "close":
            await send({"type": "websocket.close", "code": 4001, "reason": "asked"})
            return
        if message["text"] == "binary":
            await send({"type": "websocket.send", "bytes": b"\x01"})
        else:
            await send({"type": "websocket.send", "text": message["text"]})


async def check(network, host):
    """Both networks must pass this."""
    assert await network.post(f"http://{host}/hook", {"X-A": "b"}, b"body") == 200
    assert await network.post(f"http://{host}/other", {"X-A": "b"}, b"body") == 400
    fetched = await network.fetch("GET", f"http://{host}/hook?b=1", {"X-A": "b"})
    assert fetched == Fetched(status=400, content_type="text/xml", body=b"<a>b=1</a>")
    async with network.open_websocket(f"ws://{host}/media", {"X-B": "c"}) as socket:
        for text in ("one", "two"):
            await socket.send_text(text)
        assert [await socket.receive(), await socket.receive()] == ["one", "two"]
        await socket.send_text("binary")
        assert await socket.receive() == b"\x01"
        await socket.send_text("close")
        with pytest.raises(MediaStreamClosed) as caught:
            await socket.receive()
        assert caught.value.code == 4001
        with pytest.raises(MediaStreamClosed):
            await socket.send_text("late")
    async with network.open_websocket(f"ws://{host}/media", {}) as socket:
        await socket.send_text("one")
        assert await socket.receive() == "one"
        await socket.reset()
        with pytest.raises(MediaStreamClosed):
            await socket.receive()
        with pytest.raises(MediaStreamClosed):
            await socket.send_text("late")
    with pytest.raises(TelnyxError, match="403"):
        async with network.open_websocket(f"ws://{host}/refused", {}):
            pytest.fail("opened")


async def test_the_network_in_memory(autojump_clock):
    await check(AsgiNetwork(echo_app), "tiny.test")
    assert trio.current_time() == autojump_clock.current_time()


@pytest.mark.socket
async def test_the_network_of_real_sockets(nursery):
    with open_listener("127.0.0.1:0", "test") as listener:
        await nursery.start(serve_app, echo_app, listener)
        async with open_loopback() as network:
            with trio.fail_after(10):
                await check(network, str(listener.address))
        nursery.cancel_scope.cancel()


@pytest.mark.socket
async def test_nobody_there_is_a_clear_error():
    async with open_loopback() as network:
        with trio.fail_after(10):
            with pytest.raises(TelnyxError, match="no answer to a POST"):
                await network.post("http://127.0.0.1:1/x", {}, b"")
            with pytest.raises(TelnyxError, match="not opened"):
                async with network.open_websocket("ws://127.0.0.1:1/x", {}):
                    pytest.fail("opened")


async def test_an_app_that_returns_closes_its_socket_normally(autojump_clock):
    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": "last words"})

    async with AsgiNetwork(app).open_websocket("ws://x/", {}) as socket:
        assert await socket.receive() == "last words"
        with pytest.raises(MediaStreamClosed) as caught:
            await socket.receive()
        assert caught.value.code == 1000


async def test_an_app_that_hears_the_end_has_two_seconds(autojump_clock):
    ended: list[object] = []

    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        assert (await receive())["type"] == "websocket.disconnect"
        await send({"type": "websocket.send", "text": "lost, like everything after the end"})
        ended.append("clean")
        try:
            await trio.sleep_forever()
        finally:
            ended.append(trio.current_time())

    start = trio.current_time()
    async with AsgiNetwork(app).open_websocket("ws://x/", {}):
        pass
    assert ended == ["clean", start + 2.0]


async def test_a_full_socket_blocks_its_sender(autojump_clock):
    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        await trio.sleep_forever()

    async with AsgiNetwork(app).open_websocket("ws://x/", {}) as socket:
        n_sent = 0
        with trio.move_on_after(5):
            while True:
                await socket.send_text("x")
                n_sent += 1
    assert n_sent == 10


async def test_without_an_app_there_is_a_clear_error():
    with pytest.raises(TelnyxError, match="no app yet"):
        await AsgiNetwork().post("http://x/", {}, b"")
