"""A fetcher, a Telnyx that has recorded, and its storage; in memory but for the files."""

import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
import trio

from voiced.record.store import RecordStore
from voiced.telnyx.download import open_downloader
from voiced.telnyx.events import RecordingSaved, parse_event
from voiced.telnyx.rest import RetryPolicy, open_telnyx
from voiced.telnyx_recording import RecordingFetcher

AUDIO = b"RIFF" + bytes(1000)


class Pieces(httpx.AsyncByteStream):
    """A body in pieces."""

    def __init__(self, pieces):
        self._pieces = iter(pieces)

    def __aiter__(self):
        return self

    async def __anext__(self):
        await trio.lowlevel.checkpoint()
        try:
            return next(self._pieces)
        except StopIteration:
            raise StopAsyncIteration from None


@dataclass
class Account:
    """Telnyx and its storage: what has been recorded, what was sent, and how the storage does."""

    listed: list[dict[str, Any]] = field(default_factory=list)
    commands: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    status: int = 200
    audio: bytes = AUDIO
    length: int | None = None
    piece_bytes: int = 1 << 20
    down_until: float = 0.0
    answer_s: float = 0.0
    lists: int = 0
    downloads: list[str] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0

    async def api(self, request):
        await trio.lowlevel.checkpoint()
        if request.method == "POST":
            return self._command(request)
        assert request.url.params["filter[call_leg_id]"]
        self.lists += 1
        if trio.current_time() < self.down_until:
            raise httpx.ConnectError("down")
        return _json(200, {"data": self.listed})

    def _command(self, request):
        action = request.url.path.rsplit("/", 1)[-1]
        self.commands.append((action, json.loads(request.content)))
        if action in self.refused:
            return _json(422, {"errors": [{"code": "90020", "title": "Too early"}]})
        return _json(200, {"data": {"result": "ok"}})

    async def storage(self, request):
        self.downloads.append(request.url.path)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await trio.sleep(self.answer_s)
        self.at_once -= 1
        if trio.current_time() < self.down_until:
            raise httpx.ConnectError("down")
        size = self.length or len(self.audio)
        return httpx.Response(
            self.status, headers={"content-length": str(size)}, stream=self._pieces()
        )

    def _pieces(self):
        audio, size = self.audio, self.piece_bytes
        return Pieces([audio[n : n + size] for n in range(0, len(audio), size)])

    def record(self, number):
        """Make a recording that can be listed."""
        self.listed.append(
            {
                "id": f"rec-{number}",
                "channels": "dual",
                "duration_millis": 1500,
                "recording_started_at": f"2026-11-22T10:00:{number:02}Z",
                "download_urls": {"wav": f"https://storage.example.com/listed-{number}"},
            }
        )


def _json(status, document):
    return httpx.Response(status, stream=httpx.ByteStream(json.dumps(document).encode()))


@dataclass
class Desk:
    account: Account
    telnyx: Any
    fetcher: RecordingFetcher
    root: Any

    def record(self, directory="call-a"):
        return json.loads((self.root / directory / "call.json").read_text())

    def saved(self, number=1, *, leg="leg-a", call="v3:a", form="wav", **payload):
        """Deliver `call.recording.saved`."""
        body = {
            "event_type": "call.recording.saved",
            "id": f"hook-{number}",
            "occurred_at": "2026-11-22T10:00:00Z",
            "payload": {
                "call_leg_id": leg,
                "call_control_id": call,
                "recording_id": f"rec-{number}",
                "channels": "dual",
                "recording_started_at": f"2026-11-22T10:00:{number:02}Z",
                "recording_ended_at": f"2026-11-22T10:01:{number:02}Z",
                "recording_urls": {form: f"https://storage.example.com/told-{number}"},
                **payload,
            },
        }
        event = parse_event(json.dumps({"data": body}).encode())
        assert isinstance(event, RecordingSaved)
        return self.fetcher.take(event)


async def inline(work, *args):
    await trio.lowlevel.checkpoint()
    return work(*args)


@pytest.fixture
def open_desk(tmp_path):
    """Open a fetcher; opened again, it is the one after a crash."""

    @asynccontextmanager
    async def opener(account=None, *, run_sync=inline):
        account = account or Account()
        records = RecordStore(tmp_path, run_sync)
        (tmp_path / "call-a").mkdir(exist_ok=True)
        (tmp_path / "call-a" / "call.json").write_text('{"state": "ended", "x": 1}')
        async with (
            open_telnyx(
                "https://api.example.com/v2",
                "k",
                retry=RetryPolicy(attempts=1),
                transport=httpx.MockTransport(account.api),
            ) as telnyx,
            open_downloader(transport=httpx.MockTransport(account.storage)) as downloader,
            trio.open_nursery() as nursery,
        ):
            fetcher = await RecordingFetcher.open(
                tmp_path / "recordings.jsonl",
                run_sync,
                telnyx=telnyx,
                downloader=downloader,
                records=records,
                api_base="https://api.example.com/v2",
                wall_clock=trio.current_time,
            )
            try:
                nursery.start_soon(fetcher.run)
                yield Desk(account, telnyx, fetcher, tmp_path)
                nursery.cancel_scope.cancel()
            finally:
                fetcher.close()

    return opener
