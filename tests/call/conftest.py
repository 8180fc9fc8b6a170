"""Whole calls on the virtual clock: the daemon's application and an emulated Telnyx, in memory."""

import base64
import io
import json
import re
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
import structlog
import trio

from voiced.agent.echo import EchoAgent
from voiced.call.dialing import DialOrder
from voiced.call_log import CallLog
from voiced.config import Config, PostCallConfig, parse_config
from voiced.ledger import Ledger
from voiced.ledger.lines import Contents
from voiced.log import configure_logging
from voiced.metrics import Observers
from voiced.outbox import Outbox, open_outbox
from voiced.record.store import RecordStore
from voiced.server.core import Core, open_core
from voiced.services.flights import NoFlights
from voiced.services.services import Services, Staff
from voiced.switchboard.dialer import Dialer
from voiced.switchboard.switchboard import Switchboard
from voiced.telnyx.download import open_downloader
from voiced.telnyx.rest import open_telnyx
from voiced.telnyx_recording import RecordingFetcher
from voiced.testing.emulator import CONNECTION_ID, EmulatedTelnyx, open_emulator
from voiced.testing.faults import NO_FAULTS
from voiced.testing.memory import CoreNetwork
from voiced.testing.network import AsgiNetwork
from voiced.testing.providers import (
    FunctionAgent,
    ScriptedRecognizer,
    Speech,
    ToneSynthesizer,
)
from voiced.testing.rules import CallRules

OUR_NUMBER = "+13125550199"


MOST_LAST_STEPS = 20
"""Of a call's task, after its leg has gone."""

PERSONAL = re.compile(r"\+1312\d{7}|\+1555\d{7}|sip:[^\"]*@")
"""Numbers and addresses of the parties of these calls."""


@pytest.fixture(autouse=True)
def log_text():
    """Keep all log lines, in JSON; no call of any test may write a number into them."""
    text = io.StringIO()
    configure_logging("debug", "json", text)
    yield text
    structlog.reset_defaults()
    leaks = [line for line in text.getvalue().splitlines() if PERSONAL.search(line)]
    assert leaks == []


@dataclass
class Journal:
    """An observer that keeps everything."""

    events: list[tuple[str, Any]] = field(default_factory=list)

    def note(self, call_id, event):
        self.events.append((call_id, event))

    def of(self, kind):
        return [event for _, event in self.events if isinstance(event, kind)]


@dataclass
class World:
    """A daemon and a Telnyx."""

    telnyx: EmulatedTelnyx
    switchboard: Switchboard
    journal: Journal
    records: list[dict[str, Any]]
    config: Config
    app: Any
    dialer: Dialer
    store: RecordStore

    def dial(self, to, **order):
        caller_id = order.pop("caller_id", "") or self.config.outbound.caller_id
        return self.switchboard.dial(
            DialOrder(to=to, caller_id=caller_id, key=f"test {to}", **order)
        )

    async def ring(self, caller, *, faults=NO_FAULTS, **rules):
        return await self.telnyx.ring(caller, faults=faults, rules=CallRules(**rules))


@dataclass
class KeptRecords(RecordStore):
    """Records kept in memory."""

    kept: list[dict[str, Any]]

    async def begin(self, document):
        await trio.lowlevel.checkpoint()

    async def amend(self, name, change):
        await trio.lowlevel.checkpoint()
        return True

    async def save(self, document):
        await trio.lowlevel.checkpoint()
        self.kept.append(document)

    async def read(self, name):
        await trio.lowlevel.checkpoint()
        return next((record for record in self.kept if self.name(record) == name), {})

    async def find(self, ref):
        await trio.lowlevel.checkpoint()
        return next((record for record in self.kept if record["ref"] == ref), {})


async def no_disk(*_work):
    """Do nothing, in the place of a disk: the ledger is tested elsewhere."""
    await trio.lowlevel.checkpoint()
    return Contents()


@asynccontextmanager
async def open_lasting(folder, telnyx, records, storage=None, told=None, post_call=None):
    """Open what outlives calls, as keywords of Services, without a disk."""
    ledger = await Ledger.open(folder / "legs.jsonl", no_disk)
    async with (
        open_downloader(transport=storage) as downloader,
        open_outbox(
            folder / "webhooks.jsonl",
            records=records,
            config=post_call or PostCallConfig(),
            wall_clock=trio.current_time,
            run_sync=no_disk,
            transport=told and httpx.MockTransport(told),
        ) as outbox,
    ):
        fetcher = await RecordingFetcher.open(
            folder / "recordings.jsonl",
            no_disk,
            telnyx=telnyx,
            downloader=downloader,
            records=records,
            api_base="http://127.0.0.1/v2",
            wall_clock=lambda: 0.0,
        )
        try:
            yield {"ledger": ledger, "fetcher": fetcher, "outbox": outbox}
        finally:
            fetcher.close()
            ledger.close()


@pytest.fixture
def open_world(tmp_path):
    """Open a world: `async with open_world(agent=..., call={"max_duration_s": 20}) as world`.

    `told` answers webhooks about placed calls, in the place of httpx's transport.

    The test itself must ask for `autojump_clock`: pytest-trio looks at its arguments only.
    """

    @asynccontextmanager
    async def opener(
        *,
        agent=None,
        recognizer=None,
        synthesizer=None,
        emulator=None,
        store=None,
        lines_staff=None,
        flights=None,
        told=None,
        **tables,
    ):
        async with open_emulator(
            AsgiNetwork(None), "http://voiced/telnyx/webhook", **(emulator or {})
        ) as telnyx:
            account = {
                "public_key": telnyx.public_key,
                "api_key": telnyx.api_key,
                "api_base": "http://127.0.0.1/v2",
                "connection_id": CONNECTION_ID,
            }
            account |= tables.pop("telnyx", {})
            given = {"telnyx": account, "agent": {"provider": "echo"}, **tables}
            given["outbound"] = {"caller_id": OUR_NUMBER, **given.get("outbound", {})}
            config = parse_config(given, {})
            journal = Journal()
            records: list[dict[str, Any]] = []
            store = store or KeptRecords(records)
            agent = agent or EchoAgent()
            words = not isinstance(agent, EchoAgent)
            async with (
                open_telnyx(
                    config.telnyx.api_base,
                    telnyx.api_key,
                    transport=httpx.ASGITransport(telnyx.app),
                    jitter=lambda: 0.0,
                ) as client,
                open_lasting(
                    tmp_path,
                    client,
                    store,
                    httpx.ASGITransport(telnyx.app),
                    told,
                    config.post_call,
                ) as lasting,
            ):
                services = Services(
                    config=config,
                    telnyx=client,
                    staff={
                        "": Staff(
                            agent=agent,
                            recognizer=recognizer or (ScriptedRecognizer() if words else None),
                            synthesizer=synthesizer or (ToneSynthesizer() if words else None),
                        ),
                        **(lines_staff or {}),
                    },
                    records=store,
                    **lasting,
                    observer=Observers([journal, CallLog()]),
                    flights=flights or NoFlights(),
                )
                async with open_core(services) as core:
                    telnyx.network = CoreNetwork(core)
                    yield World(
                        telnyx,
                        core.switchboard,
                        journal,
                        records,
                        config,
                        core.app,
                        core.dialer,
                        store,
                    )
                    # What a call has still to write down takes some steps, and no time.
                    for _ in range(MOST_LAST_STEPS):
                        if core.switchboard.snapshot():
                            await trio.lowlevel.checkpoint()
                    assert core.switchboard.snapshot() == []

    return opener


@pytest.fixture
def greeter():
    """An agent that greets, answers each turn with its words, and hangs up on goodbye."""

    async def greet(reply):
        await reply.say("Hello, this is the test line. How can I help you today?")

    async def respond(turn, reply):
        if "goodbye" in turn.text:
            await reply.say("Goodbye, and thank you for calling.")
            reply.hang_up()
        else:
            await reply.say(f"You said {turn.text or 'nothing'}.")

    async def nudge(silences, reply):
        if silences == 3:
            await reply.say("I will hang up now. Goodbye.")
            reply.hang_up()
        else:
            await reply.say("Are you still there?")

    return FunctionAgent(greet=greet, respond=respond, nudge=nudge)


@pytest.fixture
def brisk():
    """A whole conversation in two seconds: greeting, barge-in, goodbye, hangup."""

    async def greet(reply):
        await reply.say("Hello, this is the test line.")

    async def respond(turn, reply):
        await reply.say("Goodbye.")
        reply.hang_up()

    script = [Speech(from_s=0.4, to_s=0.6, text="bye", silence_s=0.2, decode_s=0.1)]
    return {
        "agent": FunctionAgent(greet=greet, respond=respond),
        "recognizer": ScriptedRecognizer(script),
    }


@dataclass
class HandLine:
    """A call made by hand, message by message: for what no honest Telnyx would send."""

    core: Core
    switchboard: Switchboard
    records: list[dict[str, Any]]
    commands: list[tuple[str, dict[str, Any]]]
    answers: dict[str, Any]
    delays: dict[str, float]
    ledger: Ledger
    fetcher: RecordingFetcher
    outbox: Outbox
    n_webhooks: int = 0

    async def webhook(self, event_type, call="v3:hand", webhook_id=None, **payload):
        self.n_webhooks += 1
        body = {
            "data": {
                "record_type": "event",
                "event_type": event_type,
                "id": webhook_id or f"hook-{self.n_webhooks}",
                "occurred_at": "2026-11-22T10:00:00.000000Z",
                "payload": {
                    "call_control_id": call,
                    "call_leg_id": "leg",
                    "call_session_id": "session",
                    "connection_id": "1",
                    "from": "+13125550100",
                    "to": "+13125550199",
                    **payload,
                },
            }
        }
        network = CoreNetwork(self.core)
        return await network.post("http://voiced/telnyx/webhook", {}, json.dumps(body).encode())

    def dial(self, to):
        return self.switchboard.dial(DialOrder(to=to, caller_id="+13125550199", key=f"test {to}"))

    async def ring(self, call="v3:hand"):
        status = await self.webhook("call.initiated", call, direction="incoming", state="parked")
        await trio.sleep(0.01)
        return status

    async def settle(self):
        """Let what a webhook has caused happen."""
        await trio.sleep(0.1)

    @property
    def media_url(self):
        return self.commands[0][1]["stream_url"]

    def media(self, url=None):
        return CoreNetwork(self.core).open_websocket(url or self.media_url, {})

    def actions(self):
        return [action for action, _ in self.commands]


def start_message(call="v3:hand", encoding="PCMU", sample_rate=8000):
    return json.dumps(
        {
            "event": "start",
            "sequence_number": "1",
            "stream_id": "s1",
            "start": {
                "call_control_id": call,
                "media_format": {
                    "encoding": encoding,
                    "sample_rate": sample_rate,
                    "channels": 1,
                },
            },
        }
    )


def media_frame(chunk=1, payload=b"\xff" * 160, stream_id="s1"):
    media = {
        "track": "inbound",
        "chunk": str(chunk),
        "timestamp": str(chunk * 20),
        "payload": base64.b64encode(payload).decode(),
    }
    return json.dumps(
        {
            "event": "media",
            "sequence_number": str(chunk + 1),
            "stream_id": stream_id,
            "media": media,
        }
    )


@pytest.fixture
def open_line(tmp_path):
    """Open a daemon whose Telnyx is the test: webhooks, REST answers and media by hand."""

    @asynccontextmanager
    async def opener(
        *, agent=None, recognizer=None, synthesizer=None, store=None, flights=None, **tables
    ):
        commands: list[tuple[str, dict[str, Any]]] = []
        answers: dict[str, Any] = {}
        delays: dict[str, float] = {}
        records: list[dict[str, Any]] = []
        store = store or KeptRecords(records)

        async def answer(request):
            await trio.lowlevel.checkpoint()
            action = request.url.path.rsplit("/", 1)[-1]
            commands.append((action, json.loads(request.content or b"{}")))
            await trio.sleep(delays.get(action, 0))
            status, document = answers.get(action, (200, {"data": {"result": "ok"}}))
            return httpx.Response(status, stream=httpx.ByteStream(json.dumps(document).encode()))

        config = parse_config(
            {
                "server": {"insecure": True},
                "telnyx": {
                    "api_key": "k",
                    "api_base": "http://127.0.0.1/v2",
                    "connection_id": CONNECTION_ID,
                },
                "agent": {"provider": "echo"},
                **tables,
            },
            {},
        )
        async with (
            open_telnyx(
                config.telnyx.api_base,
                "k",
                transport=httpx.MockTransport(answer),
                jitter=lambda: 0.0,
            ) as client,
            open_lasting(tmp_path, client, store) as lasting,
        ):
            services = Services(
                config=config,
                telnyx=client,
                staff={
                    "": Staff(
                        agent=agent or EchoAgent(), recognizer=recognizer, synthesizer=synthesizer
                    )
                },
                records=store,
                **lasting,
                observer=Journal(),
                flights=flights or NoFlights(),
            )
            async with open_core(services) as core:
                yield HandLine(
                    core, core.switchboard, records, commands, answers, delays, **lasting
                )

    return opener
