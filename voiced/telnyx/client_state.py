"""`client_state`: what our commands attach to a leg, and its webhooks bring back.

It says whose leg it is: base64 of "voiced", the leg's role and the reference of its call. Telnyx
shows it in its portal and does not encrypt it: no secrets. Pure.
"""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from typing import Literal, TypeAlias

Role: TypeAlias = Literal["dialled", "target"]
"""The leg of an outgoing call; a leg that a call is transferred to."""

_MARK = "voiced"


def client_state(role: Role, ref: str) -> str:
    """Return the client_state of a leg that plays `role` for the call `ref`."""
    return b64encode(f"{_MARK} {role} {ref}".encode()).decode()


def parse_client_state(state: str | None) -> tuple[Role, str] | None:
    """Return role and reference; None if it is not ours."""
    try:
        words = b64decode(state or "", validate=True).decode().split(" ")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
    match words:
        case [mark, ("dialled" | "target") as role, ref] if mark == _MARK and ref:
            return role, ref
        case _:
            return None
