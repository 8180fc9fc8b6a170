"""Telnyx, the operator and the agent, as a script wants them; what the daemon sent is kept."""

from __future__ import annotations

import json
from collections import defaultdict
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, ClassVar

import httpx
import numpy as np
import trio
from pydantic import BaseModel

from tests.fuzz import messages
from tests.fuzz.steps import Step, lay_over, number
from voiced.call.call import Call
from voiced.call.dialing import DialOrder
from voiced.errors import CannotDial, MediaStreamClosed, TelnyxError
from voiced.leg.leg import EndReason
from voiced.server.core import Core
from voiced.testing.memory import CoreNetwork, MemorySocket

LONGEST_WAIT_S = 70.0
MOST_CALLS = 4
TARGET = "+13125550177"


@dataclass(frozen=True, slots=True)
class Command:
    """One command that the daemon sent.

    `leg` is "" for a dial; `accepted` if Telnyx obeyed, and said so in time.
    """

    action: str
    leg: str
    body: dict[str, Any]
    accepted: bool


@dataclass(slots=True)
class Stream:
    """One media socket, and what came out of it: (time, message)."""

    leg: str
    socket: MemorySocket
    sent: list[tuple[float, str | bytes]] = field(default_factory=list)
    given: list[tuple[float, str]] = field(default_factory=list)
    """The kinds of messages that the daemon was given, and when; "end" for the socket's end."""


class Puppet:
    """An audio agent that does as it is told, in every call."""

    Settings: ClassVar[type[BaseModel]] = BaseModel
    rate_hz = 8000

    def __init__(self) -> None:
        self.lines: list[Any] = []
        self._leaves = trio.Event()

    @classmethod
    @asynccontextmanager
    async def open(cls, settings):
        yield cls()

    async def converse(self, call, frames, line):
        self.lines.append(line)
        try:
            with frames:
                async with trio.open_nursery() as nursery:

                    async def hear() -> None:
                        async for _ in frames:
                            pass
                        nursery.cancel_scope.cancel()

                    nursery.start_soon(hear)
                    await self._leaves.wait()
                    nursery.cancel_scope.cancel()
        finally:
            self.lines.remove(line)

    async def order(self, verb: str, seconds: float) -> None:
        """Do something in the call that came last."""
        if verb == "leave":
            self._leaves.set()
            self._leaves = trio.Event()
            return
        for line in self.lines[-1:]:
            if verb == "play":
                with trio.move_on_after(seconds / 4):  # it is given up while it waits for room
                    await line.play(np.zeros(round(seconds * 8000), np.int16), 8000)
            elif verb == "name":
                line.mark(lambda name: None)
            else:
                line.clear()


class FarSide:
    """Does the steps of one script to one daemon."""

    def __init__(self) -> None:
        self.commands: list[Command] = []
        self.statuses: list[int] = []
        self.streams: list[Stream] = []
        self.puppet = Puppet()
        self.told_of_end: set[str] = set()
        """Legs whose end Telnyx has told, or answered to a command."""
        self._answers: dict[str, str] = {}
        self._states: dict[str, str] = {}
        self._urls: dict[str, str] = {}
        self._numbers: defaultdict[str, int] = defaultdict(int)
        self._last_hook = b""
        self._sockets: trio.Nursery
        self._core: Core
        self._network: CoreNetwork

    # -- REST ------------------------------------------------------------------------------------

    async def answer(self, request: httpx.Request) -> httpx.Response:
        """Answer one command, in the place of httpx's transport."""
        await trio.lowlevel.checkpoint()
        parts = request.url.path.removeprefix("/v2/calls").strip("/").split("/")
        action, leg = (parts[-1], parts[0]) if parts[0] else ("dial", "")
        if request.method == "GET":  # is this leg still up?
            return _response(200, {"data": {"call_control_id": leg, "is_alive": False}})
        body = json.loads(request.content or b"{}")
        how = self._answers.get(action, self._answers.get("*", "200"))
        accepted = how == "200"
        self.commands.append(Command(action, leg, body, accepted))
        if how == "slow":
            await trio.sleep(6.0)
        if how == "drop":
            raise httpx.ReadError("lost")
        if how not in ("200", "slow"):
            error = {"code": "90018" if how == "422" else "10000", "title": "no", "detail": "no"}
            if how == "422":
                self.told_of_end.add(leg)
            return _response(int(how), {"errors": [error]})
        return _response(200, {"data": {"result": "ok", **self._obey(action, leg, body)}})

    def _obey(self, action: str, leg: str, body: dict[str, Any]) -> dict[str, Any]:
        if action == "transfer":
            self._states["target"] = body.get("target_leg_client_state", "")
        if action == "dial":
            leg = f"out{self._next('out') - 1}"
            self._states[leg] = body.get("client_state", "")
        if "stream_url" in body:
            self._urls[leg] = body["stream_url"]
        ids = ("call_control_id", "call_leg_id", "call_session_id")
        return dict.fromkeys(ids, leg) if action == "dial" else {}

    def _next(self, what: str) -> int:
        self._numbers[what] += 1
        return self._numbers[what]

    # -- the script ------------------------------------------------------------------------------

    async def run(self, core: Core, steps: list[Step]) -> None:
        """Do `steps`, then close every socket."""
        self._core, self._network = core, CoreNetwork(core)
        async with trio.open_nursery() as self._sockets:
            for step in steps:
                with trio.move_on_after(LONGEST_WAIT_S):
                    await self._do(step)
            await trio.sleep(0.05)
            for stream in self.streams:
                stream.given.append((trio.current_time(), "end"))
            self._sockets.cancel_scope.cancel()

    async def _do(self, step: Step) -> None:
        match step.verb:
            case "ring" | "hook" | "again" | "post":
                await self._tell(step)
            case "open":
                await self._sockets.start(self._carry_socket, step.words("in0")[0])
            case "say" | "frame" | "speak" | "mark" | "text" | "binary" | "close" | "reset":
                if self.streams:
                    await self._converse(self.streams[-1], step)
            case "play" | "name" | "clear" | "leave":
                seconds = number(step.words("1")[0], top=30, default=1)
                await self.puppet.order(step.verb, seconds)
                await trio.testing.wait_all_tasks_blocked()
            case "answer":
                action, how = step.words("*", "200")
                if how in ("200", "404", "422", "429", "500", "slow", "drop"):
                    self._answers[action] = how
            case "wait":
                await trio.sleep(number(step.words("1")[0], top=LONGEST_WAIT_S - 1, default=1))
            case _:
                self._operate(step.verb)

    def _operate(self, verb: str) -> None:
        switchboard = self._core.switchboard
        calls = [switchboard.find(one["ref"]) for one in switchboard.snapshot()]
        live: list[Call] = [call for call in calls if call is not None]
        match verb:
            case "transfer" if live:
                live[-1].transfer(TARGET)
            case "hangup" if live:
                live[-1].end_from_outside(EndReason.OPERATOR_HUNG_UP, "the operator")
            case "drain":
                switchboard.refuse_new_calls()
            case "dial" if self._numbers["dial"] < MOST_CALLS:
                order = DialOrder(
                    to=TARGET, caller_id="+13125550199", key=f"dial {self._next('dial')}"
                )
                with suppress(CannotDial):
                    switchboard.dial(order)
            case _:
                pass

    # -- webhooks --------------------------------------------------------------------------------

    async def _tell(self, step: Step) -> None:
        match step.verb:
            case "ring":
                leg = f"in{int(number(step.words('in0')[0][2:], top=99, default=0))}"
                body = self._hook("call.initiated", leg, {"state": "parked"})
            case "hook":
                event_type, leg = step.words("call.answered", "in0")
                body = self._hook(event_type, leg, step.changes(2))
            case "again":
                body = self._last_hook
            case _:
                body = step.rest.encode("utf-8", "surrogateescape")
        self._last_hook = body
        url = "http://voiced/telnyx/webhook"
        self.statuses.append(await self._network.post(url, {}, body))

    def _hook(self, event_type: str, leg: str, changes: dict[str, Any]) -> bytes:
        n = self._next("hook")
        right = messages.webhook(n, event_type, leg, self._states.get(leg))
        if leg[:2] != "in":  # Telnyx tells two legs apart: a dialled one never comes in
            changes = {**changes, "direction": "outgoing"}
        whole = changes if "data" in changes else {"data": {"payload": changes}}
        if event_type == "call.hangup":
            self.told_of_end.add(leg)
        return json.dumps(lay_over(right, whole)).encode()

    # -- the media socket ------------------------------------------------------------------------

    async def _carry_socket(
        self, leg: str, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Open a media socket and listen to it until either side closes it."""
        url = self._urls.get(leg, "ws://voiced/none")
        try:
            async with self._network.open_websocket(url, {}) as socket:
                stream = Stream(leg, socket)
                self.streams.append(stream)
                task_status.started()
                with suppress(MediaStreamClosed):
                    while True:
                        message = await socket.receive()
                        stream.sent.append((trio.current_time(), message))
        except TelnyxError:  # refused
            task_status.started()

    async def _converse(self, stream: Stream, step: Step) -> None:
        match step.verb:
            case "say":
                event = step.words("media")[0]
                right = messages.media_message(self._next("message"), event, stream.leg)
                await self._give(stream, event, json.dumps(lay_over(right, step.changes(1))))
            case "frame":
                chunk, n_bytes, track = step.words("1", "160", "inbound")
                await self._frame(
                    stream,
                    int(number(chunk, top=2**70, default=1)),
                    int(number(n_bytes, top=300_000, default=160)),
                    track,
                )
            case "speak":
                seconds = number(step.words("0.1")[0], top=5, default=0.1)
                for _ in range(round(seconds / 0.02)):
                    await self._frame(stream, self._next("chunk"), 160, "inbound")
                    await trio.sleep(0.02)
            case "mark":
                await self._mark(stream, int(number(step.words("0")[0], top=99, default=0)))
            case "text":
                await self._give(stream, "text", step.rest)
            case "binary":
                await self._give(stream, "text", step.rest.encode("utf-8", "surrogateescape"))
            case _:
                stream.given.append((trio.current_time(), "end"))
                stream.socket.close(int(number(step.words("1000")[0], top=4999, default=1006)))

    async def _frame(self, stream: Stream, chunk: int, n_bytes: int, track: str) -> None:
        message = messages.frame(chunk, n_bytes, track)
        await self._give(stream, "media", json.dumps(message))

    async def _mark(self, stream: Stream, index: int) -> None:
        """Return a mark that the daemon has sent; it may come twice."""
        marks = [json.loads(text) for _, text in stream.sent if '"mark"' in str(text)]
        if marks:
            name = marks[index % len(marks)]["mark"]["name"]
            right = messages.media_message(self._next("message"), "mark", stream.leg)
            text = json.dumps(lay_over(right, {"mark": {"name": name}}))
            await self._give(stream, "mark", text)

    async def _give(self, stream: Stream, event: str, message: str | bytes) -> None:
        stream.given.append((trio.current_time(), event))
        with suppress(MediaStreamClosed):
            await stream.socket.send(message)
        await trio.testing.wait_all_tasks_blocked()


def _response(status: int, document: dict[str, Any]) -> httpx.Response:
    return httpx.Response(status, stream=httpx.ByteStream(json.dumps(document).encode()))
