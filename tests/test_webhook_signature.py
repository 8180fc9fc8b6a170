"""Our signatures are those of Standard Webhooks, and the code in the documents checks them."""

import re
from pathlib import Path
from typing import Any

import pytest

from voiced.webhook_signature import read_secrets, signed_headers

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
DOCUMENT = Path(__file__).parents[1] / "docs" / "webhooks.md"


def documented_check(now):
    (code,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    names["time"] = type("Time", (), {"time": staticmethod(lambda: now)})
    return names["check"]


def test_the_signature_is_that_of_the_standards_own_example():
    """From its reference libraries' tests."""
    headers = signed_headers(
        read_secrets(SECRET),
        message_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp=1614265330,
        body=b'{"test": 2432232314}',
    )
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


@pytest.mark.parametrize(
    ("change", "good"),
    [
        ({}, True),
        ({"body": b"{ }"}, False),
        ({"late_s": 301}, False),
        ({"late_s": -301}, False),
        ({"headers": {"webhook-id": "other"}}, False),
        ({"headers": {"webhook-timestamp": "1001"}}, False),
        ({"headers": {"webhook-signature": "v1,AAAA"}}, False),
        ({"secret": "whsec_" + "A" * 32}, False),
    ],
)
def test_the_documented_check_takes_ours_and_nothing_else(change, good):
    headers = signed_headers(read_secrets(SECRET), message_id="a", timestamp=1000, body=b"{}")
    check = documented_check(1000 + change.get("late_s", 0))
    headers = headers | change.get("headers", {})
    assert check(change.get("secret", SECRET), headers, change.get("body", b"{}")) is good


def test_two_secrets_make_two_signatures_and_either_is_enough():
    other = "whsec_" + "B" * 40
    headers = signed_headers(
        read_secrets(f"{other} {SECRET}"), message_id="a", timestamp=1, body=b""
    )
    assert len(headers["webhook-signature"].split()) == 2
    assert all(documented_check(1)(secret, headers, b"") for secret in (other, SECRET))


def test_without_a_secret_nothing_is_signed():
    assert "webhook-signature" not in signed_headers((), message_id="a", timestamp=1, body=b"")


@pytest.mark.parametrize(
    "text", ["hush", "whsec_", "whsec_short", "whsec_" + "A" * 100, "whsec_$$$", SECRET + " x"]
)
def test_what_is_no_secret_is_refused_without_being_repeated(text):
    with pytest.raises(ValueError, match="must be whsec_ and base64") as caught:
        read_secrets(text)
    assert "short" not in str(caught.value)
    assert "hush" not in str(caught.value)
