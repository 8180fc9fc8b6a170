"""What the model has said, where it lies on the caller's playout timeline, what was heard. Pure.

The API sends audio faster than it plays, so that at an interruption the caller has heard less than
the model believes it has said. What was heard follows from how far playing had come: so much of an
item's audio the model is told to keep (`conversation.item.truncate`), and so many of its words the
record has.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from voiced.record.heard import words_within

if TYPE_CHECKING:
    from collections.abc import Mapping

    from voiced.record.heard import Heard

RATE_HZ = 8000


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one item of the model's speech.

    Attributes:
        item_id: the API's name of it.
        content_index: which part of it is the audio.
        began_at: trio time at which its first audio was due at the caller.
        text: its words, as far as they were told.
        is_new: nobody was told that it is being spoken (`Spoken.begun`).
        heard: how much of it reached the caller.
        heard_text: those words of it.
        heard_ms: so much of its audio.
    """

    item_id: str
    content_index: int
    began_at: float
    text: str
    is_new: bool
    heard: Heard
    heard_text: str
    heard_ms: int


@dataclass(slots=True, kw_only=True)
class _Item:
    item_id: str
    content_index: int
    began_at: float
    start_s: float
    n_samples: int = 0
    words: list[str] = field(default_factory=list)
    has_all_words: bool = False
    is_told: bool = False

    @property
    def text(self) -> str:
        return "".join(self.words).strip()


class Spoken:
    """One session's items that the caller may not have heard to their end. In order of playing."""

    def __init__(self) -> None:
        self._items: dict[str, _Item] = {}
        self._words: dict[str, list[str]] = {}  # of items whose audio has not begun
        self._whole: set[str] = set()  # of those, whose words are all there

    @property
    def is_open(self) -> bool:
        """Whether anything is on its way to the caller."""
        return bool(self._items)

    def queued(
        self, item_id: str, content_index: int, n_samples: int, position_s: float, begins_at: float
    ) -> None:
        """Note audio of an item, to be played from `position_s` of the playout timeline.

        `begins_at` is the trio time of that.
        """
        item = self._items.get(item_id)
        if item is None:
            item = self._items[item_id] = _Item(
                item_id=item_id,
                content_index=content_index,
                began_at=begins_at,
                start_s=position_s,
                words=self._words.pop(item_id, []),
                has_all_words=item_id in self._whole,
            )
            self._whole.discard(item_id)
        item.n_samples += n_samples

    def begun(self, item_id: str) -> tuple[str, float] | None:
        """Return an item's words and when it began, once, as soon as both are known."""
        item = self._items.get(item_id)
        if item is None or item.is_told or not item.has_all_words:
            return None
        item.is_told = True
        return item.text, item.began_at

    def words(self, item_id: str, text: str) -> None:
        """Note the next words of an item; they may come before its audio."""
        item = self._items.get(item_id)
        (self._words.setdefault(item_id, []) if item is None else item.words).append(text)

    def all_words(self, item_id: str, text: str) -> None:
        """Note all words of an item."""
        item = self._items.get(item_id)
        if item is None:
            self._words[item_id] = [text]
            self._whole.add(item_id)
        else:
            item.words = [text]
            item.has_all_words = True

    def no_more_words(self) -> list[str]:
        """No more words will be told of what is open; return those items."""
        for item in self._items.values():
            item.has_all_words = True
        self._whole |= self._words.keys()
        return list(self._items)

    def played(self, item_id: str) -> Outcome | None:
        """The caller has heard an item to its end; None if that was settled already."""
        item = self._items.pop(item_id, None)
        if item is None:
            return None
        return _outcome(item, "all", item.text, item.n_samples)

    def cut(self, played_s: float, not_queued: Mapping[str, int]) -> list[Outcome]:
        """Playing stopped at `played_s` of the timeline: settle all that is open.

        `not_queued` has the samples that were never queued, by item: its words are of those, too.
        """
        return [_cut(item, played_s, not_queued.get(item.item_id, 0)) for item in self._take()]

    def lost(self) -> list[Outcome]:
        """Nobody will tell any more what was heard."""
        return [_outcome(item, "unknown", "", 0) for item in self._take()]

    def _take(self) -> list[_Item]:
        items = list(self._items.values())
        self._items.clear()
        self._words.clear()
        self._whole.clear()
        return items


def _cut(item: _Item, played_s: float, n_not_queued: int) -> Outcome:
    n_samples = item.n_samples + n_not_queued
    n_heard = min(max(0, round((played_s - item.start_s) * RATE_HZ)), item.n_samples)
    if n_heard == n_samples:
        return _outcome(item, "all", item.text, n_heard)
    text = words_within(item.text, n_heard / n_samples)
    return _outcome(item, "part" if text else "none", text, n_heard)


def _outcome(item: _Item, heard: Heard, text: str, n_heard: int) -> Outcome:
    return Outcome(
        item_id=item.item_id,
        content_index=item.content_index,
        began_at=item.began_at,
        text=item.text,
        is_new=not item.is_told,
        heard=heard,
        heard_text=text,
        heard_ms=n_heard * 1000 // RATE_HZ,
    )
