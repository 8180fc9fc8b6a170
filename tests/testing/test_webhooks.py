from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from voiced.errors import StartupError
from voiced.testing.webhooks import Signer, Webhook, derived_id, iso_time, load_key

VECTORS = json.loads(
    (Path(__file__).parents[1] / "data/telnyx/signature-vectors.json").read_text(encoding="utf-8")
)


def test_signatures_are_those_of_telnyx():
    seed = base64.b64decode(VECTORS["seed_base64"])
    signer = Signer(Ed25519PrivateKey.from_private_bytes(seed))
    assert signer.public_key == VECTORS["public_key_base64"]
    good = [vector for vector in VECTORS["vectors"] if vector["valid"]]
    assert len(good) == 5
    for vector in good:
        body = base64.b64decode(vector["body_base64"])
        headers = signer.headers(body, timestamp=int(vector["timestamp"]))
        assert headers["Telnyx-Signature-Ed25519"] == vector["telnyx-signature-ed25519"]
        assert headers["Telnyx-Timestamp"] == vector["timestamp"]


def test_times_and_ids_have_telnyx_form():
    assert iso_time(1_770_071_101.25) == "2026-02-02T22:25:01.250000Z"
    assert derived_id("a", 1) == derived_id("a", 1) != derived_id("a", 2)


def test_a_delivery_says_where_it_goes_and_how_often_it_was_tried():
    webhook = Webhook(event_type="call.hangup", payload={}, occurred_at="x", event_id="y")
    body = json.loads(webhook.body(url="http://x", attempt=3))
    assert body["meta"] == {"attempt": 3, "delivered_to": "http://x"}


def test_a_key_file_is_made_once_and_for_its_owner_only(tmp_path):
    path = tmp_path / "key.pem"
    first = Signer(load_key(path)).public_key
    assert path.stat().st_mode & 0o777 == 0o600
    assert Signer(load_key(path)).public_key == first


@pytest.mark.parametrize("content", [b"", b"not a key"])
def test_a_file_that_holds_no_key_is_a_clear_error(content, tmp_path):
    path = tmp_path / "key.pem"
    path.write_bytes(content)
    with pytest.raises(StartupError, match=r"key\.pem holds no"):
        load_key(path)


def test_a_place_where_no_key_can_be_made_is_a_clear_error(tmp_path):
    with pytest.raises(StartupError, match=r"key\.pem"):
        load_key(tmp_path / "missing" / "key.pem")
