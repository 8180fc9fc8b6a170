"""Calls of an older process are shown as long as it has them."""

import json
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import trio

from voiced.admin.whole_house import LOOK_EVERY_S, WholeHouse

OLD = {"ref": "0" * 16, "call_id": "v3:old", "leg": "streaming", "state": "live"}
WAITING = {"id": "1" * 16, "state": "waiting"}


@dataclass
class Elders:
    """Older processes, of which each has these calls."""

    calls: list[Any] = field(default_factory=list)
    n_asked: int = 0

    def __len__(self):
        return 1

    async def everywhere(self, target):
        await trio.lowlevel.checkpoint()
        self.n_asked += 1
        return {"older": SimpleNamespace(body=json.dumps({"calls": self.calls}))}


def house_with(elders):
    own = SimpleNamespace(live=lambda: [("2" * 16, "own")], is_draining=False)
    switchboard: Any = own
    return WholeHouse(switchboard, elders)


async def test_both_are_shown_and_orders_that_wait_are_no_calls(autojump_clock):
    elders: Any = Elders([OLD, WAITING])
    house = house_with(elders)
    assert [ref for ref, _ in house.live()] == ["2" * 16]
    await house.look()
    (ref, old), (own_ref, own) = house.live()
    assert (ref, old.id, old.snapshot()) == ("0" * 16, "v3:old", OLD)
    assert (own_ref, own) == ("2" * 16, "own")


async def test_it_is_asked_for_every_two_seconds_only(autojump_clock):
    elders: Any = Elders([OLD])
    house = house_with(elders)
    for _ in range(10):
        await house.look()
    assert elders.n_asked == 1
    elders.calls = []
    await trio.sleep(LOOK_EVERY_S)
    await house.look()
    assert [ref for ref, _ in house.live()] == ["2" * 16]


async def test_without_older_processes_nobody_is_asked(autojump_clock):
    elders: Any = []
    house = house_with(elders)
    await house.look()
    assert len(house.live()) == 1
