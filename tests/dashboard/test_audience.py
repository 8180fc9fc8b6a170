"""What is put before browsers: the latest of each call, once for all, and never too much."""

import json
from contextlib import asynccontextmanager

import pytest
import trio
from structlog.testing import capture_logs

from tests.dashboard.synthetic import NOON, SyntheticHouse
from voiced.dashboard.audience import HEARTBEAT_S, MOST_SEATS, PERIOD_S, Audience
from voiced.dashboard.routes import Messages


@asynccontextmanager
async def open_audience():
    begun = trio.current_time()
    house = SyntheticHouse(lambda: NOON + trio.current_time() - begun)
    audience = Audience(house.board, house, house.wall_clock)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(audience.run)
        yield house, audience
        nursery.cancel_scope.cancel()


async def news(audience, seat):
    message = await audience.next_message(seat)
    assert message.startswith("data: ")
    assert message.endswith("\n\n")
    assert message.count("\n") == 2
    return json.loads(message[6:])


async def test_the_first_message_holds_everything(autojump_clock):
    async with open_audience() as (house, audience):
        calls = [house.new_call() for _ in range(3)]
        with audience.seat("") as seat:
            first = await news(audience, seat)
        assert first["whole"]
        assert first["rows"].keys() == {call.ref for call in calls}
        assert "Live now" in first["day"]
        assert "panel" not in first


async def test_later_ones_hold_what_has_changed_once(autojump_clock):
    async with open_audience() as (house, audience):
        call, other = house.new_call(), house.new_call()
        with audience.seat("") as seat:
            await news(audience, seat)
            for n in range(50):
                call.ask(f"question {n}", trio.current_time(), began=trio.current_time() - 1)
            change = await news(audience, seat)
        assert not change["whole"]
        assert change["rows"].keys() == {call.ref}
        assert "question 49" in change["rows"][call.ref]
        assert other.ref not in change["rows"]


async def test_a_call_that_ends_is_shown_a_last_time(autojump_clock):
    async with open_audience() as (house, audience):
        call = house.new_call()
        with audience.seat(call.ref) as seat:
            await news(audience, seat)
            house.end(call, "agent_hung_up")
            last = await news(audience, seat)
            assert "data-ended" in last["rows"][call.ref]
            assert "agent hung up" in last["rows"][call.ref]
            assert last["panel"]["ended"]
            with audience.seat("") as newcomer:
                assert (await news(audience, newcomer))["rows"] == {}


async def test_who_watches_a_call_gets_its_words_and_the_others_do_not(autojump_clock):
    async with open_audience() as (house, audience):
        call = house.new_call()
        call.answer(trio.current_time())
        with audience.seat(call.ref) as seat, audience.seat("") as other:
            assert (await news(audience, seat))["panel"]["ref"] == call.ref
            await news(audience, other)
            call.reply("With pleasure.", trio.current_time())
            panel = (await news(audience, seat))["panel"]
            assert "With pleasure." in panel["html"]
            assert panel["transferable"]
            assert (panel["worst_s"], panel["barge_ins"]) == (0.8, 0)
            assert "panel" not in await news(audience, other)


async def test_what_callers_say_is_text_and_nothing_else(autojump_clock):
    async with open_audience() as (house, audience):
        call = house.new_call(caller="<script>alert(1)</script>")
        call.ask("<img src=x onerror=alert(1)>\n\ndata: x", 1.0, began=0.5)
        with audience.seat(call.ref) as seat:
            message = await audience.next_message(seat)
        assert "<script" not in message
        assert "<img" not in message
        assert message.count("\n") == 2


async def test_a_browser_that_does_not_read_has_a_bounded_number_of_rows_waiting(
    autojump_clock, monkeypatch
):
    monkeypatch.setattr("voiced.dashboard.audience.MOST_UNREAD", 50)
    async with open_audience() as (house, audience):
        with audience.seat("") as reader, audience.seat("") as sleeper:
            await news(audience, reader)
            await news(audience, sleeper)
            for _ in range(12):
                calls = [house.new_call() for _ in range(10)]
                await trio.sleep(2 * PERIOD_S)
                for call in calls:
                    house.end(call)
                await trio.sleep(2 * PERIOD_S)
                assert len(sleeper.rows) <= 50
            assert (await news(audience, sleeper))["whole"]


async def test_when_nothing_happens_a_message_says_so(autojump_clock):
    async with open_audience() as (_, audience):
        with audience.seat("") as seat:
            await news(audience, seat)
            before = trio.current_time()
            quiet = await news(audience, seat)
            assert trio.current_time() - before == pytest.approx(HEARTBEAT_S)
            assert quiet["rows"] == {}


async def test_a_state_that_nobody_tells_of_is_seen_within_a_second(autojump_clock):
    async with open_audience() as (house, audience):
        call = house.new_call()
        with audience.seat("") as seat:
            await news(audience, seat)
            call.leg = "answering"
            before = trio.current_time()
            change = await news(audience, seat)
            assert "answering" in change["rows"][call.ref]
            assert trio.current_time() - before < 1.5


async def test_nothing_is_rendered_when_nobody_looks(autojump_clock):
    async with open_audience() as (house, audience):
        with audience.seat("") as seat:
            house.new_call()
            await news(audience, seat)
        rows = audience.statistics.rows
        for _ in range(100):
            house.new_call()
            await trio.sleep(1)
        assert audience.statistics.rows == rows
        assert not audience._rows


async def test_seats_are_few(autojump_clock):
    async with open_audience() as (_, audience):
        with audience.seat("") as seat:
            assert not audience.is_full
            audience._seats.extend([seat] * (MOST_SEATS - 1))
            assert audience.is_full
            del audience._seats[1:]


async def test_when_another_process_takes_over_streams_end(autojump_clock):
    async with open_audience() as (_, audience):
        messages = Messages(audience, "")
        assert "whole" in await anext(messages)
        audience.dismiss()
        with pytest.raises(StopAsyncIteration):
            await anext(messages)
        await messages.aclose()
        assert not audience._seats


async def test_a_browser_that_goes_away_leaves_its_seat(autojump_clock):
    async with open_audience() as (_, audience):
        messages = Messages(audience, "")
        await anext(messages)
        with trio.move_on_after(1):
            await anext(messages)
        await messages.aclose()
        assert not audience._seats


async def test_orders_that_wait_are_counted_as_long_as_there_are_some(autojump_clock):
    house = SyntheticHouse(lambda: NOON)
    waiting = [0]
    audience = Audience(house.board, house, house.wall_clock, lambda: waiting[0])
    assert "Waiting to be placed" not in audience.day_html()
    waiting[0] = 3
    assert "<dt>Waiting to be placed</dt><dd>3</dd>" in audience.day_html()


async def test_a_call_that_is_gone_without_a_word_is_told_to_be_over(autojump_clock):
    async with open_audience() as (house, audience):
        call = house.new_call()
        with audience.seat("") as seat:
            await news(audience, seat)
            del house.calls[call.ref]
            assert (await news(audience, seat))["rows"] == {call.ref: None}


async def test_a_call_that_cannot_be_shown_ends_neither_the_daemon_nor_the_dashboard(
    autojump_clock,
):
    async with open_audience() as (house, audience):
        call, broken = house.new_call(), house.new_call()
        broken.record.document()["turns"].append({"who": "nobody"})
        with audience.seat("") as seat, capture_logs() as logs:
            await trio.sleep(5)
            del house.calls[broken.ref]
            assert call.ref in (await news(audience, seat))["rows"]
        assert {entry["event"] for entry in logs} == {"dashboard not brought up to date"}
