"""What streaming recognizers have in common on the wire: how they are spoken with. Pure.

A provider's `_wire` module makes a `Dialect` of its settings, which `streaming` speaks.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from voiced.errors import TroubleKind

Encoding: TypeAlias = Literal["mulaw", "linear16"]
"""mulaw: G.711, one byte a sample. linear16: 16-bit PCM, little-endian."""

BYTES_PER_SAMPLE: dict[Encoding, int] = {"mulaw": 1, "linear16": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What was understood of a stretch of audio.

    Attributes:
        text: "" for a stretch without words.
        is_settled: it does not change any more, and what follows is about later audio; otherwise
            the next `Words` take its place.
        confidence: 0..1.
        until_s: where the stretch ends, seconds of audio since the connection was opened; None
            where the provider does not say.
        last_word: confidence of the last word alone, 0..1; 1 where the provider does not say.
    """

    text: str
    is_settled: bool
    confidence: float = 0.0
    until_s: float | None = None
    last_word: float = 1.0


@dataclass(frozen=True, slots=True)
class EndOfSpeech:
    """The provider takes it that the speaker has paused, or is done; all words are settled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """The provider says in a message that it does not go on."""

    kind: TroubleKind
    reason: str
    code: int | None = None


Told: TypeAlias = Words | EndOfSpeech | Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How one provider is spoken with.

    Attributes:
        provider: its name.
        url: of the WebSocket, query included.
        headers: of the handshake, the key among them.
        read: takes one text message apart; raises ValueError where it makes no sense.
        flush: message that asks to settle what was sent; "" where there is none.
        keep_alive: message that keeps the connection while there is no audio; "" for none.
        goodbye: message before leaving; "" for none.
        close_kinds: what the provider's own close codes mean, where that is not `closed`.
        chunk_s: how much audio goes into one message.
        min_chunk_s: a message with less is refused.
        talks: it tells something all the time, words or none; who then says nothing is deaf.
    """

    provider: str
    url: str
    headers: Mapping[str, str]
    read: Callable[[str], Sequence[Told]]
    flush: str = ""
    keep_alive: str = ""
    goodbye: str = ""
    close_kinds: Mapping[int, TroubleKind] = field(default_factory=dict)
    chunk_s: float = 0.1
    min_chunk_s: float = 0.0
    talks: bool = False
