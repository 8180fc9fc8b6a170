"""One script against one daemon on the virtual clock, and what must be true of any."""

from __future__ import annotations

import base64
import json
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import structlog
import trio
from trio.testing import MockClock

from tests.conftest import TelnyxSchemas
from tests.fuzz.far_side import FarSide, Stream
from tests.fuzz.steps import Step, parse_script
from voiced.config import parse_config
from voiced.ledger import Ledger
from voiced.ledger.lines import Contents
from voiced.leg.leg import EndReason
from voiced.record.journal import CallEnded, CallRinging
from voiced.record.store import RecordStore
from voiced.server.core import open_core
from voiced.services.flights import Flights, NoFlights
from voiced.services.services import Services, Staff
from voiced.telnyx.download import open_downloader
from voiced.telnyx.rest import open_telnyx
from voiced.telnyx_recording import RecordingFetcher
from voiced.testing.inventory import count_entries, live_tasks
from voiced.testing.providers import FunctionAgent, ScriptedRecognizer, Speech, ToneSynthesizer
from voiced.testing.scheduling import shuffled_by

MAX_DURATION_S = 60
OVER_WITHIN_S = 3 * MAX_DURATION_S
"""Ringing, the call itself, the goodbye."""

LEAD_S = 0.4 + 0.1
"""`[media] lead_ms`, and one message."""

BOUNDED = {"Directory._ended", "Deduplicator._first_seen", "_MediaTotals.errors"}
"""What ended calls leave on purpose; each has its limit (errors: the codes that we know)."""

_TABLES = {
    "server": {"insecure": True},
    "telnyx": {"api_key": "k", "api_base": "http://127.0.0.1/v2", "connection_id": "1"},
    "agent": {"provider": "echo"},
    "call": {"max_duration_s": MAX_DURATION_S, "max_concurrent": 3},
    "transfer": {"ring_s": 20},
}
_schemas = TelnyxSchemas()


def run_script(data: bytes, flights: Flights | None = None) -> None:
    """Do a script to a daemon; raises AssertionError, or what the daemon raised.

    Its calls are recorded by `flights`, if there are any.
    """
    steps = parse_script(data)
    logged: list[Any] = []

    def keep(_logger: object, _method: str, event: Any) -> Any:
        logged.append(event)
        raise structlog.DropEvent

    structlog.configure(processors=[keep])
    try:
        with shuffled_by(0), TemporaryDirectory() as folder:  # for the locks
            clock = MockClock(autojump_threshold=0)
            trio.run(_run, steps, Path(folder), flights or NoFlights(), clock=clock)
    finally:
        structlog.reset_defaults()
    for event in logged:
        fault = event.get("exc_info")
        if fault:
            raise AssertionError(f"logged with a traceback: {event['event']}") from (
                fault if isinstance(fault, Exception) else None
            )


async def _run(steps: list[Step], folder: Path, flights: Flights) -> None:
    far, keeper = FarSide(), _Keeper()
    is_talker = bool(steps) and steps[0].verb == "talker"
    opened = _open_core(far, keeper, folder, flights, is_talker=is_talker)
    async with opened as (core, held):
        await core.warm.wait()
        await trio.testing.wait_all_tasks_blocked()
        entries, tasks = count_entries(core, held), live_tasks()
        await far.run(core, steps)
        with trio.move_on_after(OVER_WITHIN_S):
            while core.switchboard.snapshot():  # noqa: ASYNC110  # no event tells of all calls
                await trio.sleep(0.1)
        assert not core.switchboard.snapshot(), "a call does not end"
        await trio.sleep(0.1)
        for stream in far.streams:
            check_stream(stream)
        check_records(far, keeper)
        left, grown = live_tasks() - tasks, count_entries(core, held) - entries
        if any(not command.accepted for command in far.commands):
            del left["voiced.ledger.settle.Settler._settle"]  # goes on asking for hours
        else:
            assert not grown.keys() - BOUNDED, f"entries are left: {grown}"
        assert not left, f"tasks are left: {left}"


def check_stream(stream: Stream) -> None:
    """Check all that a media socket of the daemon carried to Telnyx."""
    started = [at for at, kind in stream.given if kind in ("start", "text")]
    ends = [at for at, kind in stream.given if kind in ("stop", "end")]
    heard_until, checked = 0.0, False
    for at, text in stream.sent:
        assert isinstance(text, str), "a binary message"
        assert min(started, default=at + 1) <= at, f"sent before the start: {text[:80]}"
        assert not ends or at <= ends[0] + 0.001, f"sent after the end: {text[:80]}"
        message = json.loads(text)
        if message["event"] == "media":
            audio = base64.b64decode(message["media"]["payload"], validate=True)
            assert 160 <= len(audio) <= 240_000, f"{len(audio)} bytes in one message"
            heard_until = max(heard_until, at) + len(audio) / 8000
            assert heard_until - at <= LEAD_S + 0.001, f"{heard_until - at:.3f} s ahead"
        elif message["event"] == "clear":
            heard_until = at
        if message["event"] != "media" or not checked:
            _schemas.check_to_telnyx(message)
            checked = message["event"] == "media"


def check_records(far: FarSide, keeper: _Keeper) -> None:
    """Check that every call has ended once, with a reason, and left a whole record and no leg."""
    assert set(far.statuses) <= {200, 400, 413}, f"webhooks were answered {far.statuses}"
    assert keeper.n_begun == len(keeper.records) == keeper.n_ended
    for record in keeper.records:
        json.dumps(record, allow_nan=False)
        assert record["state"] == "ended"
        reason = EndReason(record["end"]["reason"])
        assert record["end"]["evidence"]
        check_leg(far, record, reason)


def check_leg(far: FarSide, record: dict[str, Any], reason: EndReason) -> None:
    """Check that the leg of a call was hung up once at most, and at least where it had to be."""
    leg = record["call_id"]
    ours = [c for c in far.commands if c.leg == leg and c.action in ("hangup", "reject")]
    done = {command.body.get("command_id") for command in ours if command.accepted}
    assert len(done) <= 1, f"{leg} was hung up {len(done)} times"
    if record["hangup_confirmed"] or not leg:
        return
    assert any(not command.accepted for command in far.commands), f"{leg} was left up: {reason}"


class _Keeper(RecordStore):
    """Keeps records and what is told of calls, in memory."""

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []
        self.n_begun = 0
        self.n_ended = 0

    def note(self, call_id: str, event: object) -> None:
        del call_id
        self.n_begun += isinstance(event, CallRinging)
        self.n_ended += isinstance(event, CallEnded)

    async def begin(self, document: dict[str, Any]) -> None:
        del document
        await trio.lowlevel.checkpoint()

    async def amend(self, name: str, change: object) -> bool:
        del name, change
        await trio.lowlevel.checkpoint()
        return True

    async def save(self, document: dict[str, Any]) -> None:
        await trio.lowlevel.checkpoint()
        self.records.append(document)


async def _no_disk(*_work: object) -> Contents:
    await trio.lowlevel.checkpoint()
    return Contents()


def _talker() -> Staff:
    """Return an agent that greets, answers, prompts, and transfers who says so."""

    async def greet(reply):
        await reply.say("Hello, this is the test line. How can I help you?")

    async def respond(turn, reply):
        if turn.digits:
            reply.transfer("+13125550177")
        await reply.say(f"You said {turn.text or turn.digits or 'nothing'}.")

    async def nudge(silences, reply):
        await reply.say("Goodbye.")
        if silences > 1:
            reply.hang_up()

    said = [Speech(from_s=0.8, to_s=1.2, text="yes"), Speech(from_s=6.0, to_s=6.4, text="no")]
    return Staff(
        agent=FunctionAgent(greet=greet, respond=respond, nudge=nudge),
        recognizer=ScriptedRecognizer(said),
        synthesizer=ToneSynthesizer(),
    )


@asynccontextmanager
async def _open_core(
    far: FarSide, keeper: _Keeper, folder: Path, flights: Flights, *, is_talker: bool
):
    config = parse_config(_TABLES, {})
    async with (
        open_telnyx(
            config.telnyx.api_base,
            "k",
            transport=httpx.MockTransport(far.answer),
            jitter=lambda: 0.0,
        ) as telnyx,
        open_downloader() as downloader,
    ):
        ledger = await Ledger.open(folder / "legs.jsonl", _no_disk)
        fetcher = await RecordingFetcher.open(
            folder / "recordings.jsonl",
            _no_disk,
            telnyx=telnyx,
            downloader=downloader,
            records=keeper,
            api_base=config.telnyx.api_base,
            wall_clock=lambda: 0.0,
        )
        services = Services(
            config=config,
            telnyx=telnyx,
            staff={"": _talker() if is_talker else Staff(agent=far.puppet)},
            records=keeper,
            ledger=ledger,
            fetcher=fetcher,
            observer=keeper,
            flights=flights,
        )
        try:
            async with open_core(services) as core:
                yield core, (ledger, fetcher, telnyx)
        finally:
            fetcher.close()
            ledger.close()
