"""The public URL over real sockets: certificates good and bad, and who answers."""

import ssl
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import trio
import trustme

from voiced.config import parse_config
from voiced.doctor.ask_public import PublicInquiry
from voiced.doctor.facts import Certificate, PublicFacts, Unavailable, WebhookProbe

SOON = datetime.now(UTC) + timedelta(days=5)
LONG_AGO = datetime.now(UTC) - timedelta(days=5)


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def trust(authority):
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def inquiry(url, *, trust=None, transport=None, limit_s=5):
    config = parse_config({"server": {"public_url": url}}, {})
    return PublicInquiry(
        config=config,
        wall=lambda: 1_770_000_000.9,
        limit_s=limit_s,
        trust=trust,
        transport=transport,
    )


@asynccontextmanager
async def serving(issued):
    """A TLS server with a certificate; yields its port."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    issued.configure_cert(context)

    async def serve(stream):
        try:
            await stream.do_handshake()
        except trio.BrokenResourceError:
            pass  # the client does not like the certificate
        finally:
            await trio.aclose_forcefully(stream)

    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listener.socket.getsockname()[1]
    async with trio.open_nursery() as nursery:
        wrapped = trio.SSLListener(listener, context, https_compatible=True)
        await nursery.start(trio.serve_listeners, serve, [wrapped])
        yield port
        nursery.cancel_scope.cancel()


# Certificates.


@pytest.mark.socket
async def test_a_trusted_certificate_tells_when_it_expires(authority, trust):
    async with serving(authority.issue_cert("localhost", not_after=SOON)) as port:
        found = await inquiry(f"https://localhost:{port}", trust=trust).certificate()
    assert found == Certificate(expires_at=int(SOON.timestamp()))


@pytest.mark.socket
@pytest.mark.parametrize(
    ("name", "expires", "trusted", "words"),
    [
        ("localhost", LONG_AGO, True, "certificate has expired"),
        ("other.example.com", SOON, True, "mismatch"),
        ("localhost", SOON, False, "unable to get local issuer certificate"),
    ],
)
async def test_a_bad_certificate_tells_why(authority, trust, name, expires, trusted, words):
    context = trust if trusted else ssl.create_default_context()
    async with serving(authority.issue_cert(name, not_after=expires)) as port:
        found = await inquiry(f"https://localhost:{port}", trust=context).certificate()
    assert isinstance(found, Unavailable)
    assert words in found.reason


@pytest.mark.socket
async def test_plain_http_where_tls_should_be_is_told(trust):
    async def answer(stream):
        await stream.receive_some()
        await stream.send_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, answer, listeners)
        port = listeners[0].socket.getsockname()[1]
        found = await inquiry(f"https://127.0.0.1:{port}", trust=trust).certificate()
        nursery.cancel_scope.cancel()
    assert isinstance(found, Unavailable)
    assert found.reason


async def test_plain_http_has_no_certificate():
    assert await inquiry("http://agent.example.com").certificate() is None


@pytest.mark.socket
async def test_a_port_where_nobody_listens_fails_by_itself():
    found = await inquiry("https://127.0.0.1:1").facts()
    assert found.addresses == ("127.0.0.1",)
    for fact in (found.certificate, found.webhook, found.media):
        assert isinstance(fact, Unavailable)
        assert fact.reason


@pytest.mark.socket
async def test_a_name_that_nobody_knows_is_the_only_thing_told():
    found = await inquiry("https://agent.invalid").facts()  # RFC 6761: never resolves
    assert isinstance(found.addresses, Unavailable)
    assert found == PublicFacts(addresses=found.addresses)


# Who answers.


async def test_both_webhooks_and_the_upgrade_are_what_telnyx_would_send():
    asked = []

    def answer(request):
        asked.append(request)
        return httpx.Response(502)

    ours = inquiry("https://agent.example.com/base", transport=httpx.MockTransport(answer))
    assert await ours.webhook() == WebhookProbe(unsigned=502, forged=502)
    assert await ours.media() == 502
    unsigned, forged, upgrade = asked
    assert unsigned.url == forged.url == "https://agent.example.com/base/telnyx/webhook"
    assert "telnyx-signature-ed25519" not in unsigned.headers
    assert forged.headers["telnyx-timestamp"] == "1770000000"
    assert upgrade.url == "https://agent.example.com/base/telnyx/media/doctor"
    assert upgrade.headers["upgrade"] == "websocket"


async def test_an_answer_that_never_comes_is_given_up(autojump_clock):
    async def never(request):
        await trio.sleep_forever()

    ours = inquiry("https://agent.example.com", transport=httpx.MockTransport(never))
    assert await ours.media() == Unavailable(reason="no answer within 5 s")
    assert await ours.webhook() == Unavailable(reason="no answer within 5 s")
