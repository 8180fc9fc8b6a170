"""Whether a webhook is Telnyx's, fresh, and new: pure, with the time as an argument.

Telnyx signs `<timestamp>|<raw body>` with Ed25519 and sends the signature (base64) and the
timestamp (unix seconds) as headers. Everything fails closed. TeXML callbacks are signed alike.

Source: developers.telnyx.com, "Receiving webhooks", and the official SDKs (tolerance of 300 s).
"""

from __future__ import annotations

import base64
import binascii
from collections import OrderedDict
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from voiced.errors import WebhookRejected

if TYPE_CHECKING:
    from collections.abc import Mapping

    from voiced.telnyx.ids import WebhookId

SIGNATURE_HEADER = "telnyx-signature-ed25519"
TIMESTAMP_HEADER = "telnyx-timestamp"
TOLERANCE_S = 300.0
"""How far a webhook's timestamp may lie from our clock, either way."""

_V1_SIGNATURE_HEADER = "x-telnyx-signature"


class WebhookVerifier:
    """Checks signatures against one account's public key.

    Args:
        public_key_base64: from the Telnyx portal, "Account settings", "Public key".

    Raises:
        ValueError: that is no Ed25519 public key; the text says why.
    """

    def __init__(self, public_key_base64: str) -> None:
        try:
            key = base64.b64decode(public_key_base64.strip(), validate=True)
        except ValueError:
            raise ValueError("the public key is not base64 (copy it from the portal)") from None
        if len(key) != 32:
            raise ValueError(f"the public key must be 32 bytes in base64, has {len(key)}")
        if not any(key):
            # A point of order 4: anybody can make signatures that it accepts.
            raise ValueError("the public key is all zeros (copy it from the portal)")
        self._key = Ed25519PublicKey.from_public_bytes(key)

    def verify(self, headers: Mapping[str, str], body: bytes, now: float) -> None:
        """Return if the webhook is genuine and fresh.

        Args:
            headers: of the request; the case of names does not matter.
            body: the raw body, byte for byte as it came; may be empty.
            now: unix time, seconds.

        Raises:
            WebhookRejected: 401 without usable headers, 403 when stale or forged.
        """
        timestamp = _header(headers, TIMESTAMP_HEADER)
        signature = _signature(_header(headers, SIGNATURE_HEADER))
        if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
            raise WebhookRejected(f"{TIMESTAMP_HEADER} is not a unix time", status=401)
        age_s = now - int(timestamp)
        if not -TOLERANCE_S <= age_s <= TOLERANCE_S:
            raise WebhookRejected(
                f"webhook is {age_s:.0f} s old, allowed are {TOLERANCE_S:.0f} s either way"
                " (is this machine's clock right?)",
                status=403,
            )
        try:
            self._key.verify(signature, timestamp.encode() + b"|" + body)
        except InvalidSignature:
            raise WebhookRejected(
                "signature does not fit body and public key"
                " (is telnyx.public_key this account's, and the body unchanged by a proxy?)",
                status=403,
            ) from None


def _header(headers: Mapping[str, str], name: str) -> str:
    """Return the one header called `name`; two would leave open which one is meant."""
    values = [value for key, value in headers.items() if key.lower() == name]
    if len(values) == 1:
        return values[0]
    reason = f"header {name} is {'repeated' if values else 'missing'}"
    if not values and any(key.lower() == _V1_SIGNATURE_HEADER for key in headers):
        reason += "; set webhook_api_version of the Telnyx application to 2"
    raise WebhookRejected(reason, status=401)


def _signature(text: str) -> bytes:
    try:
        signature = binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        raise WebhookRejected(f"{SIGNATURE_HEADER} is not base64", status=401) from None
    if len(signature) != 64:
        raise WebhookRejected(f"{SIGNATURE_HEADER} is not 64 bytes", status=401)
    return signature


class Deduplicator:
    """Remembers which webhooks were seen, for a while and up to a number.

    Args:
        capacity: ids remembered; beyond it the oldest is forgotten.
        ttl_s: seconds an id is remembered for. Telnyx delivers again within minutes.
    """

    def __init__(self, capacity: int = 10_000, ttl_s: float = 3600.0) -> None:
        if capacity < 1 or not ttl_s > 0:
            raise ValueError(f"capacity {capacity} and ttl_s {ttl_s} must be positive")
        self._capacity = capacity
        self._ttl_s = ttl_s
        self._first_seen: OrderedDict[WebhookId, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._first_seen)

    def seen(self, webhook_id: WebhookId, now: float) -> bool:
        """Tell whether `webhook_id` came before, and remember it.

        `now` is in seconds, of any clock that does not go back.
        """
        while self._first_seen:
            oldest, at = next(iter(self._first_seen.items()))
            if now - at < self._ttl_s:
                break
            del self._first_seen[oldest]
        if webhook_id in self._first_seen:
            return True
        if len(self._first_seen) >= self._capacity:
            self._first_seen.popitem(last=False)
        self._first_seen[webhook_id] = now
        return False
