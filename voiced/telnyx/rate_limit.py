"""When the account may send again, as the headers of Telnyx's answers say. Pure.

`x-ratelimit-remaining` counts down to 0 and `x-ratelimit-reset` says in how many seconds it starts
anew. The limit is the account's: one object serves all calls.

Source: developers.telnyx.com, "Rate limiting"; RFC 9110, section 10.2.3 (`retry-after`).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

TOO_MANY = 429


def asked_wait_s(headers: Mapping[str, str], longest_s: float) -> float | None:
    """Return the wait that an answer names, `longest_s` at most, None when it names none.

    Both headers hold seconds; the date that HTTP allows instead is passed over.
    """
    for name in ("x-ratelimit-reset", "retry-after"):
        try:
            asked_s = float(headers.get(name, ""))
        except ValueError:
            continue
        if math.isfinite(asked_s) and asked_s >= 0:
            return min(asked_s, longest_s)
    return None


class RateLimit:
    """What is left of the account's limit; times are in seconds of one clock.

    Args:
        longest_s: no wait is longer than this, whatever Telnyx asks for.
    """

    def __init__(self, longest_s: float) -> None:
        self._longest_s = longest_s
        self._free_at = -math.inf

    def note(self, status: int, headers: Mapping[str, str], now: float) -> None:
        """Take note of an answer: it may have been the last that is free for a while."""
        used_up = headers.get("x-ratelimit-remaining", "").strip() == "0"
        if not used_up and status != TOO_MANY:
            return
        wait_s = asked_wait_s(headers, self._longest_s)
        if wait_s is not None:
            self._free_at = max(self._free_at, now + wait_s)

    def wait_s(self, now: float) -> float:
        """Return how long to wait before the next command, 0 when it may be sent."""
        return max(0.0, self._free_at - now)
