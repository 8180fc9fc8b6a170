"""Letters outlive the process, are tried until they are taken, and hold nobody up."""

import json
from contextlib import asynccontextmanager

import httpx
import pytest
import trio

import voiced.outbox.outbox
from voiced.config import PostCallConfig, parse_config
from voiced.outbox import Outbox
from voiced.record.store import RecordStore
from voiced.telnyx.http import bare_client

SECRET = "whsec_" + "A" * 40
URL = "https://crm.example/hook"
ENDED = {
    "ref": "0123456789abcdef",
    "started_at": "2026-11-22T10:00:00.000+00:00",
    "state": "ended",
    "turns": [{"who": "caller", "text": "Hello 😀"}],
}


class Receiver:
    """Who is told: answers as it is told to, 204 after that."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.told = []
        self.at = []

    async def hear(self, request):
        await trio.lowlevel.checkpoint()
        self.told.append(request)
        self.at.append(trio.current_time())
        answer = self.answers.pop(0) if self.answers else 204
        if answer == "hangs":
            await trio.sleep_forever()
        if isinstance(answer, Exception):
            raise answer
        if answer is None:
            raise httpx.ConnectError("no", request=request)
        return httpx.Response(answer)

    @property
    def ids(self):
        return [request.headers["webhook-id"] for request in self.told]


async def inline(function, *args):
    await trio.lowlevel.checkpoint()
    return function(*args)


@pytest.fixture
def open_box(tmp_path):
    @asynccontextmanager
    async def opener(receiver, *, url=URL, run_sync=inline, **more):
        config = parse_config({"post_call": {"url": url, "secret": SECRET, **more}}, {}).post_call
        transport = httpx.MockTransport(receiver.hear)
        async with bare_client(step_s=5, connect_s=5, transport=transport) as http:
            outbox = await Outbox.open(
                tmp_path / "webhooks.jsonl",
                run_sync,
                http=http,
                records=RecordStore(tmp_path, inline),
                config=config,
                wall_clock=trio.current_time,
                chance=lambda: 1.0,
            )
            try:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(outbox.run)
                    yield outbox
                    nursery.cancel_scope.cancel()
            finally:
                outbox.close()

    return opener


async def end_call(outbox, tmp_path, ref="0123456789abcdef"):
    document = ENDED | {"ref": ref}
    store = RecordStore(tmp_path, inline)
    await outbox.call_ends(ref, store.name(document))
    await store.save(document)
    outbox.call_ended(ref)


async def test_the_record_of_a_call_that_has_ended_is_told_once_signed(
    open_box, tmp_path, autojump_clock
):
    receiver = Receiver()
    async with open_box(receiver) as outbox:
        await end_call(outbox, tmp_path)
        await trio.sleep(100)
        assert outbox.letters() == []
    (request,) = receiver.told
    body = json.loads(request.content)
    assert (body["type"], body["data"]) == ("call.ended", ENDED)
    assert request.headers["webhook-id"] == "ended_0123456789abcdef"
    assert request.headers["webhook-signature"].startswith("v1,")
    assert request.headers["content-type"] == "application/json"


async def test_what_may_pass_is_tried_again_with_growing_pauses(open_box, tmp_path, autojump_clock):
    receiver = Receiver(500, None, 429, 408, "hangs")
    async with open_box(receiver) as outbox:
        await end_call(outbox, tmp_path)
        await trio.sleep(3)
        (letter,) = outbox.letters()
        assert (letter["dead"], letter["failure"]) == (False, "no")
        await trio.sleep(100)
    assert set(receiver.ids) == {"ended_0123456789abcdef"}
    pauses = [round(b - a) for a, b in zip(receiver.at, receiver.at[1:], strict=False)]
    assert pauses == [1, 2, 4, 8, 31]  # 16, and 15 that an attempt may take


@pytest.mark.parametrize("status", [301, 400, 404, 410])
async def test_what_no_attempt_can_mend_is_given_up_and_can_be_sent_again(
    open_box, tmp_path, autojump_clock, status
):
    receiver = Receiver(status)
    async with open_box(receiver) as outbox:
        await end_call(outbox, tmp_path)
        await trio.sleep(10_000)
        (letter,) = outbox.letters()
        assert (letter["dead"], letter["failure"]) == (True, f"answered with {status}")
        assert not await outbox.send_again("nobody")
        assert await outbox.send_again(letter["id"])
        await trio.sleep(1)
        assert outbox.letters() == []
    assert len(receiver.told) == 2


@pytest.mark.parametrize("fault", [None, KeyError("of ours")])
async def test_a_letter_that_cannot_be_sent_is_given_up_and_holds_up_no_other(
    open_box, tmp_path, autojump_clock, fault
):
    """Such a letter ended the daemon with every call, and each one that was started after it."""
    receiver = Receiver(*[fault] if fault else [])
    async with open_box(receiver) as outbox:
        # A host name that no resolver takes: httpx raises no error of its own for it.
        await outbox.tell("bad", "https://crm.example/" if fault else "https://xn--/", {"id": "1"})
        await end_call(outbox, tmp_path)
        await trio.sleep(60)
        (letter,) = outbox.letters()
    assert letter["dead"]
    assert letter["failure"] == (
        "a fault of voiced (KeyError)" if fault else "the address is of no use (IDNAError)"
    )
    assert len(receiver.told) == (2 if fault else 1)


async def test_what_was_tried_long_enough_is_a_dead_letter_and_stays_one(
    open_box, tmp_path, autojump_clock
):
    receiver = Receiver(*[500] * 1000)
    async with open_box(receiver, give_up_after_s=3600.0) as outbox:
        await end_call(outbox, tmp_path)
        await trio.sleep(8000)
        assert [letter["dead"] for letter in outbox.letters()] == [True]
    n_attempts = len(receiver.told)
    assert n_attempts < 20
    async with open_box(receiver) as outbox:
        await trio.sleep(8000)
        assert [letter["dead"] for letter in outbox.letters()] == [True]
    assert len(receiver.told) == n_attempts


async def test_a_letter_outlives_the_daemon(open_box, tmp_path, autojump_clock):
    receiver = Receiver(500, 500)
    async with open_box(receiver) as outbox:
        await end_call(outbox, tmp_path)
        await outbox.tell("b", "https://other.example/told", {"id": "b"})
        await trio.sleep(0.1)
    async with open_box(receiver) as outbox:
        await trio.sleep(10)
        assert outbox.letters() == []
    assert sorted(receiver.ids[2:]) == ["ended_0123456789abcdef", "outcome_b"]
    assert [str(r.url) for r in receiver.told if r.headers["webhook-id"] == "outcome_b"][-1] == (
        "https://other.example/told"
    )


async def test_a_crash_before_the_record_is_closed_tells_nothing_until_it_is(
    open_box, tmp_path, autojump_clock
):
    receiver = Receiver()
    store = RecordStore(tmp_path, inline)
    live = ENDED | {"state": "live"}
    await store.begin(live)
    async with open_box(receiver) as outbox:
        await outbox.call_ends("a", store.name(live))
    async with open_box(receiver) as outbox:
        await trio.sleep(60)
        assert receiver.told == []
        await store.save(ENDED)  # the settler does
        outbox.call_ended("a")
        await trio.sleep(1)
    assert receiver.ids == ["ended_a"]


async def test_without_a_url_nothing_is_written_down(open_box, tmp_path, autojump_clock):
    receiver = Receiver()
    async with open_box(receiver, url="") as outbox:
        await end_call(outbox, tmp_path)
        await trio.sleep(10)
        assert outbox.letters() == []
    assert receiver.told == []


async def test_receivers_that_hang_hold_up_a_bounded_number_of_others(
    open_box, autojump_clock, monkeypatch
):
    monkeypatch.setattr(voiced.outbox.outbox, "AT_A_TIME", 2)
    receiver = Receiver("hangs", "hangs", 204)
    async with open_box(receiver) as outbox:
        for key in "abc":
            await outbox.tell(key, URL, {"id": key})
        await trio.sleep(1)
        assert receiver.ids == ["outcome_a", "outcome_b"]
        await trio.sleep(voiced.outbox.outbox.ATTEMPT_S)
        assert "outcome_c" in receiver.ids


async def test_what_waits_and_what_was_given_up_is_bounded(open_box, autojump_clock, monkeypatch):
    monkeypatch.setattr(voiced.outbox.outbox, "MOST_WAITING", 3)
    monkeypatch.setattr(voiced.outbox.outbox, "MOST_DEAD", 2)
    receiver = Receiver(*[500] * 100)
    async with open_box(receiver) as outbox:
        for n in range(9):
            await outbox.tell(str(n), URL, {"id": str(n)})
        letters = outbox.letters()
        assert [one["id"][-1] for one in letters if not one["dead"]] == ["6", "7", "8"]
        assert [one["id"][-1] for one in letters if one["dead"]] == ["4", "5"]
        assert {one["failure"] for one in letters if one["dead"]} == {"more than 3 waited"}


async def test_a_letter_that_is_given_up_while_it_is_written_is_not_sent(
    open_box, autojump_clock, monkeypatch
):
    monkeypatch.setattr(voiced.outbox.outbox, "MOST_WAITING", 1)
    receiver = Receiver(204, 204)
    async with open_box(receiver) as outbox:
        async with trio.open_nursery() as nursery:
            for key in "abcd":
                nursery.start_soon(outbox.tell, key, URL, {"id": key})
        await outbox.first_attempts()
        assert len(receiver.ids) == 1
        assert len([one for one in outbox.letters() if one["dead"]]) == 3


async def test_a_disk_that_hangs_holds_a_call_up_for_a_moment_only(
    open_box, tmp_path, autojump_clock
):
    async def hang(function, *args):
        if function.__name__ == "_read":
            return await inline(function, *args)
        return await trio.sleep_forever()

    receiver = Receiver()
    async with open_box(receiver, run_sync=hang) as outbox:
        began = trio.current_time()
        await outbox.call_ends("a", "d")
        assert trio.current_time() - began <= 0.25


def test_addresses_are_secrets():
    config = PostCallConfig(url="https://crm.example/hush", secret=SECRET)  # type: ignore[arg-type]
    assert "hush" not in repr(config)
    assert "AAAA" not in repr(config)
