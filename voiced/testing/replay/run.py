"""Runs a replay: the daemon's core, with the recording on all its sides, on a virtual clock."""

from __future__ import annotations

import json
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import trio
from trio.testing import MockClock

from voiced.call.dialing import DialOrder
from voiced.flight.entries import Entry
from voiced.flight.flight import Flight
from voiced.flight.outcome import Outcome, compare, find_outcome
from voiced.flight.reading import RecordingUnusable
from voiced.ledger import LEDGER_FILE, Ledger
from voiced.ledger.lines import Contents
from voiced.leg.leg import EndReason
from voiced.providers import AGENTS, load_provider
from voiced.record.journal import Unobserved
from voiced.record.store import RecordStore
from voiced.server.core import open_core
from voiced.services.services import Services, Staff
from voiced.telnyx.download import open_downloader
from voiced.telnyx.rest import open_telnyx
from voiced.telnyx_recording import FETCHES_FILE, RecordingFetcher
from voiced.testing.memory import CoreNetwork
from voiced.testing.replay.api import RecordedApi
from voiced.testing.replay.config import replay_config
from voiced.testing.replay.feed import Feed
from voiced.testing.replay.live import is_embedded, open_live_staff
from voiced.testing.replay.staff import (
    RecordedAgent,
    RecordedAudioAgent,
    RecordedRecognizer,
    RecordedSynthesizer,
)
from voiced.testing.scheduling import shuffled_by
from voiced.testing.webhooks import Signer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from voiced.call.call import Call
    from voiced.config import Config
    from voiced.flight.reading import FlightRecording
    from voiced.server.core import Core
    from voiced.telnyx.rest import TelnyxClient

GONE_S = 0.2
"""After its record, for what is left of a call to go, or to be found."""

LONGER_S = 3600.0
"""A call that goes on for so long after the end of its recording will not end."""


@dataclass(frozen=True, kw_only=True)
class Replayed:
    """A call that was held again.

    Attributes:
        recording: what it was held from.
        entries: what it noted itself.
        record: its call.json.
    """

    recording: FlightRecording
    entries: tuple[Entry, ...]
    record: Mapping[str, Any]

    @cached_property
    def outcome(self) -> Outcome:
        """Return what it came to."""
        return find_outcome(self.entries, self.record)

    @cached_property
    def recorded_outcome(self) -> Outcome | None:
        """Return what it had come to; None when the recording was broken off."""
        if self.recording.record is None:
            return None
        return find_outcome(self.recording.entries, self.recording.record)

    def differences(self, expected: Outcome | None = None) -> list[str]:
        """Return where it came to something else than `expected`, as lines for a reader.

        `expected` is by default what it had come to when it was recorded.
        """
        expected = expected or self.recorded_outcome
        return compare(expected, self.outcome) if expected is not None else []


class Saboteur(trio.abc.Instrument):
    """Watches the tasks of a replay, to do something to the call: see the sweep in tests/call."""

    def begin(self, core: Core, network: CoreNetwork) -> None:
        """Learn whom to do it to."""

    def end(self, replayed: Replayed) -> None:
        """See what came of it, while the daemon still runs."""


def replay(
    recording: FlightRecording,
    *,
    seed: int = 0,
    live: Config | None = None,
    saboteur: Saboteur | None = None,
) -> Replayed:
    """Hold the call again. Not to be called inside a Trio run.

    Args:
        recording: of the call.
        seed: for Trio's order of tasks that are ready together.
        live: with its recognizer, agent and synthesizer instead of the recorded ones. Those that
            come with voiced work on the virtual clock; with others the call takes its time.
        saboteur: disturbs the call.

    Raises:
        RecordingUnusable: there is no call in it, or one that cannot be held here.
        StartupError: a live provider cannot be opened.
    """
    clock = MockClock(autojump_threshold=0) if live is None or is_embedded(live) else None
    with shuffled_by(seed):
        instruments = [saboteur] if saboteur is not None else []
        return trio.run(_replay, recording, live, saboteur, clock=clock, instruments=instruments)


async def _replay(
    recording: FlightRecording, live: Config | None, saboteur: Saboteur | None
) -> Replayed:
    origin = trio.current_time()
    started_at = datetime.fromisoformat(recording.header["started_at"]).timestamp()

    def wall_clock() -> float:
        return started_at + trio.current_time() - origin

    signer, ref = Signer(), str(recording.header["ref"])
    config = replay_config(recording, signer)
    feed = Feed(recording, signer=signer, wall_clock=wall_clock, origin=origin)
    api = RecordedApi(recording, feed.command)
    flights, records = _KeptFlights(), _KeptRecords()
    async with AsyncExitStack() as stack:
        staff = await _open_staff(recording, live, origin, stack)
        key = config.telnyx.api_key
        telnyx = await stack.enter_async_context(
            open_telnyx(
                config.telnyx.api_base,
                key.get_secret_value() if key is not None else "",
                transport=api,
                jitter=api.jitter,
            )
        )
        services = Services(
            config=config,
            telnyx=telnyx,
            staff=dict.fromkeys(("", *config.lines), staff),
            records=records,
            **await _open_lasting(telnyx, records, config.telnyx.api_base, stack),
            observer=Unobserved(),
            flights=flights,
        )
        core = await stack.enter_async_context(
            open_core(services, wall_clock=wall_clock, make_ref=lambda: ref)
        )
        network = CoreNetwork(core)
        if saboteur is not None:
            saboteur.begin(core, network)
        await _hold(recording, core, network, feed, records, origin)
        if flights.flight is None or records.record is None:
            raise RecordingUnusable(f"{recording.name}: no call came of it")
        replayed = Replayed(recording=recording, entries=flights.entries(), record=records.record)
        if saboteur is not None:
            saboteur.end(replayed)
    return replayed


async def _hold(
    recording: FlightRecording,
    core: Core,
    network: CoreNetwork,
    feed: Feed,
    records: _KeptRecords,
    origin: float,
) -> None:
    """Hold the call until its record is there and it is gone, or nothing comes of it."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(feed.run, network, name="recording")
        nursery.start_soon(_order, recording, core, origin, name="operator")
        with trio.move_on_after(recording.length_s + LONGER_S):
            await records.saved.wait()
            await trio.sleep(GONE_S)
        nursery.cancel_scope.cancel()


async def _order(recording: FlightRecording, core: Core, origin: float) -> None:
    """Do what the operator did: dial, transfer, hang up, stop the daemon."""
    ref = recording.header["ref"]
    if recording.header["direction"] == "outgoing":
        _dial(recording, core)
    for order in recording.of("order"):
        await trio.sleep_until(origin + order.at_s)
        call = core.switchboard.find(ref)
        if call is not None:
            await _decide(order.data, call, core)


async def _decide(told: Mapping[str, Any], call: Call, core: Core) -> None:
    """Do one thing to the call that was done from outside; it was refused by `replay_config`."""
    match told:
        case {"what": "transfer", "to": to}:
            call.transfer(to)
        case {"what": "end", "reason": EndReason.SHUTDOWN.value}:
            await core.switchboard.close()
        case {"what": "end", "reason": reason, "evidence": evidence}:
            call.end(EndReason(reason), evidence)
        case _:
            pass


def _dial(recording: FlightRecording, core: Core) -> None:
    """Place the call as it was placed, or was about to be."""
    dialled = [entry for entry in recording.of("request") if entry.data["action"] == "dial"]
    asked: Mapping[str, Any] = json.loads(dialled[0].data["body"]) if dialled else {}
    record = recording.record or {}
    order = DialOrder(
        to=asked.get("to") or record.get("to", ""),
        caller_id=asked.get("from") or record.get("from", ""),
        key=recording.header["ref"],
        line=recording.header["config"]["line"],
        detection=asked.get("answering_machine_detection", "disabled"),
    )
    core.switchboard.dial(order)


async def _open_staff(
    recording: FlightRecording, live: Config | None, origin: float, stack: AsyncExitStack
) -> Staff:
    """Return the recorded providers; an agent that was not recorded, being repeatable, itself."""
    if live is not None:
        return await open_live_staff(live, stack)
    header = recording.header
    if header["repeatable_agent"]:
        provider = load_provider(AGENTS, header["config"]["agent"]["provider"])
        settings = provider.Settings(**header["config"]["agent"]["settings"])
        return Staff(agent=await stack.enter_async_context(provider.open(settings)))
    if header["audio_agent"] and not header.get("stand_in"):
        return Staff(agent=RecordedAudioAgent(recording, origin))
    words = RecordedAgent(recording)
    in_audio = RecordedAudioAgent(recording, origin) if header["audio_agent"] else None
    return Staff(
        agent=in_audio or words,
        stand_in=words if in_audio else None,
        recognizer=RecordedRecognizer(recording, origin),
        synthesizer=RecordedSynthesizer(recording),
    )


class _KeptFlights:
    """The flight recorder of a replay: in memory."""

    def __init__(self) -> None:
        self.flight: Flight | None = None

    def begin(self, record: dict[str, Any], token: str) -> Flight:
        self.flight = Flight(record, token, most_bytes=float("inf"))
        return self.flight

    def entries(self) -> tuple[Entry, ...]:
        """Return what was noted, as it would be read."""
        assert self.flight is not None
        origin = self.flight.notes.origin
        return tuple(
            Entry(at_s=at - origin, kind=kind, data={"m": data} if isinstance(data, str) else data)
            for at, kind, data in self.flight.notes.take()
        )


async def _open_lasting(
    telnyx: TelnyxClient, records: RecordStore, api_base: str, stack: AsyncExitStack
) -> dict[str, Any]:
    """Open what outlives calls, as keywords of Services; of the disk it has only the locks."""
    folder = Path(stack.enter_context(TemporaryDirectory(prefix="voiced-replay-")))
    ledger = await Ledger.open(folder / LEDGER_FILE, _no_disk)
    stack.callback(ledger.close)
    fetcher = await RecordingFetcher.open(
        folder / FETCHES_FILE,
        _no_disk,
        telnyx=telnyx,
        downloader=await stack.enter_async_context(open_downloader()),
        records=records,
        api_base=api_base,
        wall_clock=lambda: 0.0,
    )
    stack.callback(fetcher.close)
    return {"ledger": ledger, "fetcher": fetcher}


async def _no_disk(*work: object) -> Contents:
    """Do nothing, in the place of the ledger's disk."""
    del work
    await trio.lowlevel.checkpoint()
    return Contents()


class _KeptRecords(RecordStore):
    """Keeps the call's record in memory."""

    def __init__(self) -> None:
        self.record: dict[str, Any] | None = None
        self.saved = trio.Event()

    async def begin(self, document: dict[str, Any]) -> None:
        del document
        await trio.lowlevel.checkpoint()

    async def save(self, document: dict[str, Any]) -> None:
        await trio.lowlevel.checkpoint()
        self.record = document
        self.saved.set()
