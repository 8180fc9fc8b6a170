"""What shall go wrong in an emulated call: a plan, given before the call, followed to the letter.

Pure. Faults are lists and patterns, never chances, so that a failing test fails again. The emulator
asks the plan at the few places where it decides something (deliver this webhook how, answer this
request how, send this frame or not); a new kind of fault is a new field here and one such place.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

    from voiced.testing.codec import ByteOrder

RestTrouble: TypeAlias = Literal["throttle", "fail", "hang", "drop"]
"""429, 500, no answer for a long time, connection lost in the middle of the answer."""

Forgery: TypeAlias = Literal["stale", "forged"]
"""Signed too long ago (a replayed webhook), or signed with a key that is not Telnyx's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RestFault:
    """Trouble for the first `times` requests of `action` ("*": of any action).

    `carried_out`: Telnyx did what was asked, only the answer is lost. `hang_s` is how long "hang"
    keeps the request; `reset_s` is what a 429 says in `x-ratelimit-reset`.
    """

    action: str
    trouble: RestTrouble
    times: int = 1
    carried_out: bool = False
    hang_s: float = 30.0
    reset_s: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """The plan of one call; the default is a call on which nothing goes wrong.

    Attributes:
        duplicates: event types that are delivered twice ("*": all).
        forgeries: (event type, how): before the true webhook comes one that must be refused.
        rest: trouble with REST requests, first match first.
        gives_up_s: the caller hangs up so long after the ring, unless answered before.
        hangs_up_s: the caller hangs up so long after the answer, whatever is being said.
        socket_drops_s: the first media socket closes so long after `start`, without `stop`.
        socket_keys_late_s: `dtmf` messages come so long after the key, and so after its webhook.
        media: one letter per 20 ms frame to the daemon, repeated for ever: "." sent, "-" lost,
            "x" swapped with the next, "2" sent twice. "" is all sent.
        inbound_codec: the codec of the caller's audio, whatever was asked for ("" as asked).
        l16_byte_order: which byte of an L16 sample Telnyx puts first, and expects first.
    """

    duplicates: frozenset[str] = frozenset()
    forgeries: tuple[tuple[str, Forgery], ...] = ()
    rest: tuple[RestFault, ...] = ()
    gives_up_s: float | None = None
    hangs_up_s: float | None = None
    socket_drops_s: float | None = None
    socket_keys_late_s: float = 0.0
    media: str = ""
    inbound_codec: str = ""
    l16_byte_order: ByteOrder = "little"

    def __post_init__(self) -> None:
        unknown = set(self.media) - set(".-x2")
        if unknown:
            raise ValueError(f"media pattern {self.media!r}: {sorted(unknown)} is none of . - x 2")

    def of_other_legs(self) -> Faults:
        """Return what of this plan concerns the legs that come of a call: its webhooks."""
        return Faults(duplicates=self.duplicates, forgeries=self.forgeries)

    def is_duplicated(self, event_type: str) -> bool:
        """Tell whether webhooks of this type are delivered twice."""
        return event_type in self.duplicates or "*" in self.duplicates

    def forgeries_before(self, event_type: str) -> tuple[Forgery, ...]:
        """Return the false webhooks that go ahead of a true one."""
        return tuple(how for name, how in self.forgeries if name == event_type)


NO_FAULTS = Faults()


class RestTroubles:
    """Counts down the REST faults of one call."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults.rest
        self._used: Counter[int] = Counter()

    def next(self, action: str) -> RestFault | None:
        """Return the trouble that this request meets, None for none."""
        for index, fault in enumerate(self._faults):
            if fault.action in (action, "*") and self._used[index] < fault.times:
                self._used[index] += 1
                return fault
        return None


class MediaPattern:
    """Applies the letters of `Faults.media` to a run of messages."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern or "."
        self._n = 0
        self._held: str | None = None

    def apply(self, message: str) -> Iterator[str]:
        """Yield what is sent at this turn: nothing, the message, or several."""
        letter = self._pattern[self._n % len(self._pattern)]
        self._n += 1
        held, self._held = self._held, None
        if letter == "x" and held is None:
            self._held = message
            return
        if letter != "-":
            yield message
        if held is not None:
            yield held
        if letter == "2":
            yield message
