"""Everybody who looks at the dashboard, and what is sent to them. A task of the admin listener.

A few times a second, and only while somebody looks, what has changed is rendered once for all and
put before each browser: the latest version of each row, not one after the other. So a browser that
is slow sees less, and costs no memory and no call anything. One that lies too far behind is given
everything anew.
"""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

import trio

from voiced.dashboard.html import render
from voiced.dashboard.view import call_view
from voiced.doorbell import Doorbell
from voiced.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from voiced.dashboard.board import Board
    from voiced.dashboard.view import CallView

log = get_logger(__name__)

PERIOD_S = 0.3
"""Between two looks at what has changed."""

IDLE_S = 1.0
"""The longest time between them: a leg's state is told to nobody."""

HEARTBEAT_S = 15.0
"""A stream that says nothing for so long says so, and finds out whether anybody is left."""

MOST_SEATS = 32

MOST_UNREAD = 1000
"""Rows that may wait for one browser."""

_LAST_TURNS = 2
_ROWS_AT_ONCE = 3
"""Rows rendered in one step of the loop: about a millisecond."""


class LiveCall(Protocol):
    """What is needed of `voiced.call.call.Call`."""

    @property
    def id(self) -> str:
        """Its call_control_id; "" as long as nobody knows it."""
        ...

    def snapshot(self) -> dict[str, Any]:
        """Return its record as it stands, and where its leg stands."""
        ...


class House(Protocol):
    """Who knows all calls."""

    def live(self) -> Iterable[tuple[str, LiveCall]]:
        """Return all live calls with what we call them."""
        ...

    @property
    def is_draining(self) -> bool:
        """Whether new calls are refused."""
        ...

    async def look(self) -> None:
        """Find out about calls that nobody tells of."""
        ...


@dataclass(slots=True, eq=False, kw_only=True)
class Seat:
    """One browser; `watched` is the call that it looks at more closely, "" for none."""

    watched: str
    bell: Doorbell = field(default_factory=Doorbell)
    rows: dict[str, str] = field(default_factory=dict)
    panel: str | None = None
    day: str | None = None
    wants_all: bool = True


@dataclass(slots=True, kw_only=True)
class AudienceStatistics:
    """What looking has cost: `busy_s` of the loop, rows rendered, messages sent, their bytes."""

    busy_s: float = 0.0
    rows: int = 0
    messages: int = 0
    characters: int = 0


class Audience:
    """All seats."""

    def __init__(
        self,
        board: Board,
        house: House,
        wall_clock: Callable[[], float],
        n_waiting: Callable[[], int] = lambda: 0,
    ) -> None:
        """Show the calls of `house`.

        Args:
            board: knows what changes.
            house: all live calls.
            wall_clock: unix time.
            n_waiting: how many orders wait to be placed.
        """
        self._board = board
        self._n_waiting = n_waiting
        self._house = house
        self._wall_clock = wall_clock
        self._bell = Doorbell()
        self._seats: list[Seat] = []
        self._calls: dict[str, LiveCall] = {}
        self._rows: dict[str, str] = {}  # of live calls, as JSON
        self._marks: dict[str, object] = {}
        self._day = ""
        self.is_dismissed = False
        """Whether another process serves the dashboard from now on: streams end."""
        self.statistics = AudienceStatistics()

    # -- the browsers' side ----------------------------------------------------------------------

    @property
    def is_full(self) -> bool:
        """Whether as many browsers look as may."""
        return len(self._seats) >= MOST_SEATS

    @contextmanager
    def seat(self, watched: str) -> Iterator[Seat]:
        """Take a seat for as long as somebody looks; whoever asks has seen whether one is free."""
        seat = Seat(watched=watched)
        if not self._seats:
            self._board.watch(self._bell.ring)
        self._seats.append(seat)
        self._bell.ring()
        try:
            yield seat
        finally:
            self._seats.remove(seat)
            if not self._seats:
                self._board.watch(None)
                self._forget()

    def dismiss(self) -> None:
        """Let all streams end: whoever comes back comes to another process."""
        self.is_dismissed = True
        for seat in self._seats:
            seat.bell.ring()

    async def next_message(self, seat: Seat) -> str:
        """Return the next message of the stream for one browser, as server-sent events have it."""
        await seat.bell.wait(trio.current_time() + HEARTBEAT_S)
        await trio.lowlevel.checkpoint()
        message = self._message(seat)
        self.statistics.messages += 1
        self.statistics.characters += len(message)
        return message

    def _message(self, seat: Seat) -> str:
        rows, seat.rows = seat.rows, {}
        panel, seat.panel = seat.panel, None
        day, seat.day = seat.day, None
        whole, seat.wants_all = seat.wants_all, False
        if whole:
            rows, day = self._rows, json.dumps(self._day)
        parts = [
            f'"now":{trio.current_time():.3f}',
            f'"draining":{json.dumps(self._house.is_draining)}',
            f'"whole":{json.dumps(whole)}',
            '"rows":{' + ",".join(f'"{ref}":{row}' for ref, row in rows.items()) + "}",
        ]
        if day is not None:
            parts.append(f'"day":{day}')
        if panel is not None:
            parts.append(f'"panel":{panel}')
        return "data: {" + ",".join(parts) + "}\n\n"

    # -- what is shown ---------------------------------------------------------------------------

    def views(self) -> list[CallView]:
        """Return all live calls as their rows show them, the oldest first."""
        return [self._view(call, _LAST_TURNS) for _, call in self._house.live()]

    def view(self, call: LiveCall) -> CallView:
        """Return a live call with all its turns."""
        return self._view(call, None)

    def day_html(self) -> str:
        """Return the figures of the day."""
        day = self._board.day.figures(trio.current_time())
        n_live = sum(1 for _ in self._house.live())
        return render("day.html", day=day, n_live=n_live, n_waiting=self._n_waiting())

    def _view(self, call: LiveCall, last_turns: int | None) -> CallView:
        document, now = call.snapshot(), trio.current_time()
        began = now - (self._wall_clock() - _unix(document["started_at"]))
        talk = self._board.talk(call.id)
        return call_view(document, began=began, talk=talk, now=now, last_turns=last_turns)

    # -- the task --------------------------------------------------------------------------------

    async def run(self) -> None:
        """Put before each browser what has changed, until cancelled."""
        while True:
            until = trio.current_time() + IDLE_S if self._seats else float("inf")
            await self._bell.wait(until)
            if self._seats:
                await self._guarded_publish()
            await trio.sleep(PERIOD_S)

    async def _guarded_publish(self) -> None:
        try:
            await self._house.look()
            await self._publish()
        except Exception:  # the last net: no fault of the dashboard may reach the calls
            log.exception("dashboard not brought up to date")

    async def _publish(self) -> None:
        live = dict(self._house.live())
        changed = self._board.take_changed()
        fresh = [ref for ref, call in live.items() if self._has_changed(ref, call, changed)]
        gone = [ref for ref in self._calls if ref not in live]
        ended = {ref: self._calls.pop(ref) for ref in gone}
        self._calls.update((ref, live[ref]) for ref in fresh)
        for first in range(0, len(fresh), _ROWS_AT_ONCE):
            with self._measured():
                for ref in fresh[first : first + _ROWS_AT_ONCE]:
                    self._put_row(ref, live[ref])
            await trio.lowlevel.checkpoint()
        with self._measured():
            for ref, call in ended.items():
                self._rows.pop(ref, None)
                self._marks.pop(ref, None)
                self._put_row(ref, call, is_over=True)
            self._put_day()
            self._put_panels({*fresh, *gone}, ended)
        for seat in self._seats:
            if seat.rows or seat.panel or seat.day or seat.wants_all:
                seat.bell.ring()

    def _has_changed(self, ref: str, call: LiveCall, changed: set[str]) -> bool:
        return ref not in self._rows or call.id in changed or self._marks[ref] != _mark(call)

    def _put_row(self, ref: str, call: LiveCall, *, is_over: bool = False) -> None:
        view = self._view(call, _LAST_TURNS)
        # Of a call that is no longer there, and has not told how it ended, the page says just that.
        row = "null" if is_over and view.is_live else json.dumps(render("row.html", call=view))
        self.statistics.rows += 1
        if not is_over:
            self._rows[ref] = row
            self._marks[ref] = _mark(call)
        for seat in self._seats:
            seat.rows[ref] = row
            if len(seat.rows) > MOST_UNREAD:
                seat.rows.clear()
                seat.wants_all = True

    def _put_day(self) -> None:
        day = self.day_html()
        if day != self._day:
            self._day, as_json = day, json.dumps(day)
            for seat in self._seats:
                seat.day = as_json

    def _put_panels(self, changed: set[str], ended: dict[str, LiveCall]) -> None:
        made: dict[str, str] = {}
        for seat in self._seats:
            call = self._calls.get(seat.watched) or ended.get(seat.watched)
            if call is None or not (seat.watched in changed or seat.wants_all):
                continue
            if seat.watched not in made:
                made[seat.watched] = self._panel(seat.watched, call)
            seat.panel = made[seat.watched]

    def _panel(self, ref: str, call: LiveCall) -> str:
        view = self.view(call)
        return json.dumps(
            {
                "ref": ref,
                "html": render("panel.html", call=view),
                "ended": not view.is_live,
                "transferable": view.may_be_transferred,
                "worst_s": view.worst_s,
                "barge_ins": view.n_barge_ins,
            }
        )

    @contextmanager
    def _measured(self) -> Iterator[None]:
        begun = time.perf_counter()
        try:
            yield
        finally:
            self.statistics.busy_s += time.perf_counter() - begun

    def _forget(self) -> None:
        self._calls.clear()
        self._rows.clear()
        self._marks.clear()
        self._day = ""


def _mark(call: LiveCall) -> object:
    """Return what differs when a call has changed and nobody has told of it."""
    document = call.snapshot()
    turns = document.get("turns") or ()
    return document["leg"], len(turns), turns[-1].get("heard") if turns else None


def _unix(stamp: str) -> float:
    return datetime.fromisoformat(stamp).timestamp()
