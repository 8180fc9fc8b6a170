"""Tells a webhook what came of a call that was placed for it. IO.

A few attempts within a bounded time, from memory: a daemon that is killed meanwhile tells nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import trio

from voiced.log import get_logger
from voiced.net.http import reason_of

if TYPE_CHECKING:
    from collections.abc import Mapping

log = get_logger(__name__)

ATTEMPTS = 4
FIRST_WAIT_S = 1.0
"""Doubled after each attempt."""
TOTAL_S = 30.0


async def tell_outcome(
    http: httpx.AsyncClient, url: str, summary: Mapping[str, Any], *, total_s: float = TOTAL_S
) -> bool:
    """POST `summary` as JSON to `url`; return whether it was taken, by any status of 200 to 299.

    Tried again is what may pass: no answer, 408, 429, 5xx. Redirects are not followed.

    Args:
        http: has limits for each step of a request.
        url: whom to tell.
        summary: of `voiced.record.summary_of`.
        total_s: for all attempts.
    """
    failure = f"no answer within {total_s:g} s"
    with trio.move_on_after(total_s):
        for attempt in range(ATTEMPTS):
            if attempt:
                await trio.sleep(FIRST_WAIT_S * 2 ** (attempt - 1))
            failure, may_pass = await _try(http, url, summary)
            if not may_pass:
                break
    if failure:
        log.warning("outcome not told", ref=summary["id"], reason=failure)
    return not failure


async def _try(http: httpx.AsyncClient, url: str, summary: Mapping[str, Any]) -> tuple[str, bool]:
    """Return what went wrong, "" if nothing, and whether it may pass."""
    try:
        async with http.stream("POST", url, json=summary) as response:  # its body does not matter
            status = response.status_code
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        # Some of httpx's texts repeat the address, which may hold a secret.
        timed_out = isinstance(error, httpx.TimeoutException)
        return type(error).__name__ if timed_out else reason_of(error).split("'")[0], True
    if 200 <= status < 300:
        return "", False
    return f"answered with {status}", status in (408, 429) or status >= 500
