"""Nobody leads us elsewhere: an answer that names another address is an answer, and no more."""

from contextlib import suppress

import httpx
import pytest
import trio

from voiced.errors import ProviderError
from voiced.net.http import open_provider_http
from voiced.net.peer import Peer
from voiced.net.wire import Wire
from voiced.telnyx.http import bare_client, http_client

KEY = "KEY0123456789_never_to_be_seen"
BASE = "https://api.example.com/v2"


async def ask_telnyx(transport):
    async with http_client(BASE, KEY, attempt_s=5, connect_s=5, transport=transport) as client:
        await client.post("/calls", content=b"{}")


async def tell_a_receiver(transport):
    async with bare_client(step_s=5, connect_s=5, transport=transport) as client:
        await client.post(f"{BASE}/told", content=b"{}")


async def ask_a_provider(transport):
    headers = {"authorization": f"Bearer {KEY}"}
    async with open_provider_http(
        BASE, peer=Peer("acme"), headers=headers, wire=Wire(transport=transport)
    ) as http:
        with suppress(ProviderError):
            await http.request("POST", "/speech", json={})


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("ask", [ask_telnyx, tell_a_receiver, ask_a_provider])
async def test_a_redirect_is_not_followed(ask, status, autojump_clock):
    asked = []

    async def answer(request):
        await trio.lowlevel.checkpoint()
        asked.append(request.url.host)
        return httpx.Response(status, headers={"location": "http://169.254.169.254/latest"})

    await ask(httpx.MockTransport(answer))
    assert asked == ["api.example.com"]
