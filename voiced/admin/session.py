"""What a browser keeps after its user has given the admin token: proof of it, for some hours. Pure.

Not the token itself: cookies of one host go to all its ports, also to those of other programs.
"""

from __future__ import annotations

import hashlib
import hmac

COOKIE = "voiced_admin"

LIVES_S = 12 * 3600

_FUTURE_S = 300
"""How far a clock may have been set back since."""


def make_session(token: str, now: float) -> str:
    """Return the cookie's value for somebody who has `token`; `now` is unix time."""
    begun = str(int(now))
    return f"{begun}.{_proof(token, begun)}"


def is_session(token: str, cookie: str, now: float) -> bool:
    """Return whether `cookie` was made with `token` some hours ago at most, in constant time."""
    begun, _, proof = cookie.partition(".")
    is_genuine = hmac.compare_digest(proof.encode(), _proof(token, begun).encode())
    if not is_genuine or not begun.isdecimal():
        return False
    return -_FUTURE_S <= now - int(begun) < LIVES_S


def _proof(token: str, begun: str) -> str:
    message = f"voiced dashboard\n{begun}".encode("utf-8", "backslashreplace")
    return hmac.new(token.encode(), message, hashlib.sha256).hexdigest()
