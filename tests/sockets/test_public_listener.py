"""The public listener answers two things, to those who may ask, and survives everybody else."""

import math
import resource
from contextlib import AsyncExitStack, suppress

import pytest
import trio

from tests.sockets.conftest import upgrade
from voiced.testing.caller import tone_caller

pytestmark = pytest.mark.socket


async def exchange(stream, request, *, limit_s=5):
    """Send `request`, read until the far end closes, and return what came."""
    answer = b""
    with trio.fail_after(limit_s):
        try:
            await stream.send_all(request)
            while data := await stream.receive_some(65536):
                answer += data
        except trio.BrokenResourceError:
            pass
    return answer


def status_of(answer):
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else None


async def ask(address, request):
    async with await trio.open_tcp_stream(address.host, address.port) as stream:
        return await exchange(stream, request)


def http(method, path, body=b"", *headers):
    lines = (f"{method} {path} HTTP/1.1", "Host: voiced", "Connection: close", *headers)
    if body:
        lines += (f"Content-Length: {len(body)}",)
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


# What answers, and what does not.


@pytest.mark.parametrize(
    "path",
    ["/", "/livez", "/readyz", "/calls", "/metrics", "/telnyx", "/telnyx/webhook/x", "/static/x"],
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_unknown_routes_do_not_exist(open_hand, method, path):
    async with open_hand() as hand:
        assert status_of(await ask(hand.address, http(method, path))) == 404


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS", "HEAD"])
async def test_the_webhook_takes_post_only(open_hand, method):
    async with open_hand() as hand:
        answer = await ask(hand.address, http(method, "/telnyx/webhook"))
        assert status_of(answer) == 405
        assert b"llow: " not in answer  # it tells nobody what it would take


async def test_a_refusal_has_no_body(open_hand):
    async with open_hand() as hand:
        for path in ("/", "/telnyx/webhook"):
            answer = await ask(hand.address, http("GET", path))
            assert answer.endswith(b"\r\n\r\n")


async def test_a_connection_takes_one_request(open_hand):
    async with open_hand() as hand:
        request = http("GET", "/x").replace(b"Connection: close\r\n", b"")
        assert (await ask(hand.address, request * 2)).count(b"HTTP/1.1 ") == 1


async def test_a_header_over_64_kib_is_refused(open_hand):
    async with open_hand() as hand:
        request = http("POST", "/telnyx/webhook", b"{}", "X: " + "y" * 65536)
        # Closing with data unread may reset the connection before the answer has been read.
        assert status_of(await ask(hand.address, request)) in {400, 431, None}


async def test_nobody_is_answered_by_http_2(open_hand):
    async with open_hand() as hand:
        prior = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\x04" + bytes(5)
        wants = ("Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__")
        request = http("GET", "/x", b"", *wants).replace(b"close", b"Upgrade, HTTP2-Settings")
        answers = [await ask(hand.address, prior), await ask(hand.address, request)]
        assert status_of(answers[1]) == 404
        for answer in answers:
            assert answer[:1] in {b"", b"H"}  # an HTTP/2 frame begins with its length
            assert b"101" not in answer.partition(b"\r\n")[0]


@pytest.mark.parametrize("path", ["/", "/telnyx/webhook", "/telnyx/media", "/calls"])
async def test_sockets_to_other_paths_are_refused(open_hand, path):
    async with open_hand() as hand:
        assert status_of(await ask(hand.address, upgrade(path))) in {400, 403, 404, 405}


@pytest.mark.parametrize("token", ["", "x", "x" * 5000, "../webhook", "%00", "?token=x"])
async def test_a_media_socket_without_a_known_token_is_refused(open_hand, token):
    async with open_hand() as hand:
        await hand.ring()
        answer = await ask(hand.address, upgrade(f"/telnyx/media/{token}"))
        assert status_of(answer) == 403
        assert b"x" * 20 not in answer
        await hand.hang_up()


async def test_what_is_no_websocket_handshake_is_told_so(open_hand):
    async with open_hand() as hand:
        answer = await ask(hand.address, http("GET", "/telnyx/media/doctor"))
        assert status_of(answer) == 426


async def test_a_token_admits_one_connection(open_hand):
    async with open_hand() as hand:
        path = await hand.ring()
        async with hand.wire(path) as wire:
            assert status_of(await ask(hand.address, upgrade(path))) == 403
            assert await hand.echoes(wire, 1)
            await hand.hang_up()
        await hand.ended()
        assert status_of(await ask(hand.address, upgrade(path))) == 403


@pytest.mark.parametrize(
    "request_",
    [
        lambda path: http("GET", path),
        lambda path: http("POST", path, b"{}"),
        lambda path: upgrade(path).replace(b"Version: 13", b"Version: 12"),
        lambda path: upgrade(path).replace(b"Sec-WebSocket-Key", b"X"),
        lambda path: upgrade(path).replace(b"HTTP/1.1", b"HTTP/9.9"),
        lambda path: upgrade(path).replace(b"Host: voiced", b"\xff\xfe"),
        lambda path: upgrade(path, "X: " + "y" * 100_000),
    ],
)
async def test_a_token_with_a_wrong_handshake_is_refused_and_not_used_up(open_hand, request_):
    async with open_hand() as hand:
        path = await hand.ring()
        assert status_of(await ask(hand.address, request_(path))) != 101
        async with hand.wire(path) as wire:
            assert await hand.echoes(wire, 1)
            await hand.hang_up()
        await hand.ended()


# Bodies.


async def test_a_webhook_body_over_256_kib_is_too_large(open_hand):
    async with open_hand() as hand:
        for more, status in ((0, 400), (1, 413)):  # 400: it was read, and is no webhook
            body = b"x" * (256 * 1024 + more)
            answer = await ask(hand.address, http("POST", "/telnyx/webhook", body))
            assert status_of(answer) == status


async def test_a_body_that_only_claims_to_be_too_large_is_refused_unread(open_hand):
    async with open_hand() as hand:
        request = http("POST", "/telnyx/webhook", b"", "Content-Length: 1000000000")
        assert status_of(await ask(hand.address, request)) == 413


async def test_a_body_in_endless_chunks_is_cut(open_hand):
    async with open_hand() as hand:
        request = http("POST", "/telnyx/webhook", b"", "Transfer-Encoding: chunked")
        chunks = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
        # Closing with data unread may reset the connection before the answer has been read.
        assert status_of(await ask(hand.address, request + chunks * 20)) in {413, None}


async def test_a_slow_body_is_cut_off(open_hand, monkeypatch):
    monkeypatch.setattr("voiced.public.web.BODY_TIMEOUT_S", 0.3)
    async with open_hand() as hand, await hand.connect() as stream:
        request = http("POST", "/telnyx/webhook", b"", "Content-Length: 100")
        answer = b""
        with trio.fail_after(3):
            await stream.send_all(request)
            async with trio.open_nursery() as nursery:

                async def trickle():
                    while True:
                        await stream.send_all(b"x")
                        await trio.sleep(0.05)

                nursery.start_soon(trickle)
                while not status_of(answer):
                    answer += await stream.receive_some(1000)
                nursery.cancel_scope.cancel()
        assert status_of(answer) in {400, 408}


# Connections that want something else.


@pytest.mark.parametrize("beginning", [b"", b"GET /telnyx/me", upgrade("/telnyx/media/x")[:-2]])
async def test_a_connection_that_does_not_get_to_the_point_is_dropped(
    open_hand, monkeypatch, beginning
):
    monkeypatch.setattr("voiced.public.front_door.FIRST_BYTES_TIMEOUT_S", 0.2)
    monkeypatch.setattr("voiced.public.media_socket.HANDSHAKE_TIMEOUT_S", 0.2)
    async with open_hand() as hand, await hand.connect() as stream:
        assert await exchange(stream, beginning, limit_s=3) == b""


async def test_a_request_whose_header_never_ends_is_dropped(open_hand, monkeypatch):
    monkeypatch.setattr("voiced.public.front_door.FIRST_BYTES_TIMEOUT_S", 0.2)
    async with open_hand() as hand, await hand.connect() as stream:
        await exchange(stream, b"POST /telnyx/webhook HTTP/1.1\r\nX: y", limit_s=3)


async def test_a_header_that_comes_byte_by_byte_has_one_deadline_for_all(open_hand, monkeypatch):
    monkeypatch.setattr("voiced.public.front_door.FIRST_BYTES_TIMEOUT_S", 0.3)
    async with open_hand() as hand, await hand.connect() as stream:
        with trio.fail_after(3), suppress(trio.BrokenResourceError):
            await stream.send_all(b"POST /telnyx/webhook HTTP/1.1\r\nX: y")
            while True:
                await stream.send_all(b"z")
                await trio.sleep(0.05)


async def test_connections_that_say_nothing_give_way_to_newer_ones(open_house, monkeypatch):
    monkeypatch.setattr("voiced.public.crowd.Crowd.__init__.__defaults__", (4, 3, math.inf))
    async with open_house() as house, AsyncExitStack() as stack:
        address = house.daemon.public.address
        idle = []
        for _ in range(5):
            idle.append(await trio.open_tcp_stream(address.host, address.port))
            await stack.enter_async_context(idle[-1])
        for dropped in idle[:2]:
            with trio.fail_after(3), suppress(trio.BrokenResourceError):
                assert await dropped.receive_some() == b""
        # A call's sockets and webhooks get through all the same, and its socket is not dropped.
        report = await house.telnyx.ring(tone_caller(starts_s=0.3, lasts_s=60, heard_s=0.3))
        assert report.violations == ()
        assert report.first_audio_s is not None


NONSENSE = [
    # Made the server end, with every call: a header that is not ASCII.
    upgrade("/x").replace(b"Connection: Upgrade", b"Connection: Upgrade, \xff"),
    upgrade("/x", "Sec-WebSocket-Extensions: permessage-deflate; \xff"),
    upgrade("/x", "Sec-WebSocket-Protocol: \xff"),
    upgrade("/telnyx/media/x").replace(b"Connection: Upgrade", b"Connection: \xff"),
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 100,
    http(
        "GET",
        "/",
        b"",
        "Connection: Upgrade, HTTP2-Settings",
        "Upgrade: h2c",
        "HTTP2-Settings: \xff",
    ),
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),  # a TLS greeting
    bytes(1000),
    b"\r\n" * 1000,
    b"GET /telnyx/media/" + b"\xff" * 100 + b" HTTP/1.1\r\n\r\n",
    b"GET " + b"/" * 200_000 + b" HTTP/1.1\r\n\r\n",
    http("POST", "/telnyx/webhook", b"", "Transfer-Encoding: chunked") + b"zz\r\n",
    http("POST", "/telnyx/webhook", b"", "Content-Length: -1"),
    http("POST", "/telnyx/webhook", b"{}", "Content-Type: \xff", "Telnyx-Timestamp: \xff"),
    http("POST", "/telnyx/webhook", b"[" * 100_000),
]


@pytest.mark.parametrize("nonsense", NONSENSE, ids=range(len(NONSENSE)))
async def test_nonsense_from_anybody_touches_no_call(open_hand, nonsense):
    async with open_hand() as hand:
        path = await hand.ring()
        async with hand.wire(path) as wire:
            async with await hand.connect() as stream:
                with trio.move_on_after(0.2):
                    await exchange(stream, nonsense)
            assert await hand.echoes(wire, 1)
            await hand.hang_up()
        assert (await hand.ended())["end"]["reason"] == "caller_hung_up"


async def test_a_thousand_connections_that_say_nothing_do_not_stop_a_call(open_house):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, 4096), hard), hard))
    try:
        async with open_house() as house, AsyncExitStack() as idle:
            address = house.daemon.public.address
            for n in range(1000):
                stream = await trio.open_tcp_stream(address.host, address.port)
                await idle.enter_async_context(stream)
                if n % 2:
                    await stream.send_all(b"POST /telnyx/webhook HTTP/1.1\r\nHost:")
            report = await house.telnyx.ring(tone_caller(starts_s=0.3, lasts_s=60, heard_s=0.3))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert report.violations == ()
    assert report.first_audio_s is not None
    assert report.ended_by == "caller"
