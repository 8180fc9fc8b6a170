from contextlib import asynccontextmanager

import pytest
import trio

from tests.net.conftest import Parrot
from voiced.errors import AgentFailed
from voiced.net.http import SseReader, open_provider_http
from voiced.net.peer import Peer
from voiced.testing.fake_provider import (
    Answer,
    CloseWith,
    Drop,
    FakeServer,
    Garbage,
    HalfOpen,
    Late,
    Refuse,
    Stall,
    open_memory_wire,
    serve_fake,
)


@asynccontextmanager
async def open_api(*faults, connect_s=0.0):
    server = FakeServer(Parrot(), faults)
    async with (
        open_memory_wire(server, connect_s=connect_s) as wire,
        open_provider_http(
            "https://acme.test/v1",
            peer=Peer("acme", AgentFailed),
            headers={"authorization": "Bearer k"},
            wire=wire,
        ) as api,
    ):
        yield api, server


async def test_an_answer_is_read_whole(autojump_clock):
    async with open_api() as (api, server):
        assert await api.request("POST", "/echo", content=b"abc") == b"abc"
        assert await api.request("GET", "/who") == b'{"key": "Bearer k"}'
    assert server.n_connections == 1  # kept


async def test_events_come_as_they_are_sent(autojump_clock):
    async with open_api() as (api, _), api.stream("GET", "/events") as answer:
        events = [(event.data, round(trio.current_time(), 3)) async for event in SseReader(answer)]
    assert events == [("0", 0.1), ("1", 0.2), ("2", 0.3)]


@pytest.mark.parametrize(
    ("fault", "kind", "at"),
    [
        (Answer(status=401, body="who?"), "unauthorized", 0.0),
        (Answer(status=500), "overloaded", 0.0),
        (Stall(), "stalled", 15.0),
        (HalfOpen(after=1), "stalled", 15.1),
        (Drop(after=2), "closed", 0.3),
        (CloseWith(after=1), "closed", 0.2),
        (Garbage(text="\x00\x01\r\n\r\n"), "garbage", 0.0),
    ],
)
async def test_trouble_is_told_by_its_kind(autojump_clock, fault, kind, at):
    with pytest.raises(AgentFailed) as info:  # noqa: PT012
        async with open_api(fault) as (api, _), api.stream("GET", "/events") as answer:
            async for _ in SseReader(answer):
                pass
    assert (info.value.kind, round(trio.current_time(), 3)) == (kind, at)


async def test_a_refusal_repeats_what_the_provider_said(autojump_clock):
    async with open_api() as (api, _):
        with pytest.raises(AgentFailed, match="HTTP status 404: no such thing") as info:
            await api.request("GET", "/nothing")
    assert not info.value.retryable


async def test_a_rate_limit_is_obeyed(autojump_clock):
    async with open_api(Answer(status=429, retry_after="2")) as (api, server):
        for _ in range(2):
            with pytest.raises(AgentFailed) as info:
                await api.request("GET", "/who")
            assert (info.value.kind, info.value.retry_after_s) == ("rate_limited", 2.0)
        assert len(server.requests) == 1
        await trio.sleep(2)
        await api.request("GET", "/who")


async def test_a_warm_client_does_not_wait_for_a_connection(autojump_clock):
    async with open_api(connect_s=0.3) as (api, server):
        await api.warm()
        assert trio.current_time() == 0.3
        await api.request("GET", "/who")
    assert (trio.current_time(), server.n_connections) == (0.3, 1)


async def test_a_client_that_cannot_be_warmed_says_so_when_it_is_used(autojump_clock):
    async with open_api(connect_s=60) as (api, _):
        await api.warm()
        with pytest.raises(AgentFailed, match="no connection") as info:
            await api.request("GET", "/who")
    assert (info.value.kind, trio.current_time()) == ("refused", 10.0)


async def test_a_kept_connection_that_was_closed_meanwhile_is_replaced(autojump_clock):
    async with open_api(None, Refuse(), Late(by_s=0.5)) as (api, server):
        await api.request("GET", "/who")
        await api.request("GET", "/who")
    assert (len(server.requests), server.n_connections) == (3, 2)


async def test_a_far_end_that_answers_nothing_is_not_asked_for_ever(autojump_clock):
    async with open_api(Refuse(), Refuse()) as (api, server):
        with pytest.raises(AgentFailed) as info:
            await api.request("GET", "/who")
    assert (info.value.kind, len(server.requests)) == ("closed", 2)


async def test_leaving_an_answer_early_costs_nothing(autojump_clock):
    async with open_api() as (api, _):
        async with api.stream("GET", "/endless") as answer:
            await answer.read_some()
        with trio.move_on_after(0):
            async with api.stream("GET", "/endless") as answer:
                await trio.sleep_forever()
        await api.request("GET", "/who")


async def test_an_answer_without_end_is_not_kept(autojump_clock):
    async with open_api() as (api, _):
        with pytest.raises(AgentFailed, match="more than 8388608 bytes"):
            await api.request("GET", "/endless")


@pytest.mark.socket
@pytest.mark.parametrize(
    ("fault", "kind"),
    [(Drop(after=1), "closed"), (HalfOpen(after=1), "stalled")],
)
async def test_over_real_sockets_trouble_is_the_same(fault, kind):
    async with (
        serve_fake(FakeServer(Parrot(), [fault])) as host,
        open_provider_http(f"http://{host}/v1", peer=Peer("acme", AgentFailed), stall_s=0.2) as api,
    ):
        with pytest.raises(AgentFailed) as info, trio.fail_after(5):
            await api.request("GET", "/events")
        assert info.value.kind == kind
        assert await api.request("POST", "/echo", content=b"well again") == b"well again"


@pytest.mark.socket
async def test_nobody_listening_is_a_refusal():
    async with open_provider_http("http://127.0.0.1:1", peer=Peer("acme", AgentFailed)) as api:
        with pytest.raises(AgentFailed, match="no connection") as info:
            await api.request("GET", "/who")
    assert info.value.kind == "refused"
