"""TLS on the public listener: https webhooks, wss media."""

import ssl
import warnings

import pytest
import trio
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from tests.sockets.conftest import until
from voiced.config import parse_config
from voiced.errors import StartupError
from voiced.server.daemon import open_daemon
from voiced.testing.caller import tone_caller

pytestmark = pytest.mark.socket


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def pem(authority, tmp_path):
    """Write certificate and key; returns what `[server]` says of them."""
    issued = authority.issue_cert("127.0.0.1")
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    key.write_bytes(issued.private_key_pem.bytes())
    return {"tls_certificate": str(certificate), "tls_key": str(key)}


@pytest.fixture
def trusting(authority):
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


async def test_a_whole_call_goes_over_tls(open_house, pem, trusting):
    async with open_house(server=pem, tls=trusting) as house:
        report = await house.telnyx.ring(tone_caller(starts_s=0.3, lasts_s=60, heard_s=0.3))
        await until(lambda: not house.daemon.switchboard.snapshot())
    assert report.violations == ()
    assert report.commands[0].body["stream_url"].startswith("wss://127.0.0.1:")
    assert report.first_audio_s is not None
    (document,) = house.documents()
    assert document["end"]["reason"] == "caller_hung_up"


async def test_plain_text_on_a_tls_listener_is_dropped_and_harms_nobody(open_house, pem, trusting):
    async with open_house(server=pem, tls=trusting) as house:
        address = house.daemon.public.address
        async with await trio.open_tcp_stream(address.host, address.port) as stream:
            await stream.send_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            with trio.fail_after(5):
                while await stream.receive_some(1000):
                    pass
        report = await house.telnyx.ring(tone_caller(starts_s=0.1, lasts_s=0.1, hangs_up_s=0.4))
    assert report.violations == ()


async def starting(tmp_path, pem):
    config = parse_config(
        {
            "server": {"bind": "127.0.0.1:0", **pem},
            "admin": {"bind": "127.0.0.1:0"},
            "agent": {"provider": "echo"},
            "records": {"path": str(tmp_path / "records")},
        },
        {},
    )
    with trio.fail_after(10):
        async with open_daemon(config):
            pass


def encrypted(pem):
    with open(pem["tls_key"], "rb") as file:
        key = load_pem_private_key(file.read(), password=None)
    return key.private_bytes(
        Encoding.PEM, PrivateFormat.TraditionalOpenSSL, BestAvailableEncryption(b"secret")
    )


@pytest.mark.parametrize("which", ["tls_certificate", "tls_key"])
@pytest.mark.parametrize("fault", ["empty", "garbage", "other", "encrypted"])
async def test_a_certificate_or_key_that_cannot_be_used_is_a_startup_error(
    tmp_path, pem, which, fault
):
    wrong = {
        "empty": b"",
        "garbage": b"\x00\xff garbage",
        "other": trustme.CA().issue_cert("127.0.0.1").private_key_pem.bytes(),
        "encrypted": encrypted(pem),
    }[fault]
    await trio.Path(pem[which]).write_bytes(wrong)

    def is_clear(error):
        text = str(error)
        return f"[server] tls_certificate = {pem['tls_certificate']}" in text and "\n" not in text

    with pytest.RaisesGroup(pytest.RaisesExc(StartupError, check=is_clear), flatten_subgroups=True):
        await starting(tmp_path, pem)


async def test_what_is_older_than_tls_1_2_is_refused(open_house, pem, authority):
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(old)
    old.set_ciphers("ALL:@SECLEVEL=0")  # or it would be this side that refuses
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        old.minimum_version = ssl.TLSVersion.TLSv1
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    async with open_house(server=pem, tls=old) as house:
        address = house.daemon.public.address
        stream = await trio.open_ssl_over_tcp_stream(
            address.host, address.port, ssl_context=old, https_compatible=True
        )
        with pytest.raises(trio.BrokenResourceError) as refused:
            await stream.do_handshake()
        await trio.aclose_forcefully(stream)
    reason = str(refused.value.__cause__)
    assert "EOF" in reason or "ALERT" in reason  # it was the daemon that would not
