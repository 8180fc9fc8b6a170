"""The real program: a process that runs `voiced`, alone or beside an emulated Telnyx."""

import json
import os
import signal
import subprocess
import sys
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
import trio

from voiced.errors import TelnyxError
from voiced.testing.emulator import Account, open_emulator
from voiced.testing.faults import NO_FAULTS
from voiced.testing.network import open_loopback
from voiced.testing.telnyx_api.rest import serve_api

LIMIT_S = 90

KEY = "KEY0123456789_never_to_be_seen"
ADMIN_TOKEN = "word_never_to_be_seen"
CALLER, CALLED = "+13125550142", "+13125550143"

ECHO = """
[server]
bind = "127.0.0.1:0"
[admin]
bind = "127.0.0.1:0"
[agent]
provider = "echo"
[inbound]
max_lag_ms = 0  # a busy test machine must not refuse calls
[log]
level = "debug"
format = "json"
"""


# A shell that starts the tests in the background has them ignore it, and programs inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


@dataclass
class Program:
    """A running `voiced`."""

    process: Any
    lines: list[str] = field(default_factory=list)
    news: trio.Event = field(default_factory=trio.Event)

    async def read(self, stream):
        rest = b""
        async for data in stream:
            *lines, rest = (rest + data).split(b"\n")
            self.lines += [line.decode() for line in lines]
            self.news.set()
            self.news = trio.Event()

    def events(self):
        return [json.loads(line) for line in self.lines if line.startswith("{")]

    async def says(self, event):
        """Wait for a log line and return it."""
        while not (found := [e for e in self.events() if e["event"] == event]):
            await self.news.wait()
        return found[0]

    async def admin(self, path, method="GET"):
        address = (await self.says("listening"))["admin"]
        headers = {
            "Authorization": f"Bearer {ADMIN_TOKEN}",
            "Content-Type": "application/json",
        }
        async with httpx.AsyncClient(trust_env=False) as client:
            return await client.request(method, f"http://{address}{path}", headers=headers)

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)


@pytest.fixture
def run(tmp_path):
    """Run the program: `async with run(config, TELNYX_...=...) as program`; it must end itself."""

    @asynccontextmanager
    async def runner(text, *, arguments=(), limit_s=LIMIT_S, **variables):
        (tmp_path / "voiced.toml").write_text(text)
        environ = {k: v for k, v in os.environ.items() if not k.startswith(("TELNYX", "VOICED"))}
        with trio.fail_after(limit_s):
            process = await trio.lowlevel.open_process(
                [sys.executable, "-m", "voiced", "--config", "voiced.toml", *arguments],
                cwd=tmp_path,
                env={**environ, **variables},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            program = Program(process)
            try:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(program.read, process.stdout)
                    nursery.start_soon(program.read, process.stderr)
                    yield program
                    await process.wait()
            finally:
                if process.poll() is None:
                    sys.stdout.write("\n".join(program.lines[-30:]))  # shown if the test fails
                    process.kill()
        said = "\n".join(program.lines)
        for secret in (KEY, ADMIN_TOKEN, CALLER, CALLED, CALLER[1:], CALLED[1:]):
            assert secret not in said
        assert "Traceback" not in said

    return runner


@pytest.fixture
def run_with_telnyx(run):
    """Run the program beside an emulated Telnyx: yields both."""

    @asynccontextmanager
    async def runner(text=ECHO, *, account=None, **variables):
        async with (
            open_loopback() as network,
            open_emulator(network, account=account or Account(api_key=KEY)) as telnyx,
            serve_api(telnyx.app) as api_url,
            run(
                text,
                TELNYX_API_KEY=KEY,
                TELNYX_PUBLIC_KEY=telnyx.public_key,
                TELNYX_API_BASE=api_url,
                VOICED_ADMIN_TOKEN=ADMIN_TOKEN,
                **variables,
            ) as program,
        ):
            address = (await program.says("listening"))["public"]
            telnyx.webhook_url = f"http://{address}/telnyx/webhook"
            telnyx.network = PatientNetwork(network, program)
            yield program, telnyx

    return runner


class Ringing:
    """Rings in the background; `report` is there once the call is over."""

    def __init__(self, telnyx, caller, faults=None):
        self.reports: list[Any] = []
        self._telnyx = telnyx
        self._caller = caller
        self._faults = faults or NO_FAULTS
        self.done = trio.Event()

    async def run(self):
        self.reports.append(
            await self._telnyx.ring(self._caller, from_=CALLER, to=CALLED, faults=self._faults)
        )
        self.done.set()

    @property
    def report(self):
        (report,) = self.reports
        return report


class PatientNetwork:
    """Takes the webhooks for a daemon that has ended meanwhile: they are nobody's fault."""

    def __init__(self, network, program):
        self.open_websocket = network.open_websocket
        self.fetch = network.fetch
        self._post = network.post
        self._program = program

    async def post(self, url, headers, body):
        with suppress(TelnyxError):
            return await self._post(url, headers, body)
        with trio.move_on_after(1):
            await self._program.process.wait()
            return 200
        raise TelnyxError("webhook not delivered, though the daemon is running")


async def call_streams(program):
    while True:
        calls = (await program.admin("/calls")).json()["calls"]
        if calls and calls[0]["leg"] == "streaming":
            return calls[0]
        await trio.sleep(0.02)


def records_in(path):
    return [json.loads(p.read_text()) for p in (path / "calls").glob("*/call.json")]
