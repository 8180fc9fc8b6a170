from __future__ import annotations

import httpx
import pytest
import trio

from voiced.testing.api import Answer
from voiced.testing.caller import silent_caller
from voiced.testing.telnyx_api.rest import LARGEST_BODY, RestApi, serve_api


def code_of(reply):
    return reply.json()["errors"][0]["code"]


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("POST", "/v2/calls/nobody/actions/hangup", 422, "90015"),
        ("GET", "/v2/calls/nobody", 422, "90015"),
        ("GET", "/v2/calls/nobody/actions/hangup", 405, "10030"),
        ("POST", "/v2/calls/nobody/actions/client_state_update", 405, "10030"),
        ("DELETE", "/v2/calls/nobody", 405, "10030"),
        ("GET", "/v2/nothing", 404, "10005"),
    ],
)
async def test_what_is_not_there_is_refused(tiny, method, path, status, code, autojump_clock):
    reply = await tiny.client.request(method, path)
    assert (reply.status_code, code_of(reply)) == (status, code)


async def test_nothing_is_told_without_the_key(tiny, autojump_clock, check_answer):
    for authorization in ("", "Bearer", "Bearer x", "Basic x", tiny.telnyx.api_key):
        reply = await tiny.client.get("/v2/nothing", headers={"Authorization": authorization})
        assert (reply.status_code, code_of(reply)) == (401, "10009")
        check_answer("hangup", reply.json())


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b'{"a":"' + b"x" * LARGEST_BODY + b'"}'])
async def test_a_body_that_is_no_json_object_is_refused(tiny, body, autojump_clock):
    replies = []

    async def talk(daemon, socket):
        path = f"/v2/calls/{daemon.call_control_id}/actions/hangup"
        replies.append(await daemon.client.post(path, content=body))
        while await socket.next() is not None:
            pass

    tiny.talk = talk
    report = await tiny.telnyx.ring(silent_caller(hangs_up_s=1.0))
    assert (replies[0].status_code, code_of(replies[0])) == (400, "10023")
    assert report.violations == ("hangup: 10023 The body is not a JSON object.",)


async def test_the_state_of_a_call_can_be_asked_until_ten_minutes_after_its_end(
    tiny, autojump_clock, check_answer
):
    told = []

    async def ask():
        reply = await tiny.client.get(f"/v2/calls/{tiny.call_control_id}")
        told.append(reply.json().get("data"))
        return reply

    async def talk(daemon, socket):
        await trio.sleep(1.0)
        await ask()
        while await socket.next() is not None:
            pass

    tiny.talk = talk
    await tiny.telnyx.ring(silent_caller(hangs_up_s=3.0))
    await ask()
    live, over = told
    assert (live["is_alive"], over["is_alive"]) == (True, False)
    assert live["call_control_id"] == tiny.call_control_id
    assert (live["call_duration"], over["call_duration"]) == (1, 3)
    assert live["start_time"] == over["start_time"] < over["end_time"]
    for data in told:
        check_answer("dial", {"data": data})  # the same record of a call
    await trio.sleep(601)
    assert (await ask()).status_code == 404


async def test_every_answer_tells_how_much_of_the_rate_limit_is_left(tiny, autojump_clock):
    left = []
    for _ in range(3):
        reply = await tiny.client.get("/v2/nothing")
        assert reply.headers["x-ratelimit-limit"] == "500"
        assert reply.headers["x-ratelimit-reset"] == "1"
        left.append(int(reply.headers["x-ratelimit-remaining"]))
    assert left == [499, 498, 497]


async def test_one_request_too_many_in_a_second_is_throttled(tiny, autojump_clock):
    def answer(request):
        return Answer(body={"data": {}})

    app = RestApi(tiny.telnyx, (answer,), requests_per_s=2)
    headers = {"Authorization": f"Bearer {tiny.telnyx.api_key}"}
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(
        transport=transport, base_url="https://api.telnyx.test", headers=headers
    ) as client:
        statuses = [(await client.get("/v2/x")).status_code for _ in range(3)]
        assert statuses == [200, 200, 429]
        await trio.sleep(1.0)
        assert (await client.get("/v2/x")).status_code == 200


async def test_a_request_whose_client_leaves_before_its_end_is_not_carried_out(tiny):
    seen: list[object] = []
    app = RestApi(tiny.telnyx, (seen.append,))
    messages = [
        {"type": "http.request", "body": b'{"voice":', "more_body": True},
        {"type": "http.disconnect"},
    ]
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v2/calls/x/actions/speak",
        "query_string": b"",
        "headers": [(b"authorization", f"Bearer {tiny.telnyx.api_key}".encode())],
    }

    async def receive():
        await trio.lowlevel.checkpoint()
        return messages.pop(0)

    await app(scope, receive, seen.append)
    assert seen == []


@pytest.mark.socket
async def test_a_planned_drop_breaks_the_connection_on_a_real_socket():
    async def app(scope, receive, send):
        headers = [(b"content-length", b"1000")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"{", "more_body": True})
        raise httpx.ReadError("dropped")

    with trio.fail_after(10):
        async with serve_api(app) as url, httpx.AsyncClient() as client:
            with pytest.raises(httpx.RemoteProtocolError):
                await client.post(f"{url}/calls/x/actions/hangup")
