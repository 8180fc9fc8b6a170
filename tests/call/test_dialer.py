"""Calls that we place, whole, to all kinds of callees."""

import json

import httpx
import pytest
import trio

from voiced.errors import CannotDial
from voiced.leg.leg import EndReason
from voiced.switchboard.call_request import CallRequest, read_request
from voiced.switchboard.dialer import MOST_WAITING
from voiced.testing import callees
from voiced.testing.emulator import CALLED_NUMBER
from voiced.testing.providers import FunctionAgent

OURS = {"caller_id": CALLED_NUMBER, "answering_machine_detection": "disabled"}
FAST = {**OURS, "calls_per_second": 100.0}

HUMAN, BUSY, SILENT, UNWILLING, NOBODY, FORBIDDEN, MACHINE = (
    f"+1312555010{n}" for n in range(1, 8)
)
DIRECTORY = {
    HUMAN: callees.human(hangs_up_s=5.0),
    BUSY: callees.busy(),
    SILENT: callees.NeverAnswers(),
    UNWILLING: callees.declined(),
    NOBODY: callees.bad_number(),
    FORBIDDEN: callees.account_problem(),
    MACHINE: callees.answering_machine(records_s=3.0),
}


def order(world, to, **more):
    return world.dialer.order(read_request(CallRequest, {"to": to, **more}))


async def outcome(placement):
    await placement.wait("ended")
    return placement.summary()


@pytest.mark.parametrize(
    ("to", "outcome_", "reason"),
    [
        (HUMAN, "completed", "callee_hung_up"),
        (BUSY, "busy", "unreached"),
        (SILENT, "no_answer", "unreached"),
        (UNWILLING, "declined", "unreached"),
        (NOBODY, "bad_number", "unreached"),
        (FORBIDDEN, "account_problem", "unreached"),
        (MACHINE, "completed", "callee_hung_up"),
    ],
)
async def test_what_becomes_of_a_call_is_told(open_world, autojump_clock, to, outcome_, reason):
    async with open_world(outbound=OURS) as world:
        world.telnyx.directory.entries.update(DIRECTORY)
        placement = order(world, to)
        assert placement.is_waiting
        assert placement.summary()["state"] == "waiting"
        await placement.wait("placed")
        assert placement.summary()["call_control_id"]
        told = await outcome(placement)
    assert (told["outcome"], told["end"]["reason"]) == (outcome_, reason)
    assert (told["state"], told["from"], told["to"]) == ("ended", CALLED_NUMBER, to)
    (record,) = world.records
    assert record["ref"] == told["id"]
    assert record["outcome"] == outcome_


async def test_no_answer_from_telnyx_at_all_is_a_failed_call(open_line, autojump_clock):
    telnyx = {"api_key": "k", "api_base": "http://127.0.0.1/v2", "connection_id": "1"}
    for status, code, expected in (
        (422, "10016", "bad_number"),
        (403, "10010", "account_problem"),
        (422, "90041", "failed"),
        (500, "10007", "failed"),
    ):
        async with open_line(telnyx=telnyx, outbound=OURS) as line:
            line.answers["calls"] = (status, {"errors": [{"code": code, "title": "x"}]})
            placement = line.core.dialer.order(CallRequest(to=HUMAN))
            told = await outcome(placement)
        assert (told["outcome"], told["end"]["reason"]) == (expected, "dial_failed")


async def test_the_same_key_is_the_same_call(open_world, autojump_clock):
    async with open_world(outbound=FAST) as world:
        world.telnyx.directory.entries.update(DIRECTORY)
        first = order(world, BUSY, idempotency_key="k1")
        assert order(world, BUSY, idempotency_key="k1", wait="ended") is first
        await outcome(first)
        assert order(world, BUSY, idempotency_key="k1") is first
        with pytest.raises(CannotDial, match="another order had this key") as caught:
            order(world, HUMAN, idempotency_key="k1")
        assert caught.value.status == 409
        other = order(world, BUSY, idempotency_key="k2")
        assert (await outcome(other))["id"] != first.ref
        assert len(world.telnyx.dialling.requests) == 2


async def test_a_key_that_an_earlier_daemon_has_used_calls_nobody(open_world, autojump_clock):
    async with open_world(outbound=FAST) as world:
        world.telnyx.directory.entries.update(DIRECTORY)
        first = await outcome(order(world, BUSY, idempotency_key="k1"))
    async with open_world(outbound=FAST) as later:
        later.records.extend(world.records)
        later.telnyx.directory.entries.update(DIRECTORY)
        assert await outcome(order(later, BUSY, idempotency_key="k1")) == first
        assert later.telnyx.dialling.requests == []


async def test_a_key_that_an_earlier_daemon_has_used_for_another_calls_nobody(
    open_world, autojump_clock
):
    async with open_world(outbound=FAST) as world:
        world.telnyx.directory.entries.update(DIRECTORY)
        await outcome(order(world, BUSY, idempotency_key="k1"))
    async with open_world(outbound=FAST) as later:
        later.records.extend(world.records)
        told = await outcome(order(later, HUMAN, idempotency_key="k1"))
        assert told["outcome"] == "failed"
        assert "another order had this key" in told["end"]["evidence"]
        assert later.telnyx.dialling.requests == []


async def test_a_key_whose_call_died_with_its_daemon_calls_nobody(open_world, autojump_clock):
    async with open_world(outbound=FAST) as world:
        world.telnyx.directory.entries.update(DIRECTORY)
        await outcome(order(world, BUSY, idempotency_key="k1"))
        left = {**world.records[0], "state": "live", "end": None, "outcome": None}
    async with open_world(outbound=FAST) as later:
        later.records.append(left)
        told = await outcome(order(later, BUSY, idempotency_key="k1"))
        assert (told["state"], told["outcome"]) == ("ended", None)
        assert told["end"]["reason"] == "daemon_died"
        assert later.telnyx.dialling.requests == []


async def test_calls_are_placed_in_order_and_not_faster_than_may_be(open_world, autojump_clock):
    async with open_world(outbound={**OURS, "calls_per_second": 0.5}) as world:
        world.telnyx.directory.entries.update(DIRECTORY)
        begun = trio.current_time()
        placements = [order(world, to) for to in (BUSY, NOBODY, UNWILLING)]
        for placement in placements:
            await placement.wait("ended")
        seen = world.telnyx.dialling.requests
        assert [request.body["to"] for request in seen] == [BUSY, NOBODY, UNWILLING]
        times = [request.at_s - begun for request in seen]
        assert times == pytest.approx([0, 2, 4], abs=0.2)


async def test_orders_wait_while_the_loop_has_no_time_and_new_ones_are_refused(
    open_world, autojump_clock
):
    async with open_world(outbound=FAST) as world:
        world.telnyx.directory.entries.update(DIRECTORY)
        lag = world.switchboard.generation.services.lag
        placements = [order(world, HUMAN) for _ in range(2)]
        lag.smoothed_s = 1.0
        await trio.sleep(10)
        assert all(placement.is_waiting for placement in placements)
        with pytest.raises(CannotDial, match="max_lag_ms") as refused:
            order(world, HUMAN)
        assert refused.value.status == 429
        lag.smoothed_s = 0.0
        told = [await outcome(placement) for placement in placements]
        lag.smoothed_s = 1.0
    assert [one["outcome"] for one in told] == ["completed", "completed"]


async def test_orders_that_wait_for_the_loop_are_over_when_the_daemon_drains(
    open_world, autojump_clock
):
    async with open_world(outbound=FAST) as world:
        placement = order(world, HUMAN)
        world.switchboard.generation.services.lag.smoothed_s = 1.0
        await trio.sleep(1)
        world.switchboard.refuse_new_calls()
        told = await outcome(placement)
    assert told["outcome"] == "cancelled"


async def test_orders_beyond_the_calls_that_may_be_up_are_refused(open_world, autojump_clock):
    async with open_world(outbound={**OURS, "calls_per_second": 0.001}) as world:
        for _ in range(100):  # [call] max_concurrent
            order(world, BUSY)
        with pytest.raises(CannotDial, match="max_concurrent") as caught:
            order(world, BUSY)
        assert caught.value.status == 429


async def test_orders_beyond_the_queue_are_refused(open_world, autojump_clock):
    call = {"max_concurrent": MOST_WAITING + 10}
    async with open_world(outbound={**OURS, "calls_per_second": 0.001}, call=call) as world:
        *_, last = [order(world, BUSY) for _ in range(MOST_WAITING)]
        with pytest.raises(CannotDial, match="100 calls wait") as caught:
            order(world, BUSY)
        assert caught.value.status == 429
    assert last.summary()["end"]["reason"] == "shutdown"


@pytest.mark.parametrize(
    ("outbound", "telnyx", "request_", "status", "words"),
    [
        ({}, {}, {}, 422, "set [outbound] caller_id"),
        (OURS, {"connection_id": ""}, {}, 503, "set TELNYX_APP_ID"),
        (OURS, {"api_key": ""}, {}, 503, "set TELNYX_API_KEY"),
        (OURS, {}, {"line": "sales"}, 422, "line: there is no such line (known: none)"),
    ],
)
async def test_what_keeps_a_call_from_being_placed_is_told(
    open_line, autojump_clock, outbound, telnyx, request_, status, words
):
    tables = {"api_key": "k", "api_base": "http://127.0.0.1/v2", "connection_id": "1", **telnyx}
    async with open_line(telnyx=tables, outbound=outbound) as line:
        with pytest.raises(CannotDial) as caught:
            line.core.dialer.order(CallRequest(to=HUMAN, **request_))
        assert words in str(caught.value)
        assert caught.value.status == status


async def test_a_draining_daemon_places_no_calls(open_world, autojump_clock):
    async with open_world(outbound={**OURS, "calls_per_second": 0.1}) as world:
        world.telnyx.directory.entries.update(DIRECTORY)
        live, waiting = order(world, HUMAN), order(world, HUMAN)
        await live.wait("placed")
        world.switchboard.refuse_new_calls()
        with pytest.raises(CannotDial, match="draining"):
            order(world, HUMAN)
        assert (await outcome(waiting))["outcome"] == "cancelled"
        assert len(world.telnyx.dialling.requests) == 1
        await live.wait("ended")


async def test_an_order_that_waits_can_be_withdrawn(open_world, autojump_clock):
    async with open_world(outbound={**OURS, "calls_per_second": 0.1}) as world:
        world.telnyx.directory.entries.update(DIRECTORY)
        first, second, third = (order(world, BUSY) for _ in range(3))
        await first.wait("placed")
        assert [told["id"] for told in world.dialer.waiting()] == [second.ref, third.ref]
        world.dialer.withdraw(second)
        told = await outcome(second)
        assert (told["outcome"], told["end"]["reason"]) == ("cancelled", "operator_hung_up")
        assert (await outcome(third))["outcome"] == "busy"


async def test_an_operator_hangs_up_on_a_phone_that_rings(open_world, autojump_clock):
    async with open_world(outbound=OURS) as world:
        world.telnyx.directory.entries.update(DIRECTORY)
        placement = order(world, SILENT)
        await placement.wait("placed")
        await trio.sleep(3)
        call = world.switchboard.find(placement.ref)
        call.end_from_outside(EndReason.OPERATOR_HUNG_UP, "the test")
        told = await outcome(placement)
        assert (told["outcome"], told["end"]["reason"]) == ("cancelled", "operator_hung_up")
        assert (await world.telnyx.dialling.report(1)).ended_by


async def test_caller_id_line_and_variables_reach_the_call(open_world, autojump_clock):
    seen = []

    async def greet(reply):
        await reply.say("Hello.")
        reply.hang_up()

    class Remembers(FunctionAgent):
        def begin(self, call):
            seen.append(call)
            return super().begin(call)

    verified = "+13125550188"
    async with open_world(agent=Remembers(greet=greet), outbound=FAST) as world:
        world.telnyx.directory.entries.update(DIRECTORY)
        placement = order(world, HUMAN, variables={"name": "Ms Miller"}, **{"from": verified})
        await placement.wait("ended")
        (request,) = world.telnyx.dialling.requests
        assert request.body["from"] == verified
        assert placement.summary()["outcome"] == "account_problem"  # it is none of the account's
        placement = order(world, HUMAN, variables={"name": "Ms Miller"})
        assert (await outcome(placement))["end"]["reason"] == "agent_hung_up"
        assert placement.summary()["outcome"] == "completed"
    assert [(call.called, call.variables) for call in seen] == [(HUMAN, {"name": "Ms Miller"})]


# Webhooks about the outcome.


async def test_the_webhook_is_told_until_it_answers(open_world, autojump_clock):
    told, answers = [], [503, None, 204]

    async def hear(request):
        await trio.lowlevel.checkpoint()
        told.append((str(request.url), json.loads(request.content)))
        status = answers[len(told) - 1]
        if status is None:
            raise httpx.ConnectError("no")
        return httpx.Response(status)

    async with open_world(outbound=FAST, told=hear) as world:
        world.telnyx.directory.entries.update(DIRECTORY)
        placement = order(world, BUSY, webhook="https://crm.example/calls?k=1")
        await placement.wait("ended")
        await trio.sleep(10)
    assert told == [("https://crm.example/calls?k=1", placement.summary())] * 3
    assert placement.summary()["outcome"] == "busy"


@pytest.mark.parametrize(("status", "attempts"), [(404, 1), (301, 1), (500, 7), (429, 7)])
async def test_a_webhook_that_fails_is_given_up(open_world, autojump_clock, status, attempts):
    told = []

    async def hear(request):
        await trio.lowlevel.checkpoint()
        told.append(request)
        return httpx.Response(status)

    async with open_world(outbound=FAST, told=hear, post_call={"give_up_after_s": 60.0}) as world:
        world.telnyx.directory.entries.update(DIRECTORY)
        await order(world, BUSY, webhook="https://crm.example/calls").wait("ended")
        await trio.sleep(1000)
    assert attempts <= len(told) <= attempts + (attempts > 1)


async def test_a_daemon_that_stops_still_tells_the_last_outcome(open_world, autojump_clock):
    told = []

    async def hear(request):
        await trio.sleep(1)
        told.append(json.loads(request.content))
        return httpx.Response(200)

    webhook = "http://127.0.0.1:1/told"
    async with open_world(outbound={**OURS, "calls_per_second": 0.1}, told=hear) as world:
        world.telnyx.directory.entries.update(DIRECTORY)
        live = order(world, HUMAN, webhook=webhook)
        order(world, HUMAN, webhook=webhook)
        await live.wait("answered")
        await world.switchboard.close()
    assert {(one["outcome"], one["end"]["reason"]) for one in told} == {
        ("completed", "shutdown"),
        ("cancelled", "shutdown"),
    }


async def test_a_webhook_that_never_answers_holds_nothing_up(open_world, autojump_clock):
    async def hear(request):
        await trio.sleep_forever()

    async with open_world(outbound=FAST, told=hear) as world:
        world.telnyx.directory.entries.update(DIRECTORY)
        await order(world, BUSY, webhook="https://crm.example/calls").wait("ended")
        stopped = trio.current_time()
    assert trio.current_time() - stopped < 20
