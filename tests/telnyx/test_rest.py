"""The REST client: retries, deadlines, refusals; on the virtual clock, and once over a socket."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
from structlog.testing import capture_logs
from trio.testing import MockClock

from voiced.errors import CallGone, CommandFailed
from voiced.telnyx.commands import (
    Answer,
    ClientStateUpdate,
    Command,
    Dial,
    Hangup,
    Reject,
    Speak,
    StreamingStop,
)
from voiced.telnyx.ids import CallControlId
from voiced.telnyx.rest import (
    MAX_ANSWER_BYTES,
    RetryPolicy,
    TelnyxClient,
    Unwatched,
    open_telnyx,
)

REST: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "data/telnyx/fixtures.json").read_text()
)["rest"]
KEY = "KEY0123456789_secret"
LEG = CallControlId("v3:leg")
ANSWER = Answer(call_control_id=LEG)
HANGUP = Hangup(call_control_id=LEG)
OK = b'{"data":{"result":"ok"}}'


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What the fake answers, after `after_s`."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = OK
    after_s: float = 0.0


HANG = Reply(after_s=float("inf"))
Step = Reply | Exception


class EndlessBody(httpx.AsyncByteStream, AsyncIterator[bytes]):
    """A body that goes on for ever, `piece_s` between its pieces."""

    def __init__(self, piece: bytes, piece_s: float) -> None:
        self._piece = piece
        self._piece_s = piece_s
        self.n_sent = 0
        self.closed = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        await trio.sleep(self._piece_s)
        self.n_sent += len(self._piece)
        return self._piece

    async def aclose(self) -> None:
        self.closed = True
        await trio.lowlevel.checkpoint()


class FakeTelnyx(httpx.AsyncBaseTransport):
    """Answers by a script, one step for each request; keeps the requests and their times."""

    def __init__(self, *script: Step) -> None:
        self._script = list(script)
        self.requests: list[httpx.Request] = []
        self.times: list[float] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        self.times.append(trio.current_time())
        step = self._script.pop(0)
        if isinstance(step, Exception):
            await trio.lowlevel.checkpoint()
            raise step
        await trio.sleep(step.after_s)
        return httpx.Response(step.status, headers=step.headers, stream=httpx.ByteStream(step.body))

    def open(self, **options: Any) -> AbstractAsyncContextManager[TelnyxClient]:
        return open_telnyx(
            "https://api.example.com/v2",
            options.pop("api_key", KEY),
            transport=self,
            jitter=options.pop("jitter", lambda: 0.0),
            **options,
        )


async def send(fake: FakeTelnyx, command: Command = ANSWER, **options: Any) -> Any:
    async with fake.open(**options) as telnyx:
        return await telnyx.send(command)


def refusal(status: int, code: str = "", **changes: Any) -> Reply:
    errors = [{"code": code, "title": "Refused", "detail": "Because.", **changes}]
    return Reply(status=status, body=json.dumps({"errors": errors}).encode())


async def test_command_is_posted_once_with_key_and_body(autojump_clock: MockClock) -> None:
    fake = FakeTelnyx(Reply())
    assert await send(fake) == {"result": "ok"}
    (request,) = fake.requests
    assert request.method == "POST"
    assert request.url.raw_path == b"/v2/calls/v3%3Aleg/actions/answer"
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.headers["content-type"] == "application/json"
    assert json.loads(request.content) == ANSWER.body()
    assert trio.current_time() == 0


async def test_client_state_is_put(autojump_clock: MockClock) -> None:
    fake = FakeTelnyx(Reply())
    await send(fake, ClientStateUpdate(call_control_id=LEG, client_state="eA=="))
    (request,) = fake.requests
    assert request.method == "PUT"
    assert json.loads(request.content) == {"client_state": "eA=="}


async def test_dial_returns_the_new_leg(autojump_clock: MockClock) -> None:
    case = next(case for case in REST if case["name"].startswith("dial"))
    fake = FakeTelnyx(Reply(body=json.dumps(case["response"]).encode()))
    command = Dial(connection_id="1", purpose="p", to="+15550100", from_="+15550101")
    data = await send(fake, command)
    assert data == case["response"]["data"]
    assert fake.requests[0].url.path == "/v2/calls"


@pytest.mark.parametrize(
    "fault",
    [
        Reply(status=408),
        Reply(status=500),
        Reply(status=502, body=b"<html>bad gateway</html>"),
        Reply(status=503),
        Reply(status=429),
        httpx.ConnectError("refused"),
        httpx.ConnectTimeout("slow"),
        httpx.ReadError("reset"),
        httpx.RemoteProtocolError("peer closed connection"),
        httpx.PoolTimeout("busy"),
    ],
    ids=repr,
)
async def test_what_may_pass_is_tried_again_after_growing_waits(
    fault: Step, autojump_clock: MockClock
) -> None:
    fake = FakeTelnyx(fault, fault, fault, Reply())
    assert await send(fake) == {"result": "ok"}
    assert fake.times == [0, 0.5, 1.5, 3.5]
    assert len({request.content for request in fake.requests}) == 1  # command_id included


async def test_four_attempts_are_the_most(autojump_clock: MockClock) -> None:
    fake = FakeTelnyx(*[refusal(500, "10007")] * 4)
    with pytest.raises(CommandFailed, match="answer: 10007 Refused: Because") as caught:
        await send(fake)
    assert (caught.value.status, caught.value.code) == (500, "10007")
    assert fake.times == [0, 0.5, 1.5, 3.5]
    assert trio.current_time() == 3.5


async def test_jitter_takes_up_to_half_of_a_wait_off(autojump_clock: MockClock) -> None:
    fake = FakeTelnyx(Reply(status=500), Reply(status=500), Reply())
    await send(fake, jitter=lambda: 1.0)
    assert fake.times == [0, 0.25, 0.75]


async def test_hanging_attempts_end_after_5_s_and_the_whole_after_15_s(
    autojump_clock: MockClock,
) -> None:
    fake = FakeTelnyx(HANG, HANG, HANG, HANG)
    with pytest.raises(CommandFailed, match=r"no answer within 3\.5 s") as caught:
        await send(fake)
    assert fake.times == [0, 5.5, 11.5]
    assert trio.current_time() == 15
    assert caught.value.status is None


async def test_late_answer_within_5_s_counts(autojump_clock: MockClock) -> None:
    assert await send(FakeTelnyx(Reply(after_s=4.9))) == {"result": "ok"}
    assert trio.current_time() == pytest.approx(4.9)


async def test_wait_that_would_pass_the_deadline_is_not_begun(autojump_clock: MockClock) -> None:
    fake = FakeTelnyx(*[Reply(status=500)] * 4)
    with pytest.raises(CommandFailed):
        await send(fake, retry=RetryPolicy(total_s=1.2))
    assert fake.times == [0, 0.5]
    assert trio.current_time() == 0.5


async def test_callers_deadline_is_obeyed(autojump_clock: MockClock) -> None:
    fake = FakeTelnyx(HANG)
    with pytest.raises(trio.TooSlowError):
        with trio.fail_after(1):
            await send(fake)
    assert trio.current_time() == 1


async def test_callers_deadline_is_obeyed_between_attempts(autojump_clock: MockClock) -> None:
    fake = FakeTelnyx(Reply(status=500), Reply())
    with trio.move_on_after(0.4) as scope:
        await send(fake)
    assert scope.cancelled_caught
    assert fake.times == [0]


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({"x-ratelimit-reset": "1"}, 1),
        ({"X-RateLimit-Reset": "2", "Retry-After": "4"}, 2),
        ({"retry-after": "3"}, 3),
        ({"x-ratelimit-reset": "1770071101"}, 5),
        ({"x-ratelimit-reset": "0"}, 0.5),
        ({"x-ratelimit-reset": "-1"}, 0.5),
        ({"x-ratelimit-reset": "nan"}, 0.5),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, 0.5),
        ({}, 0.5),
    ],
)
async def test_throttling_says_how_long_to_wait(
    headers: dict[str, str], wait_s: float, autojump_clock: MockClock
) -> None:
    fake = FakeTelnyx(Reply(status=429, headers=headers), Reply())
    await send(fake)
    assert fake.times == [0, wait_s]


async def test_throttled_calls_do_not_come_back_at_once(autojump_clock: MockClock) -> None:
    fake = FakeTelnyx(Reply(status=429, headers={"x-ratelimit-reset": "1"}), Reply())
    await send(fake, jitter=lambda: 0.5)
    assert fake.times == [0, 1.25]


LAST = Reply(headers={"x-ratelimit-remaining": "0", "x-ratelimit-reset": "2"})


async def test_when_nothing_is_left_the_next_command_of_any_call_waits(
    autojump_clock: MockClock,
) -> None:
    fake = FakeTelnyx(LAST, Reply(), Reply(), Reply())
    other = Answer(call_control_id=CallControlId("v3:other"))
    async with fake.open(jitter=lambda: 0.5) as telnyx:
        await telnyx.send(ANSWER)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(telnyx.send, other)
            nursery.start_soon(telnyx.watched(Unwatched()).send, other)
        await telnyx.send(ANSWER)
    assert fake.times == [0, 2.25, 2.25, 2.25]


@pytest.mark.parametrize("command", [HANGUP, Reject(call_control_id=LEG, cause="USER_BUSY")])
async def test_what_ends_a_leg_is_never_held_back(
    command: Command, autojump_clock: MockClock
) -> None:
    fake = FakeTelnyx(LAST, Reply())
    async with fake.open() as telnyx:
        await telnyx.send(ANSWER)
        await telnyx.send(command)
    assert fake.times == [0, 0]


async def test_command_without_the_time_to_wait_is_tried_at_once(autojump_clock: MockClock) -> None:
    fake = FakeTelnyx(LAST, Reply())
    async with fake.open(retry=RetryPolicy(total_s=1)) as telnyx:
        await telnyx.send(ANSWER)
        await telnyx.send(ANSWER)
    assert fake.times == [0, 0]


async def test_throttled_command_holds_the_others_back(autojump_clock: MockClock) -> None:
    fake = FakeTelnyx(Reply(status=429, headers={"x-ratelimit-reset": "3"}), Reply(), Reply())
    async with fake.open() as telnyx, trio.open_nursery() as nursery:
        nursery.start_soon(telnyx.send, ANSWER)
        await trio.sleep(1)
        await telnyx.send(Answer(call_control_id=CallControlId("v3:other")))
    assert fake.times == [0, 3, 3]


@pytest.mark.parametrize(
    "case",
    [case for case in REST if case["status"] in (401, 422) and "ended" not in case["name"]],
    ids=lambda case: case["name"],
)
async def test_other_refusals_are_final(case: dict[str, Any], autojump_clock: MockClock) -> None:
    fake = FakeTelnyx(
        Reply(status=case["status"], body=json.dumps(case["response"]).encode()), Reply()
    )
    with pytest.raises(CommandFailed) as caught:
        await send(fake)
    error = case["response"]["errors"][0]
    assert not isinstance(caught.value, CallGone)
    assert (caught.value.status, caught.value.code) == (case["status"], error["code"])
    assert error["title"] in str(caught.value)
    assert len(fake.requests) == 1


@pytest.mark.parametrize(
    ("status", "remedy"),
    [
        (401, "check TELNYX_API_KEY"),
        (403, "check TELNYX_API_KEY"),
        (404, "check telnyx.api_base"),
        (301, "check telnyx.api_base"),
    ],
)
async def test_refusals_name_the_remedy(
    status: int, remedy: str, autojump_clock: MockClock
) -> None:
    fake = FakeTelnyx(Reply(status=status, headers={"location": "https://evil.example"}, body=b""))
    with pytest.raises(CommandFailed, match=remedy):
        await send(fake)
    assert len(fake.requests) == 1


@pytest.mark.parametrize(
    ("status", "code", "remedy"),
    [
        (422, "90041", "raise the limit in the portal"),
        (422, "10011", "leave media_encryption out"),
        (401, "10009", "begins with KEY"),
        (404, "90015", "of one account"),
        (404, "99999", "check telnyx.api_base"),
    ],
)
async def test_refusal_with_a_code_names_the_remedy_of_the_code(
    status: int, code: str, remedy: str, autojump_clock: MockClock
) -> None:
    with pytest.raises(CommandFailed, match=remedy) as caught:
        await send(FakeTelnyx(refusal(status, code)))
    assert caught.value.code == code


@pytest.mark.parametrize("command", [HANGUP, StreamingStop(call_control_id=LEG)])
async def test_ending_what_has_ended_is_success(
    command: Command, autojump_clock: MockClock
) -> None:
    assert await send(FakeTelnyx(refusal(422, "90018")), command) == {}


@pytest.mark.parametrize(
    "command", [ANSWER, Speak(call_control_id=LEG, payload="Sorry.", voice="v")]
)
async def test_other_commands_learn_that_the_call_is_gone(
    command: Command, autojump_clock: MockClock
) -> None:
    with pytest.raises(CallGone) as caught:
        await send(FakeTelnyx(refusal(422, "90018")), command)
    assert (caught.value.status, caught.value.code) == (422, "90018")


@pytest.mark.parametrize("api_key", ["", " \n"])
async def test_without_a_key_nothing_is_sent(api_key: str, autojump_clock: MockClock) -> None:
    fake = FakeTelnyx()
    with pytest.raises(CommandFailed, match="TELNYX_API_KEY"):
        await send(fake, api_key=api_key)
    assert not fake.requests


@pytest.mark.parametrize("api_key", ["schlüssel", "a\nb", "a\x00b"])
async def test_key_that_no_header_can_carry_is_refused(api_key: str) -> None:
    with pytest.raises(ValueError, match="TELNYX_API_KEY") as caught:
        await send(FakeTelnyx(), api_key=api_key)
    assert api_key not in str(caught.value)


@pytest.mark.parametrize(
    "api_base",
    [
        "",
        "api.telnyx.com/v2",
        "ftp://x",
        "https://",
        "http://[",
        "http://a..b",
        "http://x:99999",
        "http://x:y",
    ],
)
async def test_address_that_is_no_url_is_refused(api_base: str) -> None:
    with pytest.raises(ValueError, match=r"telnyx\.api_base"):
        async with open_telnyx(api_base, KEY):
            raise AssertionError("opened")


@pytest.mark.parametrize(
    "body", [b"", b"<html>welcome</html>", b"[]", b'{"data":5}', b"\xff", b"[" * 100_000]
)
async def test_success_that_is_not_telnyx_json_fails(
    body: bytes, autojump_clock: MockClock
) -> None:
    with pytest.raises(CommandFailed, match="not Telnyx's JSON") as caught:
        await send(FakeTelnyx(Reply(body=body)))
    assert caught.value.status == 200


class Endless(FakeTelnyx):
    """Answers every request with a body that never ends."""

    def __init__(self, status: int, piece: bytes, piece_s: float = 0.0) -> None:
        super().__init__()
        self._status = status
        self.bodies: list[EndlessBody] = []
        self._make: Callable[[], EndlessBody] = lambda: EndlessBody(piece, piece_s)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await trio.lowlevel.checkpoint()
        self.times.append(trio.current_time())
        self.bodies.append(self._make())
        return httpx.Response(self._status, stream=self.bodies[-1])


@pytest.mark.parametrize("status", [200, 422])
async def test_oversized_answer_is_cut_off(status: int, autojump_clock: MockClock) -> None:
    fake = Endless(status, b"x" * 65536)
    with pytest.raises(CommandFailed) as caught:
        await send(fake)
    assert caught.value.status == status
    assert [(body.n_sent, body.closed) for body in fake.bodies] == [
        (MAX_ANSWER_BYTES + 65536, True)
    ]


async def test_dripping_answer_ends_with_the_attempt(autojump_clock: MockClock) -> None:
    fake = Endless(200, b"x", piece_s=1.0)
    with pytest.raises(CommandFailed, match="no answer within"):
        await send(fake)
    assert fake.times == [0, 5.5, 11.5]
    assert all(body.closed for body in fake.bodies)


async def test_error_text_has_no_telephone_number(autojump_clock: MockClock) -> None:
    fake = FakeTelnyx(
        refusal(422, "10016", detail="+35319605860 is not E.164", source={"pointer": "/to"})
    )
    with pytest.raises(CommandFailed) as caught:
        await send(fake)
    assert str(caught.value) == (
        "answer: 10016 Refused: ... is not E.164 (at /to)"
        " - write numbers as +E.164: plus, country, number, without spaces"
    )


async def test_retries_are_logged_and_the_key_never(autojump_clock: MockClock) -> None:
    fake = FakeTelnyx(httpx.ConnectError("refused"), refusal(401, "10009"))
    with capture_logs() as logs, pytest.raises(CommandFailed) as caught:
        await send(fake)
    assert [(entry["action"], entry["attempt"], entry["wait_s"]) for entry in logs] == [
        ("answer", 1, 0.5)
    ]
    assert KEY not in repr(logs) + repr(caught.value) + str(caught.value)


async def test_request_that_httpx_cannot_send_is_final(autojump_clock: MockClock) -> None:
    fake = FakeTelnyx(httpx.UnsupportedProtocol("no such protocol"), Reply())
    with pytest.raises(CommandFailed, match="cannot be sent"):
        await send(fake)
    assert len(fake.requests) == 1


async def test_foreign_exceptions_stay_inside(autojump_clock: MockClock) -> None:
    fake = FakeTelnyx(*[httpx.ReadTimeout("")] * 4)
    with pytest.raises(CommandFailed, match="ReadTimeout") as caught:
        await send(fake)
    assert isinstance(caught.value.__cause__, httpx.ReadTimeout)


async def test_cookies_are_not_kept(autojump_clock: MockClock) -> None:
    fake = FakeTelnyx(Reply(headers={"set-cookie": "id=1; Path=/"}), Reply())
    async with fake.open() as telnyx:
        await telnyx.send(ANSWER)
        await telnyx.send(HANGUP)
    assert "cookie" not in fake.requests[1].headers


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    async with open_telnyx("https://api.example.com/v2", KEY) as telnyx:
        assert not telnyx._http._mounts


async def test_one_hanging_command_does_not_hold_up_another(autojump_clock: MockClock) -> None:
    fake = FakeTelnyx(HANG, Reply(), Reply())
    async with fake.open() as telnyx, trio.open_nursery() as nursery:
        nursery.start_soon(telnyx.send, ANSWER)
        await trio.testing.wait_all_tasks_blocked()
        await telnyx.send(HANGUP)
        assert trio.current_time() == 0


Handler = Callable[[trio.SocketStream], Awaitable[None]]


async def read_request(stream: trio.SocketStream) -> bool:
    """Read one whole request; tell whether there was one."""
    data = piece = await stream.receive_some()
    while piece and not data.endswith(b"}"):
        piece = await stream.receive_some()
        data += piece
    return bool(piece)


async def drop(stream: trio.SocketStream) -> None:
    await read_request(stream)


async def garble(stream: trio.SocketStream) -> None:
    await read_request(stream)
    await stream.send_all(b"\x00\xffthis is no HTTP\r\n\r\n")


async def cut_short(stream: trio.SocketStream) -> None:
    await read_request(stream)
    await stream.send_all(b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n" + OK)


async def hang(stream: trio.SocketStream) -> None:
    while await read_request(stream):
        pass


async def reply(stream: trio.SocketStream) -> None:
    head = f"HTTP/1.1 200 OK\r\ncontent-length: {len(OK)}\r\n\r\n"
    while await read_request(stream):
        await stream.send_all(head.encode() + OK)


@pytest.mark.socket
async def test_real_server_that_drops_garbles_and_hangs_is_survived() -> None:
    script: list[Handler] = [drop, garble, cut_short, hang, reply]
    retry = RetryPolicy(attempts=len(script), attempt_s=0.1, first_wait_s=0.001)

    async def serve(stream: trio.SocketStream) -> None:
        async with stream:
            await script.pop(0)(stream)

    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listeners[0].socket.getsockname()[1]
    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.serve_listeners, serve, listeners)
            async with open_telnyx(f"http://127.0.0.1:{port}/v2", KEY, retry=retry) as telnyx:
                assert await telnyx.send(ANSWER) == {"result": "ok"}
                assert await telnyx.send(HANGUP) == {"result": "ok"}  # on the same connection
            nursery.cancel_scope.cancel()
    assert not script


@pytest.mark.socket
async def test_refused_connection_is_a_failed_command() -> None:
    with trio.socket.socket() as unused:
        await unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        retry = RetryPolicy(attempts=2, first_wait_s=0.001)
        async with open_telnyx(f"http://127.0.0.1:{port}", KEY, retry=retry) as telnyx:
            with pytest.raises(CommandFailed, match="no answer"):
                await telnyx.send(ANSWER)
