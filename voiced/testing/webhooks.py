"""Webhooks as Telnyx signs and wraps them.

Pure but for the key file. Signed bytes are `timestamp + "|" + body` (Ed25519, base64), wall time is
an argument.
"""

from __future__ import annotations

import base64
import json
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from voiced.errors import StartupError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """One event, before it is wrapped for a delivery."""

    event_type: str
    payload: Mapping[str, Any]
    occurred_at: str
    event_id: str

    def body(self, *, url: str, attempt: int) -> bytes:
        """Return the bytes of one delivery."""
        data = {
            "record_type": "event",
            "event_type": self.event_type,
            "id": self.event_id,
            "occurred_at": self.occurred_at,
            "payload": self.payload,
        }
        meta = {"attempt": attempt, "delivered_to": url}
        return json.dumps({"data": data, "meta": meta}).encode()


class Signer:
    """Holds Telnyx's private key."""

    def __init__(self, key: Ed25519PrivateKey | None = None) -> None:
        self._key = key or Ed25519PrivateKey.generate()

    @property
    def public_key(self) -> str:
        """Return the key for the daemon's configuration: base64 of 32 bytes."""
        raw = self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return base64.b64encode(raw).decode("ascii")

    def headers(
        self, body: bytes, *, timestamp: int, content_type: str = "application/json"
    ) -> dict[str, str]:
        """Return the headers of a delivery signed at `timestamp` (Unix seconds)."""
        signature = self._key.sign(b"%d|" % timestamp + body)
        return {
            "Content-Type": content_type,
            "User-Agent": "telnyx-webhooks",
            "Telnyx-Signature-Ed25519": base64.b64encode(signature).decode("ascii"),
            "Telnyx-Timestamp": str(timestamp),
        }


def iso_time(wall_s: float) -> str:
    """Return Unix seconds as Telnyx writes times: `2026-02-02T22:25:27.521992Z`."""
    return datetime.fromtimestamp(wall_s, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def derived_id(*parts: object) -> str:
    """Return a UUID that is the same for the same parts, so that a call can be repeated exactly."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "/".join(map(str, parts))))


def load_key(path: Path) -> Ed25519PrivateKey:
    """Read an Ed25519 private key (PEM); one is made there, for its owner only, if none is.

    Raises:
        StartupError: the file cannot be read or written, or holds something else.
    """
    try:
        if not path.exists():
            path.touch(mode=0o600)
            pem = Ed25519PrivateKey.generate().private_bytes(
                Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
            )
            path.write_bytes(pem)
        key = load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise StartupError(f"key file {path}: {error.strerror}") from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise StartupError(f"key file {path} holds no PEM private key: remove it") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise StartupError(f"key file {path} holds no Ed25519 key: remove it to have one made")
    return key
