"""All calls that an operator has to do with: this process's, and those that an older one still has.

While a new version takes over, the old process keeps its calls to their end. The dashboard shows
them, too; it learns of them by asking, some seconds late.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import trio

from voiced.admin.elders import calls_elsewhere

if TYPE_CHECKING:
    from voiced.dashboard.audience import LiveCall
    from voiced.handover import Elders
    from voiced.switchboard.switchboard import Switchboard

LOOK_EVERY_S = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class OldCall:
    """A call of an older process, as it was when it was asked for (fits `LiveCall`)."""

    document: dict[str, Any]

    @property
    def id(self) -> str:
        """Its call_control_id."""
        return str(self.document.get("call_id") or "")

    def snapshot(self) -> dict[str, Any]:
        """Return its record as it stood, and where its leg stood."""
        return self.document


class WholeHouse:
    """Fits `voiced.dashboard.audience.House`."""

    def __init__(self, switchboard: Switchboard, elders: Elders) -> None:
        self._switchboard = switchboard
        self._elders = elders
        self._old: dict[str, OldCall] = {}
        self._look_at = float("-inf")

    @property
    def is_draining(self) -> bool:
        """Whether new calls are refused."""
        return self._switchboard.is_draining

    def live(self) -> list[tuple[str, LiveCall]]:
        """Return all live calls with what we call them, the oldest first."""
        return [*self._old.items(), *self._switchboard.live()]

    async def look(self) -> None:
        """Ask older processes for their calls, if there are any and it is time."""
        if not self._elders and not self._old:
            return
        if trio.current_time() < self._look_at:
            return
        self._look_at = trio.current_time() + LOOK_EVERY_S
        documents = await calls_elsewhere(self._elders)
        self._old = {
            document["ref"]: OldCall(document) for document in documents if "leg" in document
        }
