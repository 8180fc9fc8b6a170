from pathlib import Path
from typing import Any

import pytest
import trio

from voiced.campaign import Campaign, Contact, Limits, Plan, Retry, open_state
from voiced.campaign.state_file import StateFile
from voiced.errors import CallListError, CommandFailed
from voiced.telnyx.outcome import Outcome

WALL = 1_770_000_000.0
RETRIES = {Outcome.BUSY: Retry(times=1, after_s=60), Outcome.FAILED: Retry(times=1, after_s=60)}


def contacts(count):
    return [
        Contact(number=f"+1312555{n:04}", variables={"name": f"n{n}"}, line=n)
        for n in range(1, count + 1)
    ]


def wall():
    return WALL + trio.current_time()


@pytest.fixture
def full_disk():
    """A state file on a disk that is full."""
    with Path("/dev/full").open("ab", buffering=0) as disk:
        yield StateFile({}, disk)


class Phones:
    """Everybody answers for 10 s; `outcomes` says otherwise, by the last digits, in order."""

    def __init__(self, **outcomes):
        self.outcomes = {int(name[1:]): list(given) for name, given in outcomes.items()}
        self.calls = []
        self.keys = []
        self.most = self.live = 0

    async def place(self, number, variables, key):
        self.calls.append((trio.current_time(), int(number[-4:])))
        self.keys.append(key)
        assert variables == {"name": f"n{int(number[-4:])}"}
        self.live += 1
        self.most = max(self.most, self.live)
        await trio.sleep(10)
        self.live -= 1
        given = self.outcomes.get(int(number[-4:]))
        outcome = given.pop(0) if given else Outcome.COMPLETED
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    @property
    def called(self):
        return [number for _, number in self.calls]


def campaign(state, phones, count, **limits):
    settings: dict[str, Any] = {"retries": RETRIES, "per_s": 1000} | limits
    plan = Plan(contacts(count), state.progress, Limits(**settings))
    return Campaign(plan, state, phones.place, wall)


async def test_a_list_is_called_to_its_end(tmp_path, autojump_clock):
    phones = Phones(_2=[Outcome.BUSY, Outcome.COMPLETED])
    with open_state(tmp_path / "state") as state:
        tally, reason = await campaign(state, phones, 3, at_once=2).run()
    assert reason == ""
    assert tally.outcomes == {Outcome.COMPLETED: 3}
    assert phones.called == [1, 2, 3, 2]
    assert phones.calls[3][0] == pytest.approx(phones.calls[1][0] + 10 + 60)
    assert phones.most == 2
    assert len(set(phones.keys)) == 4


async def test_calls_are_placed_at_their_pace(tmp_path, autojump_clock):
    phones = Phones()
    with open_state(tmp_path / "state") as state:
        await campaign(state, phones, 5, at_once=5, per_s=0.5).run()
    assert [round(at - phones.calls[0][0]) for at, _ in phones.calls] == [0, 2, 4, 6, 8]


async def test_a_call_that_cannot_be_placed_is_tried_once_more(tmp_path, autojump_clock):
    failed = CommandFailed("dial", "no answer", status=None)
    phones = Phones(_1=[failed, failed])
    with open_state(tmp_path / "state") as state:
        tally, _ = await campaign(state, phones, 2).run()
    assert tally.outcomes == {Outcome.FAILED: 1, Outcome.COMPLETED: 1}
    assert phones.called == [1, 2, 1]


@pytest.mark.parametrize("after_s", [0.5, 10.0, 12.0, 25.0, 33.0, 71.0])
async def test_nobody_is_called_twice_after_a_crash(tmp_path, after_s, autojump_clock):
    phones = Phones(_2=[Outcome.BUSY])
    with trio.move_on_after(after_s), open_state(tmp_path / "state") as state:
        await campaign(state, phones, 4).run()
    live = phones.live
    with open_state(tmp_path / "state") as state:
        tally, _ = await campaign(state, phones, 4).run()
    expected = {1, 2, 3, 4}
    assert set(phones.called) == expected
    assert tally.interrupted == live
    assert sum(tally.outcomes.values()) == 4 - live
    again = [number for number in phones.called if phones.called.count(number) > 1]
    assert set(again) <= {2}  # busy the first time


async def test_a_stop_lets_live_calls_end_and_calls_nobody_else(tmp_path, autojump_clock):
    phones = Phones()
    with open_state(tmp_path / "state") as state:
        calling = campaign(state, phones, 5)
        async with trio.open_nursery() as nursery:
            results = []

            async def run():
                results.append(await calling.run())

            nursery.start_soon(run)
            await trio.sleep(15)
            calling.stop()
        ((tally, reason),) = results
    assert (tally.outcomes, tally.waiting, reason) == ({Outcome.COMPLETED: 2}, 3, "stopped")
    with open_state(tmp_path / "state") as state:
        tally, _ = await campaign(state, phones, 5).run()
    assert tally.outcomes == {Outcome.COMPLETED: 5}
    assert phones.called == [1, 2, 3, 4, 5]


async def test_a_refused_account_ends_the_list(tmp_path, autojump_clock):
    refused = {f"_{n}": [Outcome.ACCOUNT_PROBLEM] for n in range(1, 10)}
    phones = Phones(**refused)
    with open_state(tmp_path / "state") as state:
        tally, reason = await campaign(state, phones, 9).run()
    assert phones.called == [1, 2, 3]
    assert tally.waiting == 6
    assert "refused by Telnyx" in reason


async def test_a_call_that_cannot_be_written_down_is_not_placed(full_disk, autojump_clock):
    phones = Phones()
    with pytest.RaisesGroup(pytest.RaisesExc(CallListError, match="No space left")):
        await campaign(full_disk, phones, 2).run()
    assert phones.calls == []
