"""A TeXML application of fifty lines, rung by the emulated Telnyx."""

from __future__ import annotations

import base64
import json
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qsl

import httpx
import jsonschema
import pytest
import trio

from tests.testing.conftest import WALL, Socket
from voiced.errors import TelnyxError, WebhookRejected
from voiced.telnyx.texml import as_event, as_initiated, parse_callback, parse_fetch
from voiced.telnyx.webhook import WebhookVerifier
from voiced.testing.account import TexmlApplication
from voiced.testing.caller import silent_caller, tone_caller
from voiced.testing.emulator import Account, open_emulator
from voiced.testing.faults import Faults
from voiced.testing.leg.texml_incoming import FETCH_WITHIN_S
from voiced.testing.network import AsgiNetwork

SCHEMA = json.loads(
    (Path(__file__).parents[2] / "data/telnyx/texml-callbacks.schema.json").read_text()
)
APPLICATION = TexmlApplication(
    id="16",
    voice_url="http://agent.test/texml",
    status_callback="http://agent.test/texml/status",
)
TONE = b"\x10\x90" * 800  # 200 ms that are no silence


def document(attributes="", *, after="<Hangup/>", children=""):
    given = (
        'url="ws://agent.test/media" bidirectionalMode="rtp" enableReconnect="false" name="agent"'
        ' statusCallback="http://agent.test/texml/stream"'
    )
    for attribute in attributes.split():
        name, _, _ = attribute.partition("=")
        kept = [part for part in given.split() if not part.startswith(f"{name}=")]
        given = " ".join([*kept, attribute])
    return f"<Response><Connect><Stream {given}>{children}</Stream></Connect>{after}</Response>"


class TexmlDaemon:
    """Serves `document`, takes the callbacks, and does with the socket what `talk` says."""

    def __init__(self, telnyx=None):
        self.telnyx = telnyx
        self.document = document()
        self.content_type = "application/xml"
        self.status = 200
        self.delay_s = 0.0
        self.fetches = []
        self.forms = []
        self.sockets = []
        self.talk = self.listen

    @staticmethod
    async def listen(socket):
        while await socket.next() is not None:
            pass

    def told(self, key):
        """The values of a field in the callbacks, in their order."""
        return [form[key] for _, form in self.forms if key in form]

    async def __call__(self, scope, receive, send):
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            socket = Socket(receive, send)
            self.sockets.append(socket)
            await self.talk(socket)
            return
        if scope["path"] == "/texml":
            await trio.sleep(self.delay_s)
        body = (await receive())["body"]
        status, content_type, answer = 200, "", b""
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        try:
            verifier = WebhookVerifier(self.telnyx.public_key)
            verifier.verify(headers, body, WALL + trio.current_time())
        except WebhookRejected as rejected:
            status = rejected.status
        else:
            content_type, answer = self._take(scope, headers, body)
            status = self.status if scope["path"] == "/texml" else 200
        start = {"type": "http.response.start", "status": status}
        await send(start | {"headers": [(b"content-type", content_type.encode())]})
        await send({"type": "http.response.body", "body": answer})

    def _take(self, scope, headers, body):
        assert headers["content-type"] == "application/x-www-form-urlencoded"
        fields = body if scope["method"] == "POST" else scope["query_string"]
        form = dict(parse_qsl(fields.decode(), keep_blank_values=True))
        if scope["path"] == "/texml":
            self.fetches.append((scope["method"], form))
            return self.content_type, self.document.encode()
        self.forms.append((scope["path"], form))
        return "text/plain", b""


@asynccontextmanager
async def texml_daemon():
    """A daemon whose TeXML the emulated Telnyx carries out."""
    daemon = TexmlDaemon()
    account = Account(wall=lambda: WALL + trio.current_time())
    async with open_emulator(AsgiNetwork(daemon), account=account) as telnyx:
        daemon.telnyx = telnyx
        yield daemon


def check(name, form):
    schema = {**SCHEMA, "$ref": f"#/$defs/{name}"}
    jsonschema.validate(form, schema, jsonschema.Draft202012Validator)


async def play(socket):
    media = {"payload": base64.b64encode(TONE).decode()}
    await socket.send({"event": "media", "media": media})


async def test_a_call_is_answered_by_its_document_and_told_step_by_step(autojump_clock):
    async def talk(socket):
        while (frame := await socket.next()) is not None:
            if frame["event"] == "start":
                await play(socket)

    async with texml_daemon() as daemon:
        daemon.talk = talk
        report = await daemon.telnyx.ring_texml(silent_caller(hangs_up_s=2.0), APPLICATION)
    assert report.violations == ()
    assert (report.ended_by, report.cause) == ("caller", "normal_clearing")
    assert report.first_audio_s is not None
    assert daemon.told("CallStatus") == ["initiated", "ringing", "in-progress", "completed"]
    assert daemon.told("SequenceNumber") == ["0", "1", "2", "3"]
    assert daemon.told("StreamEvent") == ["stream-started", "stream-stopped"]
    ended = daemon.forms[-1][1]
    assert (ended["HangupCause"], ended["HangupSource"]) == ("normal_clearing", "caller")
    assert ended["CallDuration"] == "2"
    assert report.commands == ()


async def test_every_form_is_as_telnyx_documents_it(autojump_clock):
    async with texml_daemon() as daemon:
        await daemon.telnyx.ring_texml(silent_caller(hangs_up_s=1.0), APPLICATION)
    ((method, fetch),) = daemon.fetches
    assert method == "POST"
    check("instruction_fetch", fetch)
    for path, form in daemon.forms:
        check("stream" if path == "/texml/stream" else "call_status", form)
    stream_ids = set(daemon.told("StreamSid"))
    start = next(frame for _, frame in daemon.sockets[0].frames if frame["event"] == "start")
    assert stream_ids == {start["stream_id"]}
    assert start["start"]["call_control_id"] == fetch["CallSid"]


async def test_the_document_can_be_fetched_by_get(autojump_clock):
    application = TexmlApplication(id="16", voice_url="http://agent.test/texml", voice_method="get")
    async with texml_daemon() as daemon:
        daemon.document = document('statusCallbackMethod="GET"')
        report = await daemon.telnyx.ring_texml(silent_caller(hangs_up_s=1.0), application)
    assert report.violations == ()
    ((method, form),) = daemon.fetches
    assert method == "GET"
    assert form["To"] == "+13125550199"
    assert daemon.told("StreamEvent") == ["stream-started", "stream-stopped"]
    assert daemon.told("CallStatus") == []  # no status callback is set


async def test_parameters_arrive_at_the_socket(autojump_clock):
    async with texml_daemon() as daemon:
        daemon.document = document(children='<Parameter name="run" value="r1"/>')
        await daemon.telnyx.ring_texml(silent_caller(hangs_up_s=1.0), APPLICATION)
    start = next(frame for _, frame in daemon.sockets[0].frames if frame["event"] == "start")
    assert start["start"]["custom_parameters"] == {"run": "r1"}


async def test_without_rtp_mode_the_daemon_is_not_heard(autojump_clock):
    async def talk(socket):
        await play(socket)
        await daemon.listen(socket)

    async with texml_daemon() as daemon:
        daemon.talk = talk
        daemon.document = document('bidirectionalMode="mp3"')
        report = await daemon.telnyx.ring_texml(silent_caller(hangs_up_s=1.0), APPLICATION)
    assert report.violations == ("audio is ignored: stream_bidirectional_mode is not rtp",)
    assert report.first_audio_s is None


async def test_closing_the_socket_runs_the_next_verb(autojump_clock):
    async def talk(socket):
        await socket.next()
        await trio.sleep(1)
        await socket.close()

    async with texml_daemon() as daemon:
        daemon.talk = talk
        report = await daemon.telnyx.ring_texml(tone_caller(hangs_up_s=9.0), APPLICATION)
    assert report.violations == ()
    assert (report.ended_by, len(daemon.sockets)) == ("agent", 1)
    assert report.ended_s < 2
    assert daemon.forms[-1][1]["HangupSource"] == "callee"


async def test_a_lost_socket_is_dialled_again_where_the_document_wants_it(autojump_clock):
    async with texml_daemon() as daemon:
        daemon.document = document('enableReconnect="true"')
        faults = Faults(socket_drops_s=1.0)
        report = await daemon.telnyx.ring_texml(
            silent_caller(hangs_up_s=3.0), APPLICATION, faults=faults
        )
    assert report.violations == ()
    assert len(daemon.sockets) == 2
    assert report.sockets[0].closed_s < report.sockets[1].opened_s < report.sockets[0].closed_s + 1
    assert report.ended_by == "caller"
    assert daemon.told("StreamEvent") == ["stream-started", "stream-stopped"] * 2


@pytest.mark.parametrize(("code", "n_sockets"), [(1000, 1), (1011, 2)])
async def test_a_close_that_tells_of_a_failure_is_no_wish_to_end(code, n_sockets, autojump_clock):
    async def talk(socket):
        await socket.next()
        if len(daemon.sockets) == 1:  # at once, whether `start` is on its way or not
            await socket.close(code)
        else:
            await daemon.listen(socket)

    async with texml_daemon() as daemon:
        daemon.talk = talk
        daemon.document = document('enableReconnect="true"')
        await daemon.telnyx.ring_texml(silent_caller(hangs_up_s=1.0), APPLICATION)
    assert len(daemon.sockets) == n_sockets


async def test_without_reconnection_a_lost_socket_ends_the_call(autojump_clock):
    async with texml_daemon() as daemon:
        faults = Faults(socket_drops_s=1.0)
        report = await daemon.telnyx.ring_texml(
            silent_caller(hangs_up_s=9.0), APPLICATION, faults=faults
        )
    assert (report.ended_by, len(daemon.sockets)) == ("agent", 1)
    assert report.ended_s < 2


@asynccontextmanager
async def api_of(telnyx):
    """A client that holds the key."""
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=telnyx.app),
        base_url="http://api.test",
        headers={"Authorization": f"Bearer {telnyx.api_key}"},
    ) as client:
        yield client


async def started(socket):
    """What `start` says of the call."""
    while (frame := await socket.next())["event"] != "start":
        pass
    return frame["start"]


async def test_the_texml_api_hangs_up_and_tells_how_the_call_is(autojump_clock):
    statuses: list[str] = []

    async def talk(socket):
        call = await started(socket)
        path = f"/v2/texml/Accounts/{call['user_id']}/Calls/{call['call_control_id']}"
        async with api_of(daemon.telnyx) as client:
            statuses.append((await client.get(path)).json()["status"])
            assert (await client.post(path, data={"Status": "paused"})).status_code == 422
            assert (await client.post(path + "x", data={"Status": "completed"})).status_code == 404
            answer = await client.post(path, data={"Status": "completed"})
            assert (answer.status_code, answer.json()["sid"]) == (200, call["call_control_id"])
            await daemon.listen(socket)
            statuses.append((await client.get(path)).json()["status"])
            assert (await client.post(path, data={"Status": "completed"})).status_code == 422

    async with texml_daemon() as daemon:
        daemon.talk = talk
        report = await daemon.telnyx.ring_texml(silent_caller(hangs_up_s=9.0), APPLICATION)
    assert statuses == ["in-progress", "completed"]
    assert (report.ended_by, report.violations) == ("agent", ())
    assert report.commands[-1].code == "90018"


async def test_the_hangup_of_call_control_works_here_too(autojump_clock):
    async def talk(socket):
        call = await started(socket)
        async with api_of(daemon.telnyx) as client:
            path = f"/v2/calls/{call['call_control_id']}/actions/hangup"
            assert (await client.post(path, json={})).status_code == 200
        await daemon.listen(socket)

    async with texml_daemon() as daemon:
        daemon.talk = talk
        report = await daemon.telnyx.ring_texml(silent_caller(hangs_up_s=9.0), APPLICATION)
    assert (report.ended_by, report.actions, report.violations) == ("agent", ("hangup",), ())
    assert daemon.told("CallStatus")[-1] == "completed"


@pytest.mark.parametrize(
    ("reason", "cause", "status"),
    [("busy", "user_busy", "busy"), ("rejected", "call_rejected", "failed")],
)
async def test_a_document_may_turn_the_caller_away(reason, cause, status, autojump_clock):
    async with texml_daemon() as daemon:
        daemon.document = f'<Response><Reject reason="{reason}"/></Response>'
        report = await daemon.telnyx.ring_texml(silent_caller(), APPLICATION)
    assert (report.cause, report.answered_s, report.violations) == (cause, None, ())
    assert daemon.told("CallStatus")[-1] == status


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"status": 500}, "status 500"),
        ({"status": 204}, "status 204"),
        ({"content_type": "text/html"}, "content type text/html"),
        ({"document": "<Response><Play>x</Play></Response>"}, "<Play>"),
        ({"document": document('bidirectionalCodec="AMR-WB"')}, "AMR-WB"),
    ],
)
async def test_a_document_that_cannot_be_carried_out_ends_the_call(changes, words, autojump_clock):
    async with texml_daemon() as daemon:
        for name, value in changes.items():
            setattr(daemon, name, value)
        report = await daemon.telnyx.ring_texml(silent_caller(), APPLICATION)
    (violation,) = report.violations
    assert violation.startswith("TeXML: ")
    assert words in violation
    assert report.answered_s is None
    assert daemon.told("CallStatus")[-1] == "failed"


async def test_a_document_that_does_not_come_ends_the_call(autojump_clock):
    async with texml_daemon() as daemon:
        daemon.delay_s = FETCH_WITHIN_S + 1
        report = await daemon.telnyx.ring_texml(silent_caller(), APPLICATION)
    assert report.violations == ("TeXML: no document within 5 s",)
    assert report.ended_s < 6


async def test_one_stream_may_come_after_another(autojump_clock):
    async def talk(socket):
        await started(socket)
        await socket.close()

    async with texml_daemon() as daemon:
        daemon.talk = talk
        second = '<Connect><Stream url="ws://agent.test/second"/></Connect><Hangup/>'
        daemon.document = document(after=second)
        report = await daemon.telnyx.ring_texml(silent_caller(hangs_up_s=9.0), APPLICATION)
    assert report.violations == ()
    assert (len(daemon.sockets), report.ended_by) == (2, "agent")
    assert daemon.told("CallStatus").count("in-progress") == 1


async def test_a_document_may_speak_and_hang_up(autojump_clock):
    async with texml_daemon() as daemon:
        daemon.document = "<Response><Say>We are closed.</Say><Hangup/></Response>"
        report = await daemon.telnyx.ring_texml(silent_caller(), APPLICATION)
    assert (report.ended_by, report.violations) == ("agent", ())
    (utterance,) = report.agent_utterances
    assert utterance.text == "We are closed."
    assert daemon.told("CallStatus")[-1] == "completed"


async def test_voiced_reads_what_it_is_told(autojump_clock):
    async with texml_daemon() as daemon:
        await daemon.telnyx.ring_texml(silent_caller(hangs_up_s=1.0), APPLICATION)
    ((_, fetch),) = daemon.fetches
    now = datetime.now(UTC)
    assert as_initiated(parse_fetch(fetch), now).to == "+13125550199"
    events = [as_event(parse_callback(form), now) for _, form in daemon.forms]
    assert [type(event).__name__ for event in events if event is not None] == [
        "CallAnswered",
        "StreamingStarted",
        "StreamingStopped",
        "CallHangup",
    ]


async def test_a_caller_may_give_up_while_the_document_is_awaited(autojump_clock):
    async with texml_daemon() as daemon:
        faults = Faults(gives_up_s=0.01)
        report = await daemon.telnyx.ring_texml(silent_caller(), APPLICATION, faults=faults)
    assert report.cause == "originator_cancel"
    assert daemon.told("CallStatus")[-1] == "canceled"


async def test_callbacks_come_twice_and_forged_where_the_plan_says_so(autojump_clock):
    faults = Faults(duplicates=frozenset({"in-progress"}), forgeries=(("completed", "forged"),))
    async with texml_daemon() as daemon:
        report = await daemon.telnyx.ring_texml(
            silent_caller(hangs_up_s=1.0), APPLICATION, faults=faults
        )
    assert report.violations == ()  # the forged one was refused
    assert daemon.told("SequenceNumber") == ["0", "1", "2", "2", "3"]
    assert {hook.status for hook in report.webhooks if hook.kind == "forged"} == {403}


async def test_a_socket_that_is_not_opened_is_told_and_the_document_goes_on(autojump_clock):
    async def refuse(socket):
        raise AssertionError("is never called")

    async with texml_daemon() as daemon:
        daemon.document = document('url="ws://nowhere.test:1/media"')
        daemon.talk = refuse
        network = daemon.telnyx.network

        def refused(url, headers):
            raise TelnyxError("media socket not opened: nobody is there")

        network.open_websocket = refused
        report = await daemon.telnyx.ring_texml(silent_caller(), APPLICATION)
    assert daemon.told("StreamEvent") == ["stream-failed"]
    assert daemon.told("StreamError") == ["connection_failed"]
    assert (report.ended_by, report.cause) == ("agent", "normal_clearing")
