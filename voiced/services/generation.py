"""What the calls of one configuration share: it lives until the last of them has ended.

A reload makes the next generation for the calls that begin from then on; those that are live keep
their own, providers included.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from voiced.services.services import Services


class Generation:
    """The services of the calls that began under one configuration.

    Attributes:
        services: what these calls share.
        over: set once no new call may come and the last one has ended.
    """

    def __init__(self, services: Services, over: trio.Event | None = None) -> None:
        """Make a generation without calls; `over` is set at its end, a new event by default."""
        self.services = services
        self.over = trio.Event() if over is None else over
        self._n_calls = 0
        self._is_retired = False

    def join(self) -> None:
        """Take note of a call that begins."""
        self._n_calls += 1

    def leave(self) -> None:
        """Take note of a call that has ended, its goodbye included."""
        self._n_calls -= 1
        self._settle()

    def retire(self) -> None:
        """No further call will begin."""
        self._is_retired = True
        self._settle()

    def _settle(self) -> None:
        if self._is_retired and self._n_calls == 0:
            self.over.set()
