import pytest

from tests.doctor.conftest import WALL
from voiced.config import parse_config
from voiced.doctor import Sign
from voiced.doctor.facts import Certificate, PublicFacts, Unavailable, WebhookProbe
from voiced.doctor.public_findings import public_findings

KEY = "A" * 42 + "E="
DAY_S = 24 * 3600


def about(check, url="https://agent.example.com", public_key=KEY, **facts):
    """The one finding of `check`."""
    tables = {"server": {"public_url": url}, "telnyx": {"public_key": public_key}}
    findings = public_findings(parse_config(tables, {}), PublicFacts(**facts), WALL)
    (finding,) = [found for found in findings if found.check == check]
    return finding


def seen(finding):
    return finding.sign, finding.text


@pytest.mark.parametrize(
    ("url", "sign", "words"),
    [
        ("https://agent.example.com", Sign.FINE, "https://agent.example.com"),
        ("http://agent.example.com", Sign.WARNING, "unencrypted"),
        ("", Sign.PROBLEM, "http://127.0.0.1:8080"),
        ("https://localhost", Sign.PROBLEM, "cannot reach"),
    ],
)
def test_the_url_itself_is_judged(url, sign, words):
    finding = about("public_url", url)
    assert finding.sign is sign
    assert words in finding.text


@pytest.mark.parametrize(
    ("addresses", "sign", "words"),
    [
        (("8.8.8.8", "2001:4860:4860::8888"), Sign.FINE, "8.8.8.8, 2001"),
        (("8.8.8.8", "192.168.1.4"), Sign.WARNING, "is 192.168.1.4, which"),
        (("127.0.1.1",), Sign.WARNING, "127.0.1.1"),
        (Unavailable(reason="Name or service not known"), Sign.PROBLEM, "cannot be resolved"),
    ],
)
def test_the_addresses_are_judged(addresses, sign, words):
    finding = about("dns", addresses=addresses)
    assert finding.sign is sign
    assert words in finding.text


@pytest.mark.parametrize(
    ("certificate", "sign", "text", "remedy"),
    [
        (Certificate(expires_at=WALL + 60 * DAY_S), Sign.FINE, "60 days more", ""),
        (Certificate(expires_at=WALL + 3 * DAY_S), Sign.WARNING, "in 3 days", "renew"),
        (Unavailable(reason="certificate has expired"), Sign.PROBLEM, "expired", "renew"),
        (Unavailable(reason="self-signed certificate"), Sign.PROBLEM, "self", "public authority"),
        (
            Unavailable(reason="unable to get local issuer certificate"),
            Sign.PROBLEM,
            "issuer",
            "whole chain",
        ),
        (Unavailable(reason="Hostname mismatch"), Sign.PROBLEM, "mismatch", "for the host"),
        (Unavailable(reason="Connection refused"), Sign.PROBLEM, "refused", "proxy and daemon run"),
    ],
)
def test_the_certificate_is_judged(certificate, sign, text, remedy):
    finding = about("tls", certificate=certificate)
    assert finding.sign is sign
    assert text in finding.text
    assert remedy in finding.remedy


@pytest.mark.parametrize(
    ("unsigned", "forged", "public_key", "sign", "words"),
    [
        (401, 403, KEY, Sign.FINE, "voiced answers"),
        (403, 403, "", Sign.FINE, "no public key"),
        (403, 403, KEY, Sign.PROBLEM, "not voiced's answer"),
        (400, 400, KEY, Sign.PROBLEM, "does not check signatures"),
        (200, 200, KEY, Sign.PROBLEM, "does not check signatures"),
        (404, 404, KEY, Sign.PROBLEM, "sends it elsewhere"),
        (502, 502, KEY, Sign.PROBLEM, "does not reach voiced"),
        (301, 301, KEY, Sign.PROBLEM, "a redirect"),
    ],
)
def test_who_answers_a_webhook_is_judged(unsigned, forged, public_key, sign, words):
    probe = WebhookProbe(unsigned=unsigned, forged=forged)
    finding = about("webhook", public_key=public_key, webhook=probe)
    assert finding.sign is sign
    assert words in finding.text


@pytest.mark.parametrize(
    ("status", "sign", "words"),
    [
        (403, Sign.FINE, "reach voiced"),
        (426, Sign.PROBLEM, "drops the WebSocket upgrade"),
        (404, Sign.PROBLEM, "sends it elsewhere"),
        (502, Sign.PROBLEM, "does not reach voiced"),
        (200, Sign.PROBLEM, "not voiced's answer"),
        (Unavailable(reason="no answer within 10 s"), Sign.PROBLEM, "does not answer"),
    ],
)
def test_who_answers_an_upgrade_is_judged(status, sign, words):
    finding = about("media", media=status)
    assert finding.sign is sign
    assert words in finding.text
