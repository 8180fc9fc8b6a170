"""Signatures, freshness and repetition of webhooks."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from voiced.errors import WebhookRejected
from voiced.telnyx.ids import WebhookId
from voiced.telnyx.webhook import (
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    TOLERANCE_S,
    Deduplicator,
    WebhookVerifier,
)

VECTORS = json.loads((Path(__file__).parents[1] / "data/telnyx/signature-vectors.json").read_text())
PUBLIC_KEY: str = VECTORS["public_key_base64"]
SIGNED_AT = 1770071101
GOOD: dict[str, Any] = VECTORS["vectors"][0]


def headers_of(vector: dict[str, Any]) -> dict[str, str]:
    return {
        SIGNATURE_HEADER: vector[SIGNATURE_HEADER],
        TIMESTAMP_HEADER: vector["timestamp"],
        "content-type": vector["content_type"],
    }


def verify(headers: dict[str, str], *, now: float = SIGNED_AT, body: bytes | None = None) -> None:
    if body is None:
        body = base64.b64decode(GOOD["body_base64"])
    WebhookVerifier(PUBLIC_KEY).verify(headers, body, now)


@pytest.mark.parametrize("vector", VECTORS["vectors"], ids=lambda vector: vector["name"])
def test_vectors(vector: dict[str, Any]) -> None:
    body = base64.b64decode(vector["body_base64"])
    if vector["valid"]:
        verify(headers_of(vector), body=body)
    else:
        with pytest.raises(WebhookRejected) as caught:
            verify(headers_of(vector), body=body)
        assert caught.value.status in (401, 403)


def test_header_names_are_read_in_any_case() -> None:
    verify({name.title(): value for name, value in headers_of(GOOD).items()})
    verify({name.upper(): value for name, value in headers_of(GOOD).items()})


@pytest.mark.parametrize("age_s", [-TOLERANCE_S, 0, TOLERANCE_S])
def test_webhook_within_the_tolerance_passes(age_s: float) -> None:
    verify(headers_of(GOOD), now=SIGNED_AT + age_s)


@pytest.mark.parametrize("age_s", [-TOLERANCE_S - 0.01, TOLERANCE_S + 0.01, 1e9, float("nan")])
def test_webhook_outside_the_tolerance_is_refused(age_s: float) -> None:
    with pytest.raises(WebhookRejected, match="old") as caught:
        verify(headers_of(GOOD), now=SIGNED_AT + age_s)
    assert caught.value.status == 403


@pytest.mark.parametrize("name", [SIGNATURE_HEADER, TIMESTAMP_HEADER])
def test_missing_header_is_refused(name: str) -> None:
    headers = headers_of(GOOD)
    del headers[name]
    with pytest.raises(WebhookRejected, match=f"{name} is missing") as caught:
        verify(headers)
    assert caught.value.status == 401


@pytest.mark.parametrize("name", [SIGNATURE_HEADER, TIMESTAMP_HEADER])
def test_header_given_twice_is_refused(name: str) -> None:
    with pytest.raises(WebhookRejected, match=f"{name} is repeated"):
        verify({**headers_of(GOOD), name.title(): headers_of(GOOD)[name]})


def test_v1_signature_is_refused_with_the_setting_to_change() -> None:
    with pytest.raises(WebhookRejected, match=r"webhook_api_version .* to 2"):
        verify({"X-Telnyx-Signature": "v1,abc", TIMESTAMP_HEADER: str(SIGNED_AT)})


@pytest.mark.parametrize(
    "timestamp", ["", "soon", "-1", "+1770071101", "1770071101.0", "1770071101 ", "9" * 5000, "١٢"]
)
def test_timestamp_that_is_no_unix_time_is_refused(timestamp: str) -> None:
    with pytest.raises(WebhookRejected, match="not a unix time") as caught:
        verify({**headers_of(GOOD), TIMESTAMP_HEADER: timestamp})
    assert caught.value.status == 401


@pytest.mark.parametrize(
    "signature", ["", "é", "AAAA", "A" * 86, "=" * 88, GOOD[SIGNATURE_HEADER][:-4]]
)
def test_signature_of_wrong_form_is_refused(signature: str) -> None:
    with pytest.raises(WebhookRejected) as caught:
        verify({**headers_of(GOOD), SIGNATURE_HEADER: signature})
    assert caught.value.status == 401


def test_other_accounts_signature_is_refused() -> None:
    body = b"{}"
    forged = Ed25519PrivateKey.from_private_bytes(bytes(32)).sign(f"{SIGNED_AT}|".encode() + body)
    headers = {
        SIGNATURE_HEADER: base64.b64encode(forged).decode(),
        TIMESTAMP_HEADER: str(SIGNED_AT),
    }
    with pytest.raises(WebhookRejected, match="does not fit") as caught:
        verify(headers, body=body)
    assert caught.value.status == 403


@given(st.binary(max_size=50), st.text(max_size=90), st.text(max_size=12))
def test_nothing_that_is_made_up_passes(body: bytes, signature: str, timestamp: str) -> None:
    with pytest.raises(WebhookRejected):
        verify({SIGNATURE_HEADER: signature, TIMESTAMP_HEADER: timestamp}, body=body)
    with pytest.raises(WebhookRejected):
        verify({**headers_of(GOOD), SIGNATURE_HEADER: signature}, body=body)


@given(st.integers(min_value=0))
def test_one_flipped_bit_of_the_body_is_noticed(position: int) -> None:
    body = bytearray(base64.b64decode(GOOD["body_base64"]))
    position %= len(body) * 8
    body[position // 8] ^= 1 << position % 8
    with pytest.raises(WebhookRejected):
        verify(headers_of(GOOD), body=bytes(body))


def test_public_key_with_a_line_end_is_taken() -> None:
    WebhookVerifier(PUBLIC_KEY + "\n").verify(
        headers_of(GOOD), base64.b64decode(GOOD["body_base64"]), SIGNED_AT
    )


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("", "32 bytes in base64, has 0"),
        ("not a key", "not base64"),
        ("schlüssel", "not base64"),
        (PUBLIC_KEY[:-4] + "AA==", "32 bytes"),
        (base64.b64encode(bytes(33)).decode(), "has 33"),
        (base64.b64encode(bytes(32)).decode(), "all zeros"),
    ],
)
def test_bad_public_key_is_refused_with_the_reason(key: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        WebhookVerifier(key)


def wid(name: object) -> WebhookId:
    return WebhookId(str(name))


def test_second_delivery_is_seen() -> None:
    recent = Deduplicator()
    assert not recent.seen(wid("a"), now=0.0)
    assert not recent.seen(wid("b"), now=0.0)
    assert recent.seen(wid("a"), now=1.0)


def test_webhook_is_forgotten_after_its_time_counted_from_the_first_sight() -> None:
    recent = Deduplicator(ttl_s=10)
    recent.seen(wid("a"), now=0.0)
    assert recent.seen(wid("a"), now=9.9)
    assert not recent.seen(wid("a"), now=10.0)


def test_oldest_webhook_is_forgotten_when_there_are_too_many() -> None:
    recent = Deduplicator(capacity=3)
    for name in "abcd":
        assert not recent.seen(wid(name), now=0.0)
    assert len(recent) == 3
    assert recent.seen(wid("d"), now=0.0)
    assert recent.seen(wid("b"), now=0.0)
    assert not recent.seen(wid("a"), now=0.0)


@given(st.lists(st.tuples(st.integers(0, 8), st.floats(0, 5)), max_size=60))
def test_deduplicator_stays_within_its_bounds(arrivals: list[tuple[int, float]]) -> None:
    recent, now = Deduplicator(capacity=4, ttl_s=7), 0.0
    for name, later in arrivals:
        now += later
        recent.seen(wid(name), now)
        assert recent.seen(wid(name), now)
        assert len(recent) <= 4


@pytest.mark.parametrize(("capacity", "ttl_s"), [(0, 1.0), (-1, 1.0), (1, 0.0), (1, float("nan"))])
def test_deduplicator_without_room_or_time_is_refused(capacity: int, ttl_s: float) -> None:
    with pytest.raises(ValueError, match="positive"):
        Deduplicator(capacity, ttl_s)
