"""Legs that nobody looks after any more are ended at Telnyx, and their records closed."""

import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import pytest
import trio

from voiced.ledger import Ledger, LegEntry, Settler
from voiced.ledger.settle import AT_A_TIME, LONGEST_LEG_S
from voiced.record.store import RecordStore
from voiced.telnyx.events import parse_event
from voiced.telnyx.ids import CallControlId
from voiced.telnyx.rest import RetryPolicy, open_telnyx

NOW = 1_800_000_000.0
LEG = LegEntry(
    key="v3:a",
    direction="incoming",
    directory="call-a",
    at=NOW - 60,
    call_control_id=CallControlId("v3:a"),
)
DIALLED = LegEntry(
    key="dial-1", direction="outgoing", directory="call-b", at=NOW - 5, client_state="eA=="
)
LIVE = {"call_id": "v3:a", "from": "+13125550100", "state": "live", "turns": [1], "end": None}


@dataclass
class Api:
    """Telnyx: which legs are up, how long they have lasted, and what was asked of it."""

    alive: dict[str, bool] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)
    active: list[dict[str, Any]] = field(default_factory=list)
    down_until: float = 0.0
    answer_s: float = 0.0
    requests: list[str] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0

    async def answer(self, request):
        path = request.url.path.removeprefix("/v2")
        self.requests.append(f"{request.method} {path}")
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await trio.sleep(self.answer_s)
        self.at_once -= 1
        if trio.current_time() < self.down_until:
            raise httpx.ConnectError("down")
        status, document = self.decide(path)
        return httpx.Response(status, stream=httpx.ByteStream(json.dumps(document).encode()))

    def decide(self, path):
        if path.endswith("/active_calls"):
            return 200, {"data": self.active}
        leg = path.split("/")[2]
        if leg not in self.alive:
            return 404, {"errors": [{"code": "10005", "title": "Resource not found"}]}
        if path.endswith("/actions/hangup"):
            if not self.alive[leg]:
                return 422, {"errors": [{"code": "90018", "title": "Call has already ended"}]}
            self.alive[leg] = False
            return 200, {"data": {"result": "ok"}}
        call = {"call_control_id": leg, "is_alive": self.alive[leg], **self.details}
        return 200, {"data": call}


@dataclass
class Scene:
    api: Api
    ledger: Ledger
    settler: Settler
    records: Any
    nursery: Any

    def run(self):
        self.nursery.start_soon(self.settler.run)

    def record(self, directory="call-a"):
        return json.loads((self.records / directory / "call.json").read_text())

    def write_record(self, document, directory="call-a"):
        (self.records / directory).mkdir(parents=True)
        (self.records / directory / "call.json").write_text(json.dumps(document))


@pytest.fixture
def after_crash(tmp_path, disk):
    """A daemon that starts where another has died with these legs open; `run` settles them."""

    @asynccontextmanager
    async def opener(*entries, api=None, wall_clock=lambda: NOW):
        api = api or Api(alive={"v3:a": True})
        ledger = await Ledger.open(tmp_path / "legs.jsonl", disk.run_sync)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ledger.run)
            for entry in entries:
                await ledger.opened(entry)
            nursery.cancel_scope.cancel()
        ledger.close()
        ledger = await Ledger.open(tmp_path / "legs.jsonl", disk.run_sync)
        records = RecordStore(tmp_path, disk.run_sync)
        async with open_telnyx(
            "http://127.0.0.1/v2",
            "k",
            retry=RetryPolicy(attempts=1),
            transport=httpx.MockTransport(api.answer),
        ) as telnyx:
            settler = Settler(ledger, telnyx, records, wall_clock, "conn")
            async with trio.open_nursery() as nursery:
                nursery.start_soon(ledger.run)
                yield Scene(api, ledger, settler, tmp_path, nursery)
                nursery.cancel_scope.cancel()
        ledger.close()

    return opener


def webhook(event_type, call_control_id, client_state=None, **payload):
    body = {
        "event_type": event_type,
        "id": "hook",
        "occurred_at": "2026-11-22T10:00:00Z",
        "payload": {
            "call_control_id": call_control_id,
            "client_state": client_state,
            **payload,
        },
    }
    return parse_event(json.dumps({"data": body}).encode())


HANGUP = "call.hangup"


async def test_a_leg_that_is_up_is_hung_up_once_and_its_record_closed(after_crash, autojump_clock):
    async with after_crash(LEG) as scene:
        scene.write_record(LIVE)
        scene.api.details = {"call_duration": 61}
        scene.run()
        await trio.sleep(1)
        assert scene.api.requests == ["GET /calls/v3:a", "POST /calls/v3:a/actions/hangup"]
        assert scene.ledger.statistics().open == 0
        record = scene.record()
        assert (record["from"], record["turns"]) == ("+13125550100", [1])
        assert (record["state"], record["duration_s"]) == ("ended", 61)
        assert record["hangup_confirmed"] is True
        assert record["end"] == {
            "reason": "daemon_died",
            "evidence": "the daemon died during the call; the leg was hung up",
        }


@pytest.mark.parametrize("alive", [{}, {"v3:a": False}])
async def test_a_leg_that_has_ended_is_not_hung_up(after_crash, autojump_clock, alive):
    api = Api(alive=alive, details={"end_time": "2026-11-22T10:00:00Z"})
    async with after_crash(LEG, api=api) as scene:
        scene.run()
        await trio.sleep(1)
        assert api.requests == ["GET /calls/v3:a"]
        assert scene.ledger.statistics().open == 0
        assert scene.record()["end"]["evidence"].endswith("the leg had ended")


async def test_a_dialled_leg_that_still_rings_is_hung_up(after_crash, autojump_clock):
    ringing = replace(DIALLED, call_control_id=CallControlId("v3:b"))
    api = Api(alive={"v3:b": True}, details={"is_alive": False})
    async with after_crash(ringing, api=api) as scene:
        scene.run()
        await trio.sleep(1)
        assert api.alive == {"v3:b": False}


async def test_a_leg_that_ends_between_question_and_hangup_is_settled(after_crash, autojump_clock):
    api = Api(alive={"v3:a": False}, details={"is_alive": True})
    async with after_crash(LEG, api=api) as scene:
        scene.run()
        await trio.sleep(1)
        assert scene.ledger.statistics().open == 0


async def test_without_a_record_the_ledger_tells_what_was_known(after_crash, autojump_clock):
    async with after_crash(LEG) as scene:
        scene.run()
        await trio.sleep(1)
        record = scene.record()
        assert (record["call_id"], record["state"]) == ("v3:a", "ended")
        assert record["started_at"].startswith("2027-01-15T07:59:00")


async def test_a_record_that_was_closed_keeps_its_end(after_crash, autojump_clock):
    ended = {**LIVE, "state": "ended", "end": {"reason": "agent_hung_up"}, "duration_s": 9}
    async with after_crash(LEG) as scene:
        scene.write_record({**ended, "hangup_confirmed": False})
        scene.run()
        await trio.sleep(1)
        assert scene.record() == {**ended, "hangup_confirmed": True}


async def test_the_record_is_closed_while_the_api_is_down_and_the_leg_hung_up_later(
    after_crash, autojump_clock
):
    api = Api(alive={"v3:a": True}, down_until=120)
    async with after_crash(LEG, api=api) as scene:
        scene.write_record(LIVE)
        scene.run()
        await trio.sleep(100)
        assert api.alive == {"v3:a": True}
        assert scene.ledger.statistics().open == 1
        assert (scene.record()["state"], scene.record()["hangup_confirmed"]) == ("ended", False)
        assert len(api.requests) <= 6
        await trio.sleep(100)
        assert api.alive == {"v3:a": False}
        assert scene.ledger.statistics().open == 0
        assert scene.record()["hangup_confirmed"] is True


async def test_a_leg_that_can_no_longer_be_up_is_given_up(after_crash, autojump_clock):
    api = Api(down_until=1e9)
    async with after_crash(LEG, api=api) as scene:
        scene.run()
        await trio.sleep(LONGEST_LEG_S)
        assert scene.ledger.statistics().open == 0
        assert len(api.requests) < 70
        assert scene.record()["hangup_confirmed"] is False


async def test_a_webhook_tells_that_a_leg_has_gone_meanwhile(after_crash, autojump_clock):
    api = Api(down_until=1e9)
    async with after_crash(LEG, api=api) as scene:
        assert scene.settler.take(webhook(HANGUP, "v3:other")) is False
        scene.run()
        await trio.sleep(7)
        assert scene.settler.take(webhook(HANGUP, "v3:a")) is True
        await trio.sleep(0.1)
        assert scene.ledger.statistics().open == 0
        assert scene.settler.take(webhook(HANGUP, "v3:a")) is False


async def test_a_call_initiated_that_comes_again_does_not_ring_a_second_time(
    after_crash, autojump_clock
):
    async with after_crash(LEG) as scene:
        again = webhook("call.initiated", "v3:a", direction="incoming", state="parked")
        assert scene.settler.take(again) is True  # before the settler has begun


async def test_a_dialled_leg_without_id_is_found_among_those_that_are_up(
    after_crash, autojump_clock
):
    api = Api(alive={"v3:b": True})
    api.active = [
        {"call_control_id": "v3:x", "client_state": None},
        {"call_control_id": "v3:b", "client_state": "eA=="},
    ]
    async with after_crash(DIALLED, api=api) as scene:
        scene.run()
        await trio.sleep(1)
        assert api.requests == [
            "GET /connections/conn/active_calls",
            "GET /calls/v3:b",
            "POST /calls/v3:b/actions/hangup",
        ]
        assert scene.ledger.statistics().open == 0


async def test_a_dialled_leg_without_id_is_known_by_its_webhook_and_never_dialled_again(
    after_crash, autojump_clock
):
    api = Api(alive={"v3:b": True})
    async with after_crash(DIALLED, api=api) as scene:
        scene.run()
        await trio.sleep(2)
        assert scene.ledger.statistics().open == 1
        answered = webhook("call.answered", "v3:b", "eA==")
        assert scene.settler.take(answered) is True
        await trio.sleep(0.1)
        assert api.alive == {"v3:b": False}
        assert scene.ledger.statistics().open == 0
        assert "POST /calls" not in api.requests


async def test_a_bridged_leg_is_left_to_those_who_talk(after_crash, autojump_clock):
    async with after_crash(replace(LEG, is_bridged=True)) as scene:
        scene.run()
        await trio.sleep(1)
        assert scene.api.alive == {"v3:a": True}
        assert scene.ledger.statistics().open == 0


async def test_many_legs_leave_room_at_the_api_for_live_calls(after_crash, autojump_clock):
    entries = [
        replace(LEG, key=f"v3:{n}", call_control_id=CallControlId(f"v3:{n}"), directory=f"c{n}")
        for n in range(50)
    ]
    api = Api(alive={entry.key: True for entry in entries}, answer_s=0.1)
    async with after_crash(*entries, api=api) as scene:
        scene.run()
        await trio.sleep(10)
        assert api.most_at_once <= AT_A_TIME
        assert not any(api.alive.values())
        assert scene.ledger.statistics().open == 0


async def test_a_leg_whose_hangup_was_not_confirmed_is_settled_while_the_daemon_runs(
    after_crash, autojump_clock
):
    async with after_crash() as scene:
        ended = {**LIVE, "state": "ended", "end": {"reason": "max_duration"}}
        scene.write_record({**ended, "hangup_confirmed": False})
        scene.run()
        await scene.ledger.opened(LEG)
        scene.ledger.left_up("v3:a")
        await trio.sleep(1)
        assert scene.api.alive == {"v3:a": False}
        assert scene.ledger.statistics().open == 0
        assert scene.record() == {**ended, "hangup_confirmed": True}


async def test_a_fault_of_ours_with_one_leg_reaches_no_other(
    after_crash, autojump_clock, monkeypatch
):
    second = replace(LEG, key="v3:z", call_control_id=CallControlId("v3:z"), directory="call-z")
    api = Api(alive={"v3:a": True, "v3:z": True})
    async with after_crash(LEG, second, api=api) as scene:
        whole = scene.settler._telnyx.ask

        async def broken(query):
            if query.call_control_id == "v3:a":
                raise ZeroDivisionError
            return await whole(query)

        monkeypatch.setattr(scene.settler._telnyx, "ask", broken)
        scene.run()
        await trio.sleep(1)
        assert api.alive == {"v3:a": True, "v3:z": False}
        assert scene.ledger.statistics().open == 1
