"""Calls by the admin listener: placed, looked at, hung up, transferred; and what is refused."""

import json
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from tests.sockets.conftest import until
from tests.sockets.test_public_listener import ask, http, status_of
from voiced.admin.guard import names_this_machine
from voiced.testing import callees
from voiced.testing.emulator import CALLED_NUMBER
from voiced.testing.telnyx_api.rest import serve_api

pytestmark = pytest.mark.socket

TO = "+13125550101"
OUTBOUND = {
    "caller_id": CALLED_NUMBER,
    "answering_machine_detection": "disabled",
    "calls_per_second": 100.0,
}


class Admin:
    """A client of a daemon's admin listener."""

    def __init__(self, daemon):
        self._base = f"http://{daemon.admin.address}"

    async def __call__(self, method, path, body=None, **headers):
        async with httpx.AsyncClient(trust_env=False, timeout=20) as client:
            json_ = None if method == "GET" else {} if body is None else body
            url = f"{self._base}{path}"
            response = await client.request(method, url, headers=headers, json=json_)
        return response.status_code, response.json()


@pytest.fixture
def open_office(open_house):
    """Open a house with an emulated callee: yields the house and its admin client."""

    @asynccontextmanager
    async def opener(callee=None, outbound=OUTBOUND):
        async with open_house(outbound=outbound) as house:
            house.telnyx.directory.otherwise = callee or callees.human(after_s=0.05)
            yield house, Admin(house.daemon)

    return opener


async def test_a_call_is_placed_watched_and_hung_up(open_office):
    async with open_office() as (_, admin):
        status, placed = await admin("POST", "/calls", {"to": TO, "wait": "answered"})
        assert status == 202
        assert (placed["state"], placed["outcome"]) == ("live", None)
        assert placed["call_control_id"]
        for name in (placed["id"], placed["call_control_id"]):
            status, shown = await admin("GET", f"/calls/{name}")
            assert (status, shown["id"], shown["to"]) == (200, placed["id"], TO)
        assert [call["id"] for call in (await admin("GET", "/calls"))[1]["calls"]] == [placed["id"]]
        assert await admin("POST", f"/calls/{placed['id']}/hangup") == (202, {"id": placed["id"]})
        status, ended = await admin("GET", f"/calls/{placed['id']}?wait=ended")
        assert (status, ended["state"], ended["outcome"]) == (200, "ended", "completed")
        assert ended["end"]["reason"] == "operator_hung_up"
        assert ended["turns"] == []  # it is the record
        assert (await admin("GET", "/calls"))[1] == {"calls": []}
        assert (await admin("POST", f"/calls/{placed['id']}/hangup"))[0] == 409
        assert (await admin("POST", f"/calls/{placed['id']}/transfer", {"to": TO}))[0] == 409


async def test_one_key_is_one_call_in_body_or_header(open_office):
    async with open_office(callees.busy(after_s=0.05)) as (house, admin):
        body = {"to": TO, "wait": "ended"}
        first = await admin("POST", "/calls", body, **{"Idempotency-Key": "k1"})
        assert first[1]["outcome"] == "busy"
        assert await admin("POST", "/calls", {**body, "idempotency_key": "k1"}) == first
        assert len(house.telnyx.dialling.requests) == 1
        other = {**body, "to": "+13125550102", "idempotency_key": "k1"}
        status, answer = await admin("POST", "/calls", other)
        assert (status, answer["error"][:16]) == (409, "idempotency_key:")
        status, answer = await admin("POST", "/calls", other, **{"Idempotency-Key": "k2"})
        assert status == 422


async def test_a_call_is_transferred(open_office):
    async with open_office() as (house, admin):
        _, placed = await admin("POST", "/calls", {"to": TO, "wait": "answered"})
        await until(
            lambda: house.daemon.switchboard.find(placed["id"]).snapshot()["leg"] == "streaming"
        )
        path = f"/calls/{placed['id']}/transfer"
        status, answer = await admin("POST", path, {"to": "13125550103"})
        assert (status, answer["error"][:3]) == (422, "to:")
        assert (await admin("POST", path, {"to": "+13125550103"}))[0] == 202
        assert (await admin("POST", path, {"to": "+13125550103"}))[0] == 409
        await until(
            lambda: house.daemon.switchboard.find(placed["id"]).snapshot()["leg"] == "bridged"
        )
        assert (await admin("POST", f"/calls/{placed['id']}/hangup"))[0] == 202


async def test_an_order_that_waits_is_shown_and_can_be_withdrawn(open_office):
    outbound = {**OUTBOUND, "calls_per_second": 0.01}
    async with open_office(outbound=outbound) as (_, admin):
        await admin("POST", "/calls", {"to": TO, "wait": "placed"})
        status, waiting = await admin("POST", "/calls", {"to": TO})
        assert (status, waiting["state"], waiting["call_control_id"]) == (202, "waiting", "")
        assert waiting in (await admin("GET", "/calls"))[1]["calls"]
        assert (await admin("POST", f"/calls/{waiting['id']}/transfer", {"to": TO}))[0] == 409
        assert (await admin("POST", f"/calls/{waiting['id']}/hangup"))[0] == 202
        status, ended = await admin("GET", f"/calls/{waiting['id']}")
        assert (status, ended["outcome"]) == (200, "cancelled")
        assert (await admin("POST", f"/calls/{waiting['id']}/hangup"))[0] == 409


async def test_drain_refuses_calls_and_asks_the_daemon_to_end(open_office):
    async with open_office() as (house, admin):
        assert await admin("POST", "/drain") == (202, {"draining": True, "calls": 0})
        assert house.daemon.asked_to_drain.is_set()
        assert await admin("GET", "/readyz") == (503, {"ready": False})
        status, answer = await admin("POST", "/calls", {"to": TO})
        assert (status, answer) == (503, {"error": "the daemon is draining and places no calls"})


async def test_a_full_daemon_says_when_to_come_back(open_hand):
    telnyx = {"api_key": "k", "connection_id": "1", "api_base": "http://127.0.0.1:1"}
    call = {"max_concurrent": 1, "goodbye_timeout_s": 1}
    async with open_hand(outbound=OUTBOUND, call=call, telnyx=telnyx) as hand:
        admin = Admin(hand.daemon)
        assert (await admin("POST", "/calls", {"to": TO}))[0] == 202
        async with httpx.AsyncClient(trust_env=False) as client:
            url = f"http://{hand.daemon.admin.address}/calls"
            response = await client.post(url, json={"to": TO})
        assert (response.status_code, response.headers["Retry-After"]) == (429, "1")
        assert "max_concurrent" in response.json()["error"]


async def test_what_makes_no_sense_is_refused_in_a_sentence(open_hand):
    async with open_hand() as hand:
        admin = Admin(hand.daemon)
        for method, path, body, status in (
            ("POST", "/calls", {"to": "1"}, 422),
            ("POST", "/calls", [], 422),
            ("POST", "/calls", {"to": TO}, 503),  # this daemon has no application
            ("POST", "/calls/nobody/hangup", None, 404),
            ("POST", "/calls/nobody/hangup", {"x": 1}, 422),
            ("POST", "/calls/nobody/transfer", {"to": TO}, 404),
            ("POST", "/calls", {"to": "x" * 200_000}, 413),
            ("GET", "/calls/nobody?wait=ever", None, 422),
            ("GET", "/nothing", None, 404),
            ("DELETE", "/calls", None, 405),
        ):
            given, answer = await admin(method, path, body)
            assert (given, list(answer)) == (status, ["error"]), (path, answer)
            assert "\n" not in answer["error"]


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("text/plain", b'{"to": "+13125550101"}', 415),
        ("application/x-www-form-urlencoded", b"to=1", 415),
        ("", b"{}", 415),
        ("application/json", b"{", 400),
        ("application/json", b"\xff", 400),
        ("application/json", b"[" * 100_000, 400),
        ("application/json; charset=utf-8", b"{}", 422),
    ],
)
async def test_only_json_that_says_so_is_read(open_hand, content_type, body, status):
    async with open_hand() as hand:
        headers = [f"Content-Type: {content_type}"] if content_type else []
        request = http("POST", "/calls", body, *headers).replace(b": voiced", b": localhost")
        assert status_of(await ask(hand.daemon.admin.address, request)) == status


async def test_a_page_elsewhere_cannot_reach_a_listener_without_a_token(open_hand):
    async with open_hand() as hand:
        admin = Admin(hand.daemon)
        for host in ("attacker.example", "attacker.example:8081", "127.0.0.1.nip.example"):
            assert (await admin("GET", "/calls", Host=host))[0] == 403
            assert (await admin("POST", "/drain", Host=host))[0] == 403
            assert (await admin("GET", "/livez", Host=host))[0] == 200
        assert not hand.daemon.switchboard.is_draining


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1:8081", "[::1]:1", "[::1]"])
def test_addresses_and_localhost_are_this_machine(host):
    assert names_this_machine(host)


@pytest.mark.parametrize("host", ["", "x", "localhost.example", "127.0.0.1.example:1", ":1"])
def test_other_names_may_be_anybodys(host):
    assert not names_this_machine(host)


async def test_the_outcome_is_told_to_a_webhook(open_office):
    told = []

    async def hear(scope, receive, send):
        told.append(json.loads((await receive())["body"]))
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    async with serve_api(hear) as url, open_office(callees.busy(after_s=0.05)) as (_, admin):
        body = {"to": TO, "webhook": f"{url}/told", "wait": "ended"}
        _, ended = await admin("POST", "/calls", body)
        await until(lambda: told)
        assert told == [ended]


async def test_past_calls_are_found_by_what_is_known_of_them(open_office):
    async with open_office(callees.busy(after_s=0.05)) as (_, admin):
        _, placed = await admin("POST", "/calls", {"to": TO, "wait": "ended"})
        status, found = await admin("GET", f"/calls?state=ended&outcome=busy&number={TO}")
        assert (status, found["next"]) == (200, None)
        (call,) = found["calls"]
        assert (call["id"], call["direction"], call["to"]) == (placed["id"], "outgoing", TO)
        assert call["end"]["reason"] == "unreached"
        assert (await admin("GET", "/calls?state=live"))[1]["calls"] == []
        assert (await admin("GET", "/calls?since=tomorrow"))[0] == 422
        assert (await admin("GET", "/calls?limit=1&limit=2"))[1]["error"] == "limit: is given twice"
        status, record = await admin("GET", f"/calls/{call['call_control_id']}")
        assert (status, record["ref"]) == (200, placed["id"])  # by Telnyx's name too, once indexed


async def test_a_webhook_that_was_given_up_is_listed_and_sent_again(open_office):
    async with open_office(callees.busy(after_s=0.05)) as (house, admin):
        deaf = f"http://{house.daemon.admin.address}/hush"  # 404: no attempt can mend that
        _, placed = await admin("POST", "/calls", {"to": TO, "wait": "ended", "webhook": deaf})
        webhooks: list[Any] = []
        while not webhooks or not webhooks[0]["dead"]:
            webhooks = (await admin("GET", "/webhooks"))[1]["webhooks"]
        (given_up,) = webhooks
        assert (given_up["id"], given_up["failure"]) == (
            f"outcome_{placed['id']}",
            "answered with 404",
        )
        assert "hush" not in json.dumps(webhooks)
        assert (await admin("POST", "/webhooks/nobody/retry"))[0] == 404
        status, again = await admin("POST", f"/webhooks/{given_up['id']}/retry")
        assert (status, again["id"]) == (202, given_up["id"])
