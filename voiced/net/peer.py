"""One provider as this daemon sees it: its name, how its failures are called, its rate limit. Pure.

Kinds of trouble by HTTP status follow RFC 9110, section 15, and what providers document: 402 for an
account without money (Deepgram), 529 for overload (Anthropic). `Retry-After` is RFC 9110, section
10.2.3, `retry-after-ms` is OpenAI's and Azure's.
"""

from __future__ import annotations

import math
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from voiced.errors import ProviderError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from voiced.errors import TroubleKind

LONGEST_HOLD_S = 600.0
"""Whoever asks to be left alone for longer is asked again after that."""

DEFAULT_HOLD_S = 1.0
"""After a 429 that does not say for how long."""

REASON_CHARS = 200
"""Of what a provider says about a failure, so much is repeated in ours."""


class Peer:
    """A provider, shared by all calls that use it.

    Args:
        provider: its name, as in config.toml.
        error: what its failures are raised as.
    """

    def __init__(self, provider: str, error: type[ProviderError] = ProviderError) -> None:
        self.provider = provider
        self._error = error
        self._held_until = -math.inf

    def failed(
        self,
        kind: TroubleKind,
        reason: str,
        *,
        code: int | None = None,
        retry_after_s: float | None = None,
    ) -> ProviderError:
        """Return the error to raise."""
        return self._error(self.provider, reason, kind=kind, code=code, retry_after_s=retry_after_s)

    def check_held(self, now: float) -> None:
        """Raise what the peer would answer as long as it has asked to be left alone."""
        left_s = self._held_until - now
        if left_s > 0:
            raise self.failed(
                "rate_limited", f"rate limited for {left_s:.1f} s more", retry_after_s=left_s
            )

    def limited(self, reason: str, retry_after_s: float, now: float) -> ProviderError:
        """Return the error for a rate limit that was told in a session, and obey it.

        `retry_after_s` that is not above 0 was not told.
        """
        hold_s = min(retry_after_s, LONGEST_HOLD_S) if retry_after_s > 0 else DEFAULT_HOLD_S
        self._held_until = now + hold_s
        return self.failed("rate_limited", reason, retry_after_s=hold_s)

    def answered(
        self, status: int, headers: Mapping[str, str], body: str, now: float
    ) -> ProviderError:
        """Return the error for an answer with `status` of 300 or above, and obey its rate limit.

        Args:
            status: HTTP status.
            headers: of the answer, names in lower case.
            body: the beginning of it; what it says is repeated in the error, in one line.
            now: trio time.
        """
        kind = kind_of_status(status)
        retry_after_s = retry_after(headers)
        if kind == "rate_limited":
            retry_after_s = DEFAULT_HOLD_S if retry_after_s is None else retry_after_s
            self._held_until = now + retry_after_s
        said = " ".join(body.split())[:REASON_CHARS]
        reason = f"HTTP status {status}" + (f": {said}" if said else "")
        return self.failed(kind, reason, code=status, retry_after_s=retry_after_s)


def kind_of_status(status: int) -> TroubleKind:
    """Return what an HTTP status that is no success means."""
    if status in (401, 402, 403):
        return "unauthorized"
    if status == 408:
        return "too_slow"
    if status == 429:
        return "rate_limited"
    return "overloaded" if status >= 500 else "bad_request"


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return for how many seconds an answer asks to wait, 0 to `LONGEST_HOLD_S`; None: not said.

    A date is counted from the answer's own `Date`, so that no clock has to agree with another.
    """
    milliseconds = _number(headers.get("retry-after-ms", ""))
    if milliseconds is not None:
        return _bounded(milliseconds / 1000)
    text = headers.get("retry-after", "")
    seconds = _number(text)
    if seconds is not None:
        return _bounded(seconds)
    try:
        until, sent = parsedate_to_datetime(text), parsedate_to_datetime(headers.get("date", ""))
        return _bounded((until - sent).total_seconds())
    except (ValueError, TypeError, OverflowError):  # no dates, or one without its time zone
        return None


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _bounded(seconds: float) -> float:
    return min(max(seconds, 0.0), LONGEST_HOLD_S)
