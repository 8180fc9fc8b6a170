"""One reply of an agent in a replay: the recorded steps, taken again."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import trio

from voiced.errors import CommandFailed, ToolTooSlow
from voiced.flight.taps.phone import restore
from voiced.testing.replay.tasks import CUT_S, let_pass
from voiced.turns import expect as expectations

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from voiced.agent.base import Phone, Reply
    from voiced.flight.entries import Entry
    from voiced.testing.replay.tasks import Task

REPLY_STEPS = frozenset(
    {
        *("say", "stream", "piece", "streamed", "fill", "spend", "tool", "tool_done"),
        *("expect", "hang_up", "transfer", "wait_heard", "phone", "phone_done"),
    }
)


async def perform(task: Task, reply: Reply) -> None:
    """Do in `reply` what the agent did when it was asked `task`, and come to its end.

    Raises:
        Exception: what the agent raised, in a group where the call raised it.
    """
    async with trio.open_nursery() as nursery:
        acts = Acts(reply.phone)
        await _Performance(task.steps, reply, acts, nursery.start_soon).run()
        if task.end is None:
            await trio.sleep(CUT_S)
        nursery.cancel_scope.cancel()
    if task.end is not None:
        await task.finish()


class Acts:
    """What is done by the phone, each with a number."""

    def __init__(self, phone: Phone) -> None:
        """Do it by `phone`."""
        self._phone = phone
        self._scopes: dict[int, trio.CancelScope] = {}
        self._done: dict[int, trio.Event] = {}

    def begin(self, act: int) -> None:
        """Let the act `act` begin, before `do` runs."""
        self._scopes[act], self._done[act] = trio.CancelScope(), trio.Event()

    async def do(self, step: Entry) -> None:
        """Do one thing; how Telnyx answers is recorded, and what the agent made of that, too."""
        data = step.data
        act = data["act"]
        try:
            with self._scopes[act]:
                named = {name: restore(value) for name, value in data["named"].items()}
                await getattr(self._phone, data["method"])(**named)
        except CommandFailed:
            await trio.lowlevel.checkpoint()  # the agent had it, and its next steps say the rest
        finally:
            self._done[act].set()

    async def end(self, step: Entry) -> None:
        """Wait for the end of what was done, or cancel it as the agent did."""
        act = step.data["act"]
        if step.data.get("cancelled"):
            self._scopes[act].cancel()
        await self._done[act].wait()


class _Performance:
    """The steps of one reply, taken again."""

    def __init__(
        self, steps: list[Entry], reply: Reply, acts: Acts, start_soon: Callable[..., None]
    ) -> None:
        self._steps = deque(steps)
        self._reply = reply
        self._acts = acts
        self._start_soon = start_soon
        self._begun: Entry | None = None
        self._said: trio.Event | None = None

    async def run(self, until: str = "") -> None:
        """Take the steps, each after its time, up to one of the kind `until`."""
        while (step := await self._next()) is not None and step.kind != until:
            await self._take(step)

    async def _next(self) -> Entry | None:
        self._begun = step = self._steps.popleft() if self._steps else None
        if self._said is not None and not (step and step.data.get("beside")):
            await self._said.wait()
            self._said = None
        if step is not None:
            await let_pass(step.data["after_s"])
        return step

    async def _use_tool(self, name: str, arguments: str) -> None:
        """Take the steps within a tool; its lateness is ours to raise only if it was then."""
        try:
            async with self._reply.tool(name, arguments):
                await self.run(until="tool_done")
        except ToolTooSlow:
            if self._begun is None or self._begun.kind != "tool_done":
                raise

    async def _say(self, pieces: _RecordedPieces, *, protected: bool) -> None:
        """Speak a stream; where other steps were taken before its audio was queued, beside them."""
        if not pieces.goes_on_beside:
            await self._reply.say(pieces, protected=protected)
            return
        self._said = said = trio.Event()

        async def say() -> None:
            await self._reply.say(pieces, protected=protected)
            said.set()

        self._start_soon(say)
        await pieces.over.wait()

    async def _take(self, step: Entry) -> None:
        data = step.data
        match step.kind:
            case "say":
                await self._reply.say(data["text"], protected=data["protected"])
            case "stream":
                await self._say(_RecordedPieces(self._steps), protected=data["protected"])
            case "tool":
                await self._use_tool(data["name"], data["arguments"])
            case "phone":
                self._acts.begin(data["act"])
                self._start_soon(self._acts.do, step)
            case "phone_done":
                await self._acts.end(step)
            case "wait_heard":
                await self._reply.wait_heard()
            case _:
                self._decide(step.kind, data)

    def _decide(self, kind: str, data: Mapping[str, Any]) -> None:
        """Take a step that does not wait."""
        match kind:
            case "fill":
                self._reply.fill(data["text"])
            case "spend":
                self._reply.spend(data["tokens"])
            case "expect":
                own = data.keys() - {"n", "after_s", "beside", "what"}
                fields = {key: data[key] for key in own}
                self._reply.expect(getattr(expectations, data["what"])(**fields))
            case "hang_up":
                self._reply.hang_up()
            case _:
                self._reply.transfer(data["to"], data.get("briefing", ""))


class _RecordedPieces:
    """A model's stream, piece by piece, as it came; what came between them is left where it is."""

    def __init__(self, steps: deque[Entry]) -> None:
        self._steps = steps
        self.over = trio.Event()
        """Set once all pieces were taken."""

    @property
    def goes_on_beside(self) -> bool:
        """Whether something was done between the last piece and its audio."""
        kinds = [step.kind for step in self._steps]
        behind = kinds.index("streamed") + 1 if "streamed" in kinds else len(kinds)
        return behind < len(kinds) and bool(self._steps[behind].data.get("beside"))

    def __aiter__(self) -> _RecordedPieces:
        return self

    async def __anext__(self) -> str:
        step = self._take()
        if step is None:  # it was cut here
            await trio.sleep(CUT_S)
            raise StopAsyncIteration
        await let_pass(step.data["after_s"])
        if step.kind == "streamed":
            self.over.set()
            raise StopAsyncIteration
        text: str = step.data["text"]
        return text

    def _take(self) -> Entry | None:
        for number, step in enumerate(self._steps):
            if step.kind == "stream":
                return None
            if step.kind in {"piece", "streamed"}:
                del self._steps[number]
                return step
        return None
