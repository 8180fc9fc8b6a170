"""The legs that we have at Telnyx, written ahead of the command that makes each of them cost money.

A leg is opened before it is answered or dialled and closed once it is known to be gone. Whatever is
open when the daemon starts was left by a crash; `Settler` ends it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import trio

from voiced.ledger.open_items import PATIENCE_S, OpenItems
from voiced.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path

    from voiced.ledger.lines import Item
    from voiced.ledger.open_items import OpenItemsStatistics
    from voiced.telnyx.ids import CallControlId, CommandId

log = get_logger(__name__)

Direction: TypeAlias = Literal["incoming", "outgoing"]

LEDGER_FILE = "legs.jsonl"
"""Below `[records] path`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LegEntry:
    """One leg, as it is written down: nothing in it names a person.

    Attributes:
        key: names the leg for ever: the call control id of an incoming one, the command id of one
            that we dial.
        direction: who called.
        directory: name of the call's directory below `[records] path`.
        at: wall time at which the leg began, unix seconds.
        call_control_id: None until Telnyx has told it.
        call_leg_id: "" until Telnyx has told it.
        command_id: of the dial.
        client_state: base64, attached to the dial: it makes the leg known by its webhooks.
        is_bridged: the caller is with somebody else; after a crash that is left as it is.
    """

    key: str
    direction: Direction
    directory: str
    at: float
    call_control_id: CallControlId | None = None
    call_leg_id: str = ""
    command_id: CommandId | None = None
    client_state: str | None = None
    is_bridged: bool = False


def read_entry(key: str, item: Item) -> LegEntry | None:
    """Return the entry that was written down; None if it is none."""
    known: dict[str, Any] = {
        part.name: item[part.name] for part in fields(LegEntry) if part.name in item
    }
    texts = ("call_control_id", "call_leg_id", "command_id", "client_state")
    sound = (
        known.get("direction") in ("incoming", "outgoing")
        and _is_plain_name(known.get("directory"))
        and type(known.get("at")) in (int, float)
        and all(isinstance(known.get(name), str | None) for name in texts)
        and isinstance(known.get("is_bridged", False), bool)
    )
    return LegEntry(**{**known, "key": key}) if sound else None


def _is_plain_name(name: object) -> bool:
    return isinstance(name, str) and name not in ("", ".", "..") and not {"/", "\0"} & {*name}


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftLeg:
    """A leg for the settler; `has_died` says that the daemon which had it could not end it."""

    entry: LegEntry
    has_died: bool


class Ledger:
    """The open legs. Every wait here is bounded by `patience_s`, and neither raises nor fails.

    Attributes:
        unsettled: the legs that a crash has left open, as found at start.
    """

    def __init__(self, items: OpenItems) -> None:
        """Use `open`."""
        self._items = items
        self._entries: dict[str, LegEntry] = {}
        self._left_in, self.left = trio.open_memory_channel[LeftLeg](float("inf"))
        self.unsettled = tuple(self._enter(items.items))

    def _enter(self, items: Mapping[str, Item]) -> list[LegEntry]:
        entries = []
        for key, item in items.items():
            entry = read_entry(key, item)
            if entry is None:
                log.error("damaged entry of the ledger", key=key)
            else:
                entries.append(entry)
                self._entries[key] = entry
        return entries

    @classmethod
    async def open(
        cls,
        path: Path,
        run_sync: Callable[..., Awaitable[Any]] | None = None,
        *,
        patience_s: float = PATIENCE_S,
        has_elders: bool = False,
    ) -> Ledger:
        """Read the ledger at `path`; arguments and errors are those of `OpenItems.open`."""
        return cls(await OpenItems.open(path, run_sync, patience_s, has_elders=has_elders))

    async def adopt(self) -> None:
        """Hand the legs that an older process has left, which has ended, to the settler.

        Raises:
            StartupError: its ledger cannot be read.
        """
        for entry in self._enter(await self._items.adopt()):
            self._left_in.send_nowait(LeftLeg(entry=entry, has_died=True))

    async def run(self) -> None:
        """Write until cancelled."""
        await self._items.run()

    def close(self) -> None:
        """Let another daemon open the ledger."""
        self._items.close()

    def statistics(self) -> OpenItemsStatistics:
        """Return how many legs are open and how the disk has done."""
        return self._items.statistics()

    async def opened(self, entry: LegEntry) -> None:
        """Write a leg down; only then answer or dial it."""
        self._entries[entry.key] = entry
        await self._items.put(entry.key, _item(entry))

    async def identified(
        self, key: str, call_control_id: CallControlId, call_leg_id: str = ""
    ) -> None:
        """Write down how Telnyx calls a leg that we have dialled."""
        await self._change(key, call_control_id=call_control_id, call_leg_id=call_leg_id)

    async def bridged(self, key: str, *, is_bridged: bool = True) -> None:
        """Write down that the caller is with somebody else, or is back."""
        await self._change(key, is_bridged=is_bridged)

    async def closed(self, key: str) -> None:
        """Write down that a leg is known to be gone, or that it is no longer ours."""
        self._entries.pop(key, None)
        await self._items.drop(key)

    def left_up(self, key: str) -> None:
        """Hand a leg whose hangup Telnyx did not confirm to the settler. Never waits."""
        entry = self._entries.get(key)
        if entry is not None:
            self._left_in.send_nowait(LeftLeg(entry=entry, has_died=False))

    async def _change(self, key: str, **changes: Any) -> None:
        entry = self._entries.get(key)
        if entry is None:
            await trio.lowlevel.checkpoint()
        else:
            await self.opened(replace(entry, **changes))


def _item(entry: LegEntry) -> Item:
    return {name: value for name, value in asdict(entry).items() if name != "key"}
