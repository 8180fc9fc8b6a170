"""Who is let in: measures what the rules of `voiced.switchboard.admission` judge by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from voiced.loop.overload import LagGuard, Load, RateLimit
from voiced.switchboard.admission import Refuse, admit

if TYPE_CHECKING:
    from voiced.config import Config
    from voiced.loop.overload import Lag
    from voiced.switchboard.admission import Admission
    from voiced.telnyx.events import CallInitiated


class Gate:
    """The gate of the switchboard.

    Attributes:
        is_draining: no new call is let in any more.
    """

    def __init__(self) -> None:
        self.is_draining = False
        self._arrivals = RateLimit()
        self._lag_guard = LagGuard()

    def judge(
        self,
        event: CallInitiated,
        config: Config,
        lag: Lag,
        *,
        live_calls: int,
        taking_time: int,
        now: float,
    ) -> Admission:
        """Let an incoming call in, or say why not.

        Args:
            event: announces the call.
            config: has the limits.
            lag: of the loop.
            live_calls: how many are up.
            taking_time: how many of them take time of the loop, or soon will.
            now: trio's time.
        """
        per_s = config.inbound.calls_per_second
        load = Load(
            live_calls=live_calls,
            draining=self.is_draining,
            too_fast=not self._arrivals.has_room(now, per_s),
            lagging=self.is_lagging(config, lag, taking_time),
        )
        admission = admit(config, caller=event.from_, called=event.to, load=load)
        if not isinstance(admission, Refuse):
            self._arrivals.take(now, per_s)
        return admission

    def is_lagging(self, config: Config, lag: Lag, taking_time: int) -> bool:
        """Return whether one more call would harm the live ones: the loop is late, or would be."""
        return self._lag_guard.judge(lag, config.inbound.max_lag_ms / 1000, taking_time + 1)
