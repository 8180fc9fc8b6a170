"""Whether and when a number is called again, by what came of the last call. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from voiced.telnyx.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """Call again up to `times` times after this outcome, `after_s` seconds after the last call."""

    times: int
    after_s: float


DEFAULT_RETRIES: Mapping[Outcome, Retry] = MappingProxyType(
    {
        Outcome.BUSY: Retry(times=3, after_s=10 * 60),
        Outcome.NO_ANSWER: Retry(times=2, after_s=2 * 3600),
        Outcome.FAILED: Retry(times=2, after_s=5 * 60),
    }
)
"""What may pass; every other outcome is final."""


def retry_at(
    history: tuple[Outcome, ...], ended_at: float, rules: Mapping[Outcome, Retry]
) -> float | None:
    """Return when a number may be called again, unix seconds; None when it is done.

    Args:
        history: what came of its calls, in order; not empty.
        ended_at: when the last one ended, unix seconds.
        rules: by outcome. A rule counts the calls that ended so, whatever came between.
    """
    rule = rules.get(history[-1])
    if rule is None or history.count(history[-1]) > rule.times:
        return None
    return ended_at + rule.after_s
