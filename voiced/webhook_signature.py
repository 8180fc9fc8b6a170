"""Signs what we send, as Standard Webhooks has it (github.com/standard-webhooks). Pure.

The signature is HMAC-SHA256 over `<id>.<timestamp>.<body>`: the id lets a receiver drop what it has
had already, the time what somebody has kept and sends again. Several secrets make several
signatures, so that a secret can be exchanged while both sides run.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

PREFIX = "whsec_"
LEAST_BYTES, MOST_BYTES = 24, 64
"""Of a secret, as the standard has it."""


def read_secrets(text: str) -> tuple[bytes, ...]:
    """Return the secrets in `text`, one or several with spaces between; none if it is empty.

    Raises:
        ValueError: one is no secret. The text does not repeat it.
    """
    return tuple(_secret(word) for word in text.split())


def _secret(word: str) -> bytes:
    try:
        secret = base64.b64decode(word.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        secret = b""
    if not word.startswith(PREFIX) or not LEAST_BYTES <= len(secret) <= MOST_BYTES:
        raise ValueError(
            f"must be {PREFIX} and base64 of {LEAST_BYTES} to {MOST_BYTES} random bytes; "
            f'make one: echo "{PREFIX}$(openssl rand -base64 32)"'
        )
    return secret


def signed_headers(
    secrets: Sequence[bytes], *, message_id: str, timestamp: int, body: bytes
) -> dict[str, str]:
    """Return the headers of one attempt at `timestamp` (unix seconds); unsigned without secrets."""
    headers = {"webhook-id": message_id, "webhook-timestamp": str(timestamp)}
    content = f"{message_id}.{timestamp}.".encode() + body
    signatures = (hmac.new(secret, content, hashlib.sha256).digest() for secret in secrets)
    signed = " ".join(f"v1,{base64.b64encode(one).decode()}" for one in signatures)
    return headers | ({"webhook-signature": signed} if signed else {})
