"""One call's books: its leg in the ledger and its `call.json`, opened before the leg costs money.

They are opened together, before the leg is answered or dialled, and closed when the goodbye is
over: a crash in between leaves a record that says "live" and a leg that the next start ends.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import trio

from voiced.ledger.legs import LegEntry
from voiced.ledger.open_items import PATIENCE_S

if TYPE_CHECKING:
    from voiced.ledger.legs import Direction, Ledger
    from voiced.outbox import Outbox
    from voiced.record.store import RecordStore
    from voiced.telnyx.ids import CallControlId, CommandId

SAVE_LIMIT_S = 3.0
"""For the record, once the call has ended."""

CLOSE_LIMIT_S = SAVE_LIMIT_S + 2 * PATIENCE_S
"""How long `close` may take."""


class LegBooks:
    """One call's books. Every wait is bounded; a bad disk costs the book, never the call."""

    def __init__(
        self,
        ledger: Ledger,
        records: RecordStore,
        *,
        key: str,
        direction: Direction,
        call_control_id: CallControlId | None = None,
        command_id: CommandId | None = None,
        client_state: str | None = None,
        outbox: Outbox | None = None,
    ) -> None:
        """Nothing is written yet; what the arguments are is told at `LegEntry`.

        `outbox` tells others of the call's end, if anybody is to be told.
        """
        self._ledger = ledger
        self._records = records
        self._key = key
        self._direction = direction
        self._call_control_id = call_control_id
        self._command_id = command_id
        self._client_state = client_state
        self._outbox = outbox

    async def open(self, document: dict[str, Any]) -> None:
        """Write down that the call of this record begins; takes `PATIENCE_S` at most."""
        entry = LegEntry(
            key=self._key,
            direction=self._direction,
            directory=self._records.name(document),
            at=datetime.fromisoformat(document["started_at"]).timestamp(),
            call_control_id=self._call_control_id,
            call_leg_id=document.get("call_leg_id") or "",
            command_id=self._command_id,
            client_state=self._client_state,
        )
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._begin_record, document)
            nursery.start_soon(self._ledger.opened, entry)

    async def _begin_record(self, document: dict[str, Any]) -> None:
        with trio.move_on_after(PATIENCE_S):
            await self._records.begin(document)

    async def identified(self, call_control_id: CallControlId, call_leg_id: str = "") -> None:
        """Write down how Telnyx calls the leg that we have dialled."""
        await self._ledger.identified(self._key, call_control_id, call_leg_id)

    async def bridged(self, *, is_bridged: bool = True) -> None:
        """Write down that the caller is with somebody else, or is back."""
        await self._ledger.bridged(self._key, is_bridged=is_bridged)

    async def close(self, document: dict[str, Any], *, is_over: bool) -> None:
        """Save the record of the ended call and close its leg, or hand it to the settler.

        Args:
            document: the whole record.
            is_over: the leg is known to be gone, or is no longer ours to end.
        """
        if self._outbox is not None:  # before the record says so: a crash in between loses nothing
            await self._outbox.call_ends(self._key, self._records.name(document))
        with trio.move_on_after(SAVE_LIMIT_S):
            await self._records.save(document)
        if self._outbox is not None:
            self._outbox.call_ended(self._key)
        if is_over:
            await self._ledger.closed(self._key)
        else:
            self._ledger.left_up(self._key)
