"""The admin listener: alive, ready, which calls are up; and for whom."""

from contextlib import AsyncExitStack, suppress

import httpx
import pytest
import trio

from tests.sockets.conftest import until, upgrade
from tests.sockets.test_public_listener import ask, http, status_of

pytestmark = pytest.mark.socket

TOKEN = "a-long-word"


async def get(hand, path, **headers):
    async with httpx.AsyncClient(trust_env=False) as client:
        return await client.get(f"http://{hand.daemon.admin.address}{path}", headers=headers)


async def test_a_daemon_is_alive_and_ready(open_hand):
    async with open_hand() as hand:
        for path, expected in (("/livez", {"alive": True}), ("/readyz", {"ready": True})):
            response = await get(hand, path)
            assert (response.status_code, response.json()) == (200, expected)


async def test_a_draining_daemon_is_alive_but_not_ready(open_hand):
    async with open_hand() as hand, trio.open_nursery() as nursery:
        await hand.ring()
        nursery.start_soon(hand.daemon.switchboard.drain)
        await until(lambda: hand.daemon.switchboard.is_draining)
        assert (await get(hand, "/livez")).status_code == 200
        response = await get(hand, "/readyz")
        assert (response.status_code, response.json()) == (503, {"ready": False})
        await hand.hang_up()


async def test_live_calls_are_listed_and_ended_ones_are_shown_by_name(open_hand):
    async with open_hand() as hand:
        assert (await get(hand, "/calls")).json() == {"calls": []}
        path = await hand.ring()
        async with hand.wire(path) as wire:
            assert await hand.echoes(wire, 1)
            (call,) = (await get(hand, "/calls")).json()["calls"]
            assert call["call_id"] == "v3:hand"
            assert call["leg"] == "streaming"
            assert call["state"] == "live"
            assert (await get(hand, "/calls/v3:hand")).json() == call
            assert (await get(hand, "/calls/v3:other")).status_code == 404
            await hand.hang_up()
        await hand.ended()
        assert (await get(hand, "/calls")).json() == {"calls": []}
        assert (await get(hand, "/calls/v3:hand")).json()["state"] == "ended"


async def test_calls_need_the_token_where_one_is_set_and_probes_do_not(open_hand):
    async with open_hand(admin={"token": TOKEN}) as hand:
        for path in ("/calls", "/calls/v3:hand", "/nothing"):
            for given in (
                None,
                "",
                TOKEN[:-1],
                TOKEN + "x",
                f"Basic {TOKEN}",
                "Bearer wrong",
                "Bearer",
            ):
                headers = {} if given is None else {"Authorization": given}
                response = await get(hand, path, **headers)
                assert response.status_code == 401, (path, given)
                assert TOKEN not in response.text
        assert (await get(hand, "/livez")).status_code == 200
        assert (await get(hand, "/readyz")).status_code == 200
        response = await get(hand, "/calls", Authorization=f"Bearer {TOKEN}")
        assert (response.status_code, response.json()) == (200, {"calls": []})


async def test_a_token_that_is_not_ascii_is_just_wrong(open_hand):
    async with open_hand(admin={"token": TOKEN}) as hand:
        address = hand.daemon.admin.address
        answer = await ask(address, http("GET", "/calls", b"", "Authorization: Bearer \xe4\xff"))
        assert status_of(answer) == 401


async def test_nonsense_does_not_end_the_listener(open_hand):
    async with open_hand() as hand:
        address = hand.daemon.admin.address
        await ask(
            address, upgrade("/x").replace(b"Connection: Upgrade", b"Connection: Upgrade, \xff")
        )
        assert status_of(await ask(address, upgrade("/calls"))) in {400, 403, 404, 405}
        assert (await get(hand, "/livez")).status_code == 200


async def test_webhooks_are_not_taken_there(open_hand):
    async with open_hand() as hand:
        for headers in ((), ("Content-Type: application/json",)):
            request = http("POST", "/telnyx/webhook", b"{}", *headers)
            request = request.replace(b"Host: voiced", b"Host: 127.0.0.1")
            assert status_of(await ask(hand.daemon.admin.address, request)) == 404


async def test_a_browser_that_only_listens_is_not_taken_for_one_that_has_gone(
    open_hand, monkeypatch
):
    monkeypatch.setattr("voiced.public.listeners.READ_TIMEOUT_S", 0.2)
    async with open_hand() as hand, httpx.AsyncClient(trust_env=False, timeout=10) as client:
        url = f"http://{hand.daemon.admin.address}/dashboard/stream"
        async with client.stream("GET", url) as response:
            lines = response.aiter_lines()
            assert '"whole":true' in await anext(lines)
            await trio.sleep(0.5)  # longer than a client may be silent that is not answered
            await hand.ring()
            while "+13125550100" not in await anext(lines):
                pass
        await hand.hang_up()
        await hand.ended()


async def test_an_open_stream_does_not_hold_up_the_end_of_the_daemon(open_hand):
    with trio.fail_after(10):
        async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
            async with open_hand() as hand:
                url = f"http://{hand.daemon.admin.address}/dashboard/stream"
                request = client.build_request("GET", url)
                response = await client.send(request, stream=True)
                assert response.status_code == 200
            await response.aclose()


async def test_a_header_that_trickles_is_cut_off_in_every_request(open_hand, monkeypatch):
    monkeypatch.setattr("voiced.public.listeners.READ_TIMEOUT_S", 0.5)
    async with open_hand() as hand:
        address = hand.daemon.admin.address
        for first in (b"", http("GET", "/livez").replace(b"Connection: close\r\n", b"")):
            async with await trio.open_tcp_stream(address.host, address.port) as stream:
                with trio.fail_after(5), suppress(trio.BrokenResourceError):
                    await stream.send_all(first + b"GET /livez HTTP/1.1\r\nX: y")
                    while True:
                        await stream.send_all(b"z")
                        await trio.sleep(0.05)


async def test_strangers_connections_give_way_and_an_operators_stays(open_hand, monkeypatch):
    monkeypatch.setattr("voiced.server.doors.MOST_STRANGERS", 4)
    monkeypatch.setattr("voiced.server.doors.MOST_OF_ONE", 3)
    async with open_hand(admin={"token": TOKEN}) as hand, AsyncExitStack() as stack:
        http_client = await stack.enter_async_context(httpx.AsyncClient(trust_env=False))
        url = f"http://{hand.daemon.admin.address}/dashboard/stream"
        headers = {"Authorization": f"Bearer {TOKEN}"}
        watching = await stack.enter_async_context(
            http_client.stream("GET", url, headers=headers, timeout=10)
        )
        lines = watching.aiter_lines()
        await anext(lines)
        address = hand.daemon.admin.address
        idle = []
        for _ in range(5):
            idle.append(await trio.open_tcp_stream(address.host, address.port))
            await stack.enter_async_context(idle[-1])
        for dropped in idle[:2]:
            with trio.fail_after(3), suppress(trio.BrokenResourceError):
                assert await dropped.receive_some() == b""
        await hand.ring()
        while "+13125550100" not in await anext(lines):
            pass
        await hand.hang_up()
        await hand.ended()


async def test_http_2_is_not_spoken(open_hand):
    async with open_hand() as hand:
        wants = ("Host: localhost", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__")
        request = http("GET", "/livez", b"", *wants).replace(b"Host: voiced\r\n", b"")
        request = request.replace(b"close", b"Upgrade, HTTP2-Settings")
        async with await trio.open_tcp_stream(*hand.daemon.admin.address) as stream:
            await stream.send_all(request)
            with trio.fail_after(5):
                assert (await stream.receive_some()).startswith(b"HTTP/1.1 200")
