"""Real daemons, each in a process of its own."""

import json
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import trio


async def start(command, log, environ):
    with log.open("ab") as output:
        return await trio.lowlevel.open_process(
            command, env=environ, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )


@dataclass
class Instance:
    """One daemon, in a process of its own."""

    name: str
    folder: Path
    admin: str
    process: Any = None

    async def start(self, environ):
        config = str(self.folder / "voiced.toml")
        command = [sys.executable, "-m", "voiced", "--config", config]
        self.process = await start(command, self.folder / "log", environ)
        await self.answers()

    async def answers(self):
        while True:
            try:
                if (await self.ask("/readyz")).status_code == 200:
                    return
            except httpx.HTTPError:
                assert self.process.poll() is None, (self.folder / "log").read_text()
            await trio.sleep(0.05)

    async def ask(self, path):
        async with httpx.AsyncClient(trust_env=False, timeout=20) as client:
            return await client.get(f"http://{self.admin}{path}")

    async def calls(self, query=""):
        return (await self.ask(f"/calls{query}")).json()["calls"]

    def records(self):
        return [json.loads(p.read_text()) for p in self.folder.glob("records/*/call.json")]

    def kill(self):
        self.process.send_signal(signal.SIGKILL)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]
