"""TeXML calls over real sockets: signed forms over HTTP, documents, and media that comes back."""

import pytest

from tests.sockets.conftest import until
from tests.sockets.test_public_listener import ask, http, status_of
from voiced.testing.account import TexmlApplication
from voiced.testing.caller import tone_caller
from voiced.testing.faults import Faults

pytestmark = pytest.mark.socket


def application_at(house, method="post"):
    url = f"http://{house.daemon.public.address}/telnyx/texml"
    return TexmlApplication(
        id="16", voice_url=url, voice_method=method, status_callback=f"{url}/status"
    )


@pytest.mark.parametrize("method", ["post", "get"])
async def test_a_whole_call_is_echoed_and_its_record_lies_on_the_disk(open_house, method):
    async with open_house() as house:
        caller = tone_caller(starts_s=0.3, lasts_s=60, heard_s=0.3)
        report = await house.telnyx.ring_texml(caller, application_at(house, method))
        await until(lambda: not house.daemon.switchboard.snapshot())
    assert report.violations == ()
    assert report.first_audio_s is not None
    assert report.ended_by == "caller"
    (document,) = house.documents()
    assert document["end"]["reason"] == "caller_hung_up"
    assert document["via"] == "texml"
    assert document["hangup_confirmed"] is True


async def test_a_dropped_socket_comes_back_and_forgeries_do_not_come_in(open_house):
    faults = Faults(
        socket_drops_s=0.2,
        forgeries=(("in-progress", "forged"), ("completed", "stale")),
        duplicates=frozenset({"*"}),
    )
    async with open_house() as house:
        caller = tone_caller(starts_s=0.6, lasts_s=60, heard_s=0.3)
        report = await house.telnyx.ring_texml(caller, application_at(house), faults=faults)
        await until(lambda: not house.daemon.switchboard.snapshot())
    assert report.violations == ()
    assert len(report.sockets) == 2
    assert report.first_audio_s is not None
    (document,) = house.documents()
    assert document["counters"]["stream_restarts"] == 1
    assert document["end"]["reason"] == "caller_hung_up"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("PUT", "/telnyx/texml", 405),
        ("HEAD", "/telnyx/texml", 405),
        ("GET", "/telnyx/texml/status", 405),
        ("GET", "/telnyx/texml", 400),
        ("GET", "/telnyx/texml?CallSid=%ff", 400),
        ("GET", "/telnyx/texml?CallSid=a&CallSid=b", 400),
        ("GET", "/telnyx/texml?" + "&".join(f"a{n}=" for n in range(201)), 400),
        ("POST", "/telnyx/texml?CallSid=a", 400),
        ("POST", "/telnyx/texml/", 404),
        ("POST", "/telnyx/texml/stream", 404),
    ],
)
async def test_what_is_no_fetch_gets_no_document(open_hand, method, path, status):
    async with open_hand() as hand:
        answer = await ask(hand.address, http(method, path))
        assert status_of(answer) == status
        assert b"<Response" not in answer
        assert hand.daemon.switchboard.snapshot() == []


@pytest.mark.parametrize("path", ["/telnyx/texml", "/telnyx/texml/status"])
async def test_a_form_over_256_kib_is_too_large(open_hand, path):
    async with open_hand() as hand:
        for more, status in ((0, 400), (1, 413)):
            body = b"x" * (256 * 1024 + more)
            assert status_of(await ask(hand.address, http("POST", path, body))) == status
