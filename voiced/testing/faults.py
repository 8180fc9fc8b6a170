"""What shall go wrong in an emulated call: a plan, given before the call, followed to the letter.

Pure. Faults are lists and patterns, never chances, so that a failing test fails again. The emulator
asks the plan at the few places where it decides something (deliver this webhook how, answer this
request how, send this frame or not); a new kind of fault is a new field here and one such place.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

    from voiced.testing.codec import ByteOrder

RestTrouble: TypeAlias = Literal["throttle", "refuse", "fail", "hang", "drop"]
"""429, 422, 500, no answer for a long time, connection lost in the middle of the answer."""

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
        late: (event type, seconds) of events that are overtaken by those after them.
        lost: event types that are never delivered.
        forgeries: (event type, how): before the true webhook comes one that must be refused.
        rest: trouble with REST requests, first match first.
        gives_up_s: the caller hangs up so long after the ring, unless answered before.
        hangs_up_s: the caller hangs up so long after the answer, whatever is being said.
        clock_jumps: (seconds after the ring, seconds): Telnyx's wall clock is set, forward or back.
        socket_drops_s: the first media socket closes so long after `start`, without `stop`.
        socket_resets_s: ... is reset: no closing handshake.
        socket_half_open_s: ... stays open, but nothing comes from it or is read any more.
        socket_unread: (seconds after `start`, for seconds) in which Telnyx does not read it.
        media_held: (seconds after `start`, for seconds) in which nothing arrives; then all at once.
        error_frames: (seconds after `start`, code) of `error` messages that nobody has caused.
        cleared_marks_late_s: marks that `clear` returns come so much later.
        socket_keys_late_s: `dtmf` messages come so long after the key, and so after its webhook.
        media: one letter per 20 ms frame to the daemon, repeated for ever: "." sent, "-" lost,
            "x" swapped with the next, "2" sent twice. "" is all sent.
        inbound_codec: the codec of the caller's audio, whatever was asked for ("" as asked).
        l16_byte_order: which byte of an L16 sample Telnyx puts first, and expects first.
    """

    duplicates: frozenset[str] = frozenset()
    late: tuple[tuple[str, float], ...] = ()
    lost: frozenset[str] = frozenset()
    forgeries: tuple[tuple[str, Forgery], ...] = ()
    rest: tuple[RestFault, ...] = ()
    gives_up_s: float | None = None
    hangs_up_s: float | None = None
    clock_jumps: tuple[tuple[float, float], ...] = ()
    socket_drops_s: float | None = None
    socket_resets_s: float | None = None
    socket_half_open_s: float | None = None
    socket_unread: tuple[float, float] | None = None
    media_held: tuple[float, float] | None = None
    error_frames: tuple[tuple[float, int], ...] = ()
    cleared_marks_late_s: float = 0.0
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
        return Faults(
            duplicates=self.duplicates, late=self.late, lost=self.lost, forgeries=self.forgeries
        )

    def is_duplicated(self, event_type: str) -> bool:
        """Tell whether webhooks of this type are delivered twice."""
        return event_type in self.duplicates or "*" in self.duplicates

    def late_by(self, event_type: str) -> float:
        """Return by how many seconds webhooks of this type are late."""
        return dict(self.late).get(event_type, 0.0)

    def clock_offset(self, at_s: float) -> float:
        """Return how far Telnyx's wall clock is off, so many seconds after the ring."""
        return sum(by_s for from_s, by_s in self.clock_jumps if at_s >= from_s)

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


class SocketTroubles:
    """What happens to a media socket, in seconds since its `start`. Only a call's first has any."""

    def __init__(self, faults: Faults, *, is_first: bool) -> None:
        self._faults = faults if is_first else NO_FAULTS
        self._errors = sorted(self._faults.error_frames)

    @property
    def end(self) -> tuple[float, bool] | None:
        """Return when the socket dies and whether by a reset; None when it does not."""
        faults = self._faults
        if faults.socket_resets_s is not None:
            return faults.socket_resets_s, True
        return None if faults.socket_drops_s is None else (faults.socket_drops_s, False)

    def sends_again_s(self, at_s: float) -> float:
        """Return when Telnyx sends again, `at_s` if it does now; infinity for never."""
        return self._after(self._faults.media_held, at_s)

    def reads_again_s(self, at_s: float) -> float:
        """Return when Telnyx reads again, `at_s` if it does now; infinity for never."""
        return self._after(self._faults.socket_unread, at_s)

    def is_half_open(self, at_s: float) -> bool:
        """Tell whether nothing goes through the socket any more."""
        return math.isinf(self.sends_again_s(at_s))

    def errors_due(self, at_s: float) -> tuple[int, ...]:
        """Return the codes of `error` messages that are due, each once."""
        due = tuple(code for from_s, code in self._errors if from_s <= at_s)
        del self._errors[: len(due)]
        return due

    def _after(self, pause: tuple[float, float] | None, at_s: float) -> float:
        half_open_s = self._faults.socket_half_open_s
        if half_open_s is not None and at_s >= half_open_s:
            return math.inf
        if pause is not None and pause[0] <= at_s < sum(pause):
            return sum(pause)
        return at_s


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
