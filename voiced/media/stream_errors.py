"""What Telnyx says it could not use of our media messages: counted, and each kind logged once.

The call goes on: one message was dropped, the next may be good. Also after 100005 (rate limit) we
do not slow down. Its limit is not published; we send ten messages a second where others send
fifty, and longer ones would only make each drop a longer gap. What provokes it is a machine that
stalls and then catches up in a burst, which is for the operator to see.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from voiced.log import get_logger
from voiced.telnyx.error_codes import explain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from voiced.telnyx.media_messages import StreamError

log = get_logger(__name__)

OTHER = "other"
"""Counts codes that are in no table."""


class StreamErrors:
    """Those of one call."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    @property
    def counts(self) -> Mapping[str, int]:
        """How often each code has come, as text."""
        return dict(self._counts)

    def take(self, error: StreamError) -> None:
        """Count an error, and tell the operator of the first of its kind."""
        known = explain(str(error.code))
        code = OTHER if known is None else known.code
        self._counts[code] += 1
        if self._counts[code] > 1:
            return
        if known is None:
            log.warning("telnyx could not use a media message", code=error.code)
        else:
            log.warning(
                "telnyx could not use a media message",
                code=code,
                meaning=known.meaning,
                remedy=known.remedy,
            )
