"""Calls without telephony, in any number: real records and journal events, made up by a clock.

What the dashboard sees of them is what it sees of real ones; who makes them is not the daemon.
"""

import random
from collections.abc import Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import trio
from quart_trio import QuartTrio

from voiced.admin.guard import add_guard
from voiced.dashboard.audience import Audience
from voiced.dashboard.board import Board
from voiced.dashboard.routes import add_live_pages
from voiced.public.listeners import open_listener, serve_app
from voiced.record.heard import Heard
from voiced.record.journal import (
    AgentHeard,
    AgentSpeaking,
    BargeIn,
    CallAnswered,
    CallEnded,
    CallerSaid,
    CallerSpeaking,
    CallRinging,
    Cleared,
)
from voiced.record.latency import Latency
from voiced.record.record import RecordBuilder

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp()

QUESTIONS = (
    "when are you open on sunday",
    "i would like to book a table for four",
    "could you repeat that please",
    "no, tomorrow at half past seven",
)
ANSWERS = (
    "We are open from nine to five on weekdays, and on Sundays from ten to two.",
    "With pleasure. At what time shall I expect you?",
    "I have a table by the window at half past seven. Shall I book it for you?",
    "Thank you. You will get a message that confirms it.",
)


@dataclass
class SyntheticCall:
    """One call; `tell` takes journal events as `voiced.call.call.Call.note` does."""

    ref: str
    id: str
    board: Board
    started_at: float
    caller: str = "+13125550101"
    called: str = "+13125550199"
    leg: str = "ringing"
    record: RecordBuilder = field(init=False)

    def __post_init__(self):
        self.record = RecordBuilder(
            call_id=self.id,
            ref=self.ref,
            direction="incoming",
            ids={},
            line="",
            started=datetime.fromtimestamp(self.started_at, UTC),
            via="call_control",
        )

    def snapshot(self):
        return {**self.record.document(), "leg": self.leg}

    def tell(self, event):
        self.record.note(event)
        self.board.note(self.id, event)

    def ring(self, at):
        self.tell(CallRinging(caller=self.caller, called=self.called, at=at))

    def answer(self, at):
        self.leg = "streaming"
        self.tell(CallAnswered(at=at))

    def ask(self, text, at, *, began):
        self.tell(CallerSpeaking(at=began + 0.1, voice_at=began))
        self.tell(CallerSaid(text=text, confidence=0.93, at=at))

    def reply(self, text, at, parts=(0.3, 0.05, 0.25, 0.15, 0.01, 0.04)):
        names = ("endpointing", "recognizer", "model", "synthesizer", "pacing", "lead_in")
        latency = Latency(**{f"{name}_s": s for name, s in zip(names, parts, strict=True)})
        self.tell(AgentSpeaking(text=text, at=at, latency_s=latency.total_s, latency=latency))

    def heard(self, text, at, *, share=1.0):
        words = text.split()
        part = " ".join(words[: round(share * len(words))])
        heard: Heard = "all" if part == text else "part" if part else "none"
        self.tell(AgentHeard(text=text, heard=heard, heard_text=part, at=at))

    def cut(self, text, at):
        self.tell(CallerSpeaking(at=at - 0.05, voice_at=at - 0.15))
        self.tell(BargeIn(at=at, voice_at=at - 0.15))
        self.tell(Cleared(at=at + 0.01))
        self.heard(text, at + 0.02, share=0.5)

    def end(self, reason, at, evidence="the far end hung up"):
        self.leg = "gone"
        self.tell(CallEnded(reason=reason, evidence=evidence, at=at))


@dataclass
class SyntheticHouse:
    """Calls and who knows them all."""

    wall_clock: Callable[[], float]
    board: Board = field(default_factory=Board)
    calls: dict[str, SyntheticCall] = field(default_factory=dict)
    is_draining: bool = False
    n_rung: int = 0

    def live(self):
        return list(self.calls.items())

    async def look(self):
        await trio.lowlevel.checkpoint()

    def new_call(self, **given):
        self.n_rung = n = self.n_rung + 1
        call = SyntheticCall(
            ref=f"{n:016x}",
            id=f"v3:{n}",
            board=self.board,
            started_at=self.wall_clock(),
            caller=given.pop("caller", f"+1312555{n:04}"),
            **given,
        )
        self.calls[call.ref] = call
        call.ring(trio.current_time())
        return call

    def end(self, call, reason="caller_hung_up"):
        call.end(reason, trio.current_time())
        del self.calls[call.ref]

    async def converse(self, call, *, seed, turns=1000):
        """Live a call: questions and answers, some of them cut off."""
        chance = random.Random(seed)
        await trio.sleep(chance.uniform(0.05, 1.0))
        call.answer(trio.current_time())
        for n in range(turns):
            began = trio.current_time()
            await trio.sleep(chance.uniform(0.8, 2.5))
            call.ask(QUESTIONS[n % 4], trio.current_time(), began=began)
            await trio.sleep(chance.uniform(0.3, 1.2))
            call.reply(ANSWERS[n % 4], trio.current_time())
            await trio.sleep(chance.uniform(1.5, 4.0))
            if chance.random() < 0.25:
                call.cut(ANSWERS[n % 4], trio.current_time())
            else:
                call.heard(ANSWERS[n % 4], trio.current_time())


def make_app(house, *, token=""):
    app = QuartTrio("synthetic", static_folder=None)
    audience = Audience(house.board, house, house.wall_clock)
    add_guard(app, token, house.wall_clock)
    add_live_pages(app, audience, has_token=bool(token))
    return app, audience


@asynccontextmanager
async def open_stage(wall_clock):
    """Serve the live pages of a synthetic house on loopback: yields (house, audience, url)."""
    house = SyntheticHouse(wall_clock)
    app, audience = make_app(house)
    with open_listener("127.0.0.1:0", "test") as listener:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(audience.run)
            await nursery.start(serve_app, app, listener)
            yield house, audience, f"http://{listener.address}"
            nursery.cancel_scope.cancel()
