"""TeXML requests made by hand: stages, orders and strangers that no honest Telnyx would bring."""

import json
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree

import pytest
import trio

import voiced.switchboard.switchboard
from tests.call.conftest import HandLine, media_frame, start_message
from tests.call.test_faults import names_of_live_tasks
from voiced.errors import MediaStreamClosed, TelnyxError
from voiced.leg.leg import EndReason
from voiced.testing.memory import CoreNetwork
from voiced.testing.webhooks import Signer

FORM = "application/x-www-form-urlencoded"
DOCUMENT = "http://voiced/telnyx/texml"
STATUS = "http://voiced/telnyx/texml/status"


def now():
    return int(datetime.now(UTC).timestamp())


@dataclass
class Texml:
    """Telnyx's side of TeXML, by hand."""

    line: HandLine
    signer: Signer

    @property
    def network(self):
        return CoreNetwork(self.line.core)

    def signed(self, body):
        return self.signer.headers(body, timestamp=now(), content_type=FORM)

    async def fetch(self, call="v3:hand", method="POST", headers=None, **fields):
        form = {
            "AccountSid": "account",
            "CallSid": call,
            "From": "+13125550100",
            "To": "+13125550199",
            "ConnectionId": "16",
            "CallStatus": "ringing",
            **fields,
        }
        body = urlencode(form).encode()
        if method == "GET":
            url = f"{DOCUMENT}?{body.decode()}"
            return await self.network.fetch("GET", url, headers or {})
        headers = self.signed(body) if headers is None else headers
        return await self.network.fetch(method, DOCUMENT, headers, body)

    async def tell(self, call="v3:hand", headers=None, **fields):
        body = urlencode({"CallSid": call, **fields}).encode()
        answer = await self.network.fetch(
            "POST", STATUS, self.signed(body) if headers is None else headers, body
        )
        await self.line.settle()
        return answer.status

    async def hang_up(self, call="v3:hand", number="9"):
        return await self.tell(
            call,
            CallStatus="completed",
            SequenceNumber=number,
            HangupCause="normal_clearing",
            HangupSource="caller",
        )

    @asynccontextmanager
    async def media(self, document, call="v3:hand", start=True):
        """Dial the media socket that `document` names, and begin the stream."""
        async with self.network.open_websocket(url_of(document), {}) as socket:
            if start:
                await socket.send_text(start_message(call))
                await socket.send_text(media_frame(1))
                await self.line.settle()
            yield socket

    def knows(self, call="v3:hand"):
        """Let Telnyx's API know the call."""
        data = {"call_control_id": call, "is_alive": True}
        self.line.answers[call] = (200, {"data": data})

    @property
    def reason(self):
        return self.line.records[-1]["end"]["reason"]

    def commands(self):
        """Return the commands, without the questions."""
        return [action for action in self.line.actions() if not action.startswith("v3:")]


def root_of(document):
    return ElementTree.fromstring(document.body)


def url_of(document):
    stream = root_of(document).find("Connect/Stream")
    assert stream is not None
    return stream.attrib["url"]


def verbs(document):
    return [verb.tag for verb in root_of(document)]


@pytest.fixture
def open_texml(open_line):
    """Open a daemon that verifies: `async with open_texml(call={...}) as texml`."""

    @asynccontextmanager
    async def opener(*, telnyx=None, server=None, **tables):
        signer = Signer()
        account: dict[str, Any] = {
            "api_key": "k",
            "api_base": "http://127.0.0.1/v2",
            "public_key": signer.public_key,
        }
        async with open_line(
            server={"insecure": False, **(server or {})},
            telnyx=account | (telnyx or {}),
            **tables,
        ) as line:
            yield Texml(line, signer)
            await trio.sleep(60)
            assert line.switchboard.snapshot() == []
            assert names_of_live_tasks() == []

    return opener


# The document.


async def test_the_document_says_all_that_telnyx_must_know(open_texml, autojump_clock):
    async with open_texml(server={"public_url": "https://agent.example.com"}) as texml:
        document = await texml.fetch()
        connect, hangup = root_of(document)
        (stream,) = connect
        (parameter,) = stream
        (call,) = texml.line.switchboard.snapshot()
        await texml.hang_up()
    assert (document.status, document.content_type) == (200, "application/xml")
    assert hangup.tag == "Hangup"
    url = stream.attrib.pop("url")
    assert url.startswith("wss://agent.example.com/telnyx/media/")
    assert stream.attrib == {
        "track": "inbound_track",
        "codec": "PCMU",
        "bidirectionalMode": "rtp",
        "bidirectionalCodec": "PCMU",
        "bidirectionalSamplingRate": "8000",
        "name": "voiced",
        "statusCallback": "https://agent.example.com/telnyx/texml/status",
        "statusCallbackMethod": "POST",
        "enableReconnect": "true",
    }
    assert parameter.attrib == {"name": "ref", "value": call["ref"]}


async def test_a_call_that_is_fetched_again_gets_the_same_document(open_texml, autojump_clock):
    async with open_texml() as texml:
        first = await texml.fetch()
        again = [await texml.fetch() for _ in range(3)]
        assert {document.body for document in again} == {first.body}
        assert len(texml.line.switchboard.snapshot()) == 1
        await texml.hang_up()
        assert verbs(await texml.fetch()) == ["Hangup"]  # a late retry begins no second call
    assert len(texml.line.records) == 1


async def test_fetches_at_the_same_time_begin_one_call(open_texml, autojump_clock):
    documents = []

    async def fetch():
        documents.append((await texml.fetch()).body)

    async with open_texml() as texml:
        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(fetch)
        assert len(texml.line.switchboard.snapshot()) == 1
        await texml.hang_up()
    assert len(documents) == 5
    assert len(set(documents)) == 1


async def test_nothing_that_comes_from_outside_stands_in_the_document(open_texml, autojump_clock):
    evil = '"/><Dial>+1900</Dial><![CDATA[\n&amp;'
    async with open_texml() as texml:
        document = await texml.fetch("v3:<&\"'>", From=evil, To=evil, CallerId=evil)
        assert verbs(document) == ["Connect", "Hangup"]
        assert b"Dial" not in document.body
        await texml.hang_up("v3:<&\"'>")
    assert texml.line.records[0]["from"] == evil


@pytest.mark.parametrize("call", ["", "v3 hand", "v3:\n", "x" * 256, "\x00", "ä"])
async def test_a_fetch_that_names_no_call_is_refused(open_texml, autojump_clock, call):
    async with open_texml() as texml:
        assert (await texml.fetch(call)).status == 400
        assert (await texml.fetch(call, "GET")).status == 400


@pytest.mark.parametrize("method", ["HEAD", "PUT", "DELETE", "OPTIONS"])
async def test_other_methods_begin_no_call(open_texml, autojump_clock, method):
    async with open_texml() as texml:
        answer = await texml.fetch(method=method)
        assert answer.status == 405
        assert b"Response" not in answer.body
        assert texml.line.switchboard.snapshot() == []


# Who may fetch and tell.


async def test_what_telnyx_has_not_signed_is_refused(open_texml, autojump_clock):
    async with open_texml() as texml:
        await texml.fetch()
        stranger = Signer()
        body = urlencode({"CallSid": "v3:hand", "CallStatus": "completed"}).encode()
        for headers, status in (
            ({}, 401),
            (stranger.headers(body, timestamp=now(), content_type=FORM), 403),
            (texml.signer.headers(body, timestamp=now() - 400, content_type=FORM), 403),
            (texml.signer.headers(body + b"&x=1", timestamp=now(), content_type=FORM), 403),
        ):
            assert await texml.tell(CallStatus="completed", headers=headers) == status
            assert (await texml.fetch("v3:other", headers=headers)).status == status
        assert len(texml.line.switchboard.snapshot()) == 1
        await texml.hang_up()


async def test_without_a_public_key_nobody_is_answered(open_texml, autojump_clock):
    async with open_texml(telnyx={"public_key": ""}) as texml:
        assert (await texml.fetch()).status == 403
        assert (await texml.fetch(method="GET")).status == 403
        assert await texml.hang_up() == 403
    assert texml.line.commands == []


async def test_a_callback_that_is_none_is_refused(open_texml, autojump_clock):
    async with open_texml() as texml:
        assert await texml.tell("", CallStatus="completed") == 400
        body = b"\xff=1"
        answer = await texml.network.fetch("POST", STATUS, texml.signed(body), body)
        assert answer.status == 400
        assert await texml.tell("v3:unknown", CallStatus="completed", SequenceNumber="1") == 200


# Strangers, who can send a GET.


async def test_a_stranger_who_plays_telnyx_is_not_talked_to(open_texml, autojump_clock):
    async with open_texml() as texml:
        document = await texml.fetch(method="GET")
        async with texml.media(document) as socket:
            with pytest.raises(MediaStreamClosed):  # noqa: PT012  # whatever came before the end
                while True:
                    assert "media" not in await socket.receive_text()
    assert texml.reason == "not_answered"
    assert texml.commands() == ["hangup"]  # in case there is such a call after all
    assert texml.line.records[0]["turns"] == []


@pytest.mark.parametrize("by", ["api", "callback"])
async def test_a_get_is_served_once_telnyx_says_that_the_call_is_its_own(
    open_texml, autojump_clock, by
):
    async with open_texml() as texml:
        if by == "api":
            texml.knows()
        document = await texml.fetch(method="GET")
        async with texml.media(document) as socket:
            if by == "callback":
                assert texml.line.switchboard.snapshot()[0]["answered_after_s"] is None
                await texml.tell(CallStatus="in-progress", SequenceNumber="2")
            assert texml.line.switchboard.snapshot()[0]["answered_after_s"] is not None
            await socket.send_text(media_frame(2))
            assert json.loads(await socket.receive_text())["event"] in {"media", "mark"}
            await texml.hang_up()
    assert texml.reason == "caller_hung_up"


async def test_strangers_cannot_take_all_lines(open_texml, autojump_clock, monkeypatch):
    monkeypatch.setattr(voiced.switchboard.switchboard, "DOUBTFUL", 3)
    async with open_texml(call={"answer_timeout_s": 5}) as texml:
        documents = [await texml.fetch(f"v3:{n}", "GET") for n in range(5)]
        rejected = b'<Reject reason="busy" />'
        assert [rejected in document.body for document in documents] == [False] * 3 + [True] * 2
        assert verbs(await texml.fetch("v3:0", "GET")) == ["Connect", "Hangup"]  # a retry of his
        assert verbs(await texml.fetch("v3:true")) == ["Connect", "Hangup"]  # signed
        await texml.hang_up("v3:true")
        await trio.sleep(10)  # they have waited in vain
        texml.knows("v3:late")
        document = await texml.fetch("v3:late", "GET")
        async with texml.media(document, "v3:late"):  # talks: it does not wait any more
            more = [await texml.fetch(f"v3:more {n}".replace(" ", ""), "GET") for n in range(3)]
            assert [rejected in document.body for document in more] == [False] * 3
            await texml.hang_up("v3:late")
    assert len(texml.line.records) == 3 + 1 + 1 + 3


async def test_unsigned_fetches_are_refused_where_they_are_off(open_texml, autojump_clock):
    async with open_texml(telnyx={"texml_get": False}) as texml:
        assert (await texml.fetch(method="GET")).status == 405
        assert (await texml.fetch()).status == 200
        await texml.hang_up()


# The hangup, at each stage, and callbacks in any order.


@pytest.mark.parametrize("stage", ["document", "socket", "start", "lost", "back"])
async def test_a_hangup_at_any_stage_leaves_nothing(open_texml, autojump_clock, stage):
    async with open_texml() as texml:
        document = await texml.fetch()
        if stage == "document":
            await texml.hang_up()
        else:
            async with texml.media(document, start=stage != "socket"):
                if stage in {"socket", "start"}:
                    await texml.hang_up()
            await texml.line.settle()
        if stage == "lost":
            await texml.hang_up()
        if stage == "back":
            async with texml.media(document):
                await texml.hang_up()
        assert texml.line.switchboard.snapshot() == []
        with pytest.raises(TelnyxError):
            async with texml.media(document):
                pass
    (record,) = texml.line.records
    assert record["end"]["reason"] == "caller_hung_up"
    assert record["hangup_confirmed"] is True
    assert texml.commands() == []


async def test_a_call_without_media_is_hung_up(open_texml, autojump_clock):
    async with open_texml(call={"apology": ""}) as texml:
        await texml.fetch()
        await trio.sleep(14)
        assert texml.line.commands == []
    assert texml.reason == "no_media"
    assert texml.commands() == ["hangup"]


async def test_a_socket_that_breaks_before_its_start_is_waited_for_again(
    open_texml, autojump_clock
):
    async with open_texml() as texml:
        document = await texml.fetch()
        call = texml.line.switchboard.find("v3:hand")
        async with texml.media(document, start=False) as socket:
            socket.close(1006)
            await texml.line.settle()
        async with texml.media(document) as socket:
            assert call.leg.state.value == "streaming"
            await texml.hang_up()
    assert texml.reason == "caller_hung_up"


async def test_a_second_socket_is_refused_while_one_is_up(open_texml, autojump_clock):
    async with open_texml() as texml:
        document = await texml.fetch()
        async with texml.media(document):
            with pytest.raises(TelnyxError, match="403"):
                async with texml.media(document):
                    pass
            await texml.hang_up()


async def test_a_lost_socket_that_does_not_come_back_ends_the_call(open_texml, autojump_clock):
    async with open_texml(call={"apology": ""}, media={"reconnect_s": 3}) as texml:
        document = await texml.fetch()
        async with texml.media(document) as socket:
            socket.close(1006)
            await texml.line.settle()
        await trio.sleep(2)
        assert len(texml.line.switchboard.snapshot()) == 1
    assert texml.reason == "media_lost"
    assert texml.commands() == ["hangup"]


async def test_a_stream_that_telnyx_cannot_open_ends_the_call(open_texml, autojump_clock):
    async with open_texml(call={"apology": "Sorry."}) as texml:
        await texml.fetch()
        await texml.tell(StreamEvent="stream-failed", StreamSid="s1", StreamError="refused")
    assert texml.reason == "streaming_failed"
    assert texml.commands() == ["speak", "hangup"]


async def test_callbacks_in_any_order_and_twice_never_move_a_call_back(open_texml, autojump_clock):
    async with open_texml() as texml:
        document = await texml.fetch()
        async with texml.media(document):
            for status, number in (("in-progress", "2"), ("ringing", "1"), ("in-progress", "2")):
                assert await texml.tell(CallStatus=status, SequenceNumber=number) == 200
            assert texml.line.switchboard.snapshot()[0]["leg"] == "streaming"
            await texml.hang_up()
        assert await texml.tell(CallStatus="initiated", SequenceNumber="0") == 200
        await texml.hang_up()
        assert texml.line.switchboard.snapshot() == []
    assert len(texml.line.records) == 1


@pytest.mark.parametrize(
    ("source", "cause", "reason"),
    [
        ("caller", "normal_clearing", "caller_hung_up"),
        ("callee", "normal_clearing", "media_lost"),
        ("unknown", "time_limit", "max_duration"),
    ],
)
async def test_the_last_callback_says_why_it_ended(
    open_texml, autojump_clock, source, cause, reason
):
    async with open_texml() as texml:
        document = await texml.fetch()
        async with texml.media(document):
            await texml.tell(
                CallStatus="completed",
                SequenceNumber="3",
                HangupCause=cause,
                HangupSource=source,
            )
    assert texml.reason == reason
    assert texml.commands() == []


async def test_a_call_that_we_end_is_hung_up_whatever_the_document_does(open_texml, autojump_clock):
    async with open_texml() as texml:
        document = await texml.fetch()
        async with texml.media(document):
            call = texml.line.switchboard.find("v3:hand")
            call.end_from_outside(EndReason.OPERATOR_HUNG_UP, "test")
            await texml.line.settle()
        assert texml.line.switchboard.snapshot() == []
    assert texml.reason == "operator_hung_up"
    assert texml.commands() == ["hangup"]


async def test_a_daemon_that_stops_lets_no_leg_go_on(open_texml, autojump_clock):
    async with open_texml() as texml:
        await texml.fetch()
        await texml.line.settle()
        await texml.line.switchboard.close()
        assert verbs(await texml.fetch("v3:late")) == ["Reject"]
    assert {record["end"]["reason"] for record in texml.line.records} == {
        "shutdown",
        "refused_busy",
    }
