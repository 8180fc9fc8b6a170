"""One thing that somebody is to be told, as it is written down; when it is tried again. Pure."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal, TypeAlias
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from voiced.ledger.lines import Item

Kind: TypeAlias = Literal["call.ended", "order.outcome"]

FIRST_WAIT_S = 1.0
"""Before the second attempt; doubled after each."""

LONGEST_WAIT_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """Something to be told.

    Attributes:
        key: names it for ever: receivers know by it what they have had already.
        kind: `call.ended` takes its content from the call's record when it is sent.
        url: whom to tell; "" is the `[post_call] url` of the day.
        directory: of the call's record below `[records] path`, for `call.ended`.
        content: of an `order.outcome`.
        at: wall time at which there was something to tell, unix seconds.
        attempts: that have failed.
        failure: of the last attempt; of a dead letter, why it was given up.
        is_dead: nobody tries it any more.
    """

    key: str
    kind: Kind
    url: str = field(default="", repr=False)
    directory: str = ""
    content: dict[str, Any] = field(default_factory=dict, repr=False)
    at: float
    attempts: int = 0
    failure: str = ""
    is_dead: bool = False


def item_of(letter: Letter) -> Item:
    """Return a letter as it is written down."""
    return {name: value for name, value in asdict(letter).items() if name != "key"}


def read_letter(key: str, item: Item) -> Letter | None:
    """Return the letter that was written down; None if it is none."""
    known = {part.name: item[part.name] for part in fields(Letter) if part.name in item}
    sound = (
        known.get("kind") in ("call.ended", "order.outcome")
        and isinstance(known.get("url", ""), str)
        and _is_plain_name(known.get("directory", ""))
        and isinstance(known.get("content", {}), dict)
        and type(known.get("at")) in (int, float)
        and type(known.get("attempts", 0)) is int
        and isinstance(known.get("failure", ""), str)
        and isinstance(known.get("is_dead", False), bool)
    )
    return Letter(**{**known, "key": key}) if sound else None


def _is_plain_name(name: object) -> bool:
    return isinstance(name, str) and name not in (".", "..") and not {"/", "\0"} & {*name}


def wait_s(attempts: int, chance: float) -> float:
    """Return how long to wait after so many failed attempts, in seconds.

    Between half of the doubled wait and all of it, as `chance` (0 to 1) has it: a receiver that
    comes back is not met by all at once.
    """
    longest = min(FIRST_WAIT_S * 2.0 ** min(attempts - 1, 30), LONGEST_WAIT_S)
    return longest * (0.5 + 0.5 * chance)


def shown(letter: Letter) -> dict[str, Any]:
    """Return what an operator is shown: of the address the host only, the rest may be a secret."""
    return {
        "id": letter.key,
        "kind": letter.kind,
        "host": urlsplit(letter.url).hostname or "" if letter.url else "[post_call] url",
        "call": letter.directory or letter.content.get("id", ""),
        "at": letter.at,
        "attempts": letter.attempts,
        "failure": letter.failure,
        "dead": letter.is_dead,
    }
