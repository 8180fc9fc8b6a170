"""The post-call webhook of a real daemon, through `kill -9`."""

import json
import os
import re
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.fleet.instances import Instance, free_port
from voiced.testing.caller import silent_caller
from voiced.testing.emulator import open_emulator
from voiced.testing.network import open_loopback
from voiced.testing.telnyx_api.rest import serve_api

pytestmark = [pytest.mark.socket, pytest.mark.slow]

SECRET = "whsec_" + "c2VjcmV0" * 4
LIMIT_S = 90

CONFIG = """
[server]
bind = "127.0.0.1:{port}"
[admin]
bind = "127.0.0.1:{admin}"
[agent]
provider = "echo"
[post_call]
url = "{receiver}/told?key=hush"
[log]
format = "json"
level = "debug"
[records]
path = "{records}"
"""


class Receiver:
    """An HTTP server that is told of calls, and takes nothing before it is `up`."""

    def __init__(self):
        self.is_up = False
        self.refused = 0
        self.told = {}
        self.news = trio.Event()

    async def app(self, scope, receive, send):
        body = b""
        while (message := await receive())["type"] == "http.request":
            body += message["body"]
            if not message.get("more_body"):
                break
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        assert scope["query_string"] == b"key=hush"
        if self.is_up:
            self.told[headers["webhook-id"]] = headers, body
        else:
            self.refused += 1
        self.news.set()
        self.news = trio.Event()
        status = 204 if self.is_up else 503
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def until(self, condition):
        while not condition():
            await self.news.wait()


@pytest.fixture
def open_scene(tmp_path):
    @asynccontextmanager
    async def opener():
        receiver = Receiver()
        port, admin = free_port(), free_port()
        instance = Instance("one", tmp_path, f"127.0.0.1:{admin}")
        with trio.fail_after(LIMIT_S):
            async with (
                open_loopback() as network,
                open_emulator(network) as telnyx,
                serve_api(telnyx.app) as api_url,
                serve_api(receiver.app) as receiver_url,
            ):
                text = CONFIG.format(
                    port=port,
                    admin=admin,
                    receiver=receiver_url.removesuffix("/v2"),
                    records=tmp_path / "records",
                )
                (tmp_path / "voiced.toml").write_text(text)
                telnyx.webhook_url = f"http://127.0.0.1:{port}/telnyx/webhook"
                environ = {
                    **{k: v for k, v in os.environ.items() if not k.startswith("TELNYX")},
                    "TELNYX_API_KEY": telnyx.api_key,
                    "TELNYX_PUBLIC_KEY": telnyx.public_key,
                    "TELNYX_API_BASE": api_url,
                    "VOICED_POST_CALL_SECRET": SECRET,
                }
                try:
                    yield instance, telnyx, receiver, environ
                finally:
                    with trio.CancelScope(shield=True):
                        instance.kill()
                        await instance.process.wait()
        log = (tmp_path / "log").read_text()
        assert "hush" not in log
        assert SECRET not in log

    return opener


def documented_check():
    text = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    return names["check"]


async def test_calls_that_ended_before_and_in_a_crash_are_told_after_it(open_scene):
    async with open_scene() as (instance, telnyx, receiver, environ):
        await instance.start(environ)
        await telnyx.ring(silent_caller(hangs_up_s=0.3), from_="+13125550101")
        await receiver.until(lambda: receiver.refused)
        async with trio.open_nursery() as nursery:
            ringing = silent_caller()
            nursery.start_soon(lambda: telnyx.ring(ringing, from_="+13125550102"))
            while not [c for c in await instance.calls() if c["leg"] == "streaming"]:  # noqa: ASYNC110
                await trio.sleep(0.05)
            instance.kill()
            await instance.process.wait()
            receiver.is_up = True
            await instance.start(environ)
            await receiver.until(lambda: len(receiver.told) == 2)
        check = documented_check()
        told = {}
        for headers, body in receiver.told.values():
            assert check(SECRET, headers, body)
            record = json.loads(body)["data"]
            told[record["from"]] = record["end"]["reason"]
        assert told == {"+13125550101": "caller_hung_up", "+13125550102": "daemon_died"}
        waiting = (await instance.ask("/webhooks")).json()["webhooks"]
        assert [one for one in waiting if one["dead"]] == []
