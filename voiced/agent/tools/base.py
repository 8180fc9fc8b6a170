"""What a tool of a model is, and how it fails."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import trio

from voiced.agent.memory import UNFINISHED

if TYPE_CHECKING:
    from voiced.agent.base import CallInfo, Reply
    from voiced.agent.model.wire import ToolSpec

TIMEOUT_S = 10.0
"""How long a tool may take unless it says otherwise."""

FILLER = "One moment, please."
"""Said while a tool takes a while, unless it says otherwise."""

SHOWN_CHARS = 8000
"""So much of a result the model is given: it is read with every request from then on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """What a tool has at hand.

    Attributes:
        call: the call.
        reply: within which it runs.
        has_spoken: whether anything was said in this reply.
        settled: waits until the audio of all that was said is on its way.
    """

    call: CallInfo
    reply: Reply
    has_spoken: bool
    settled: Callable[[], Awaitable[None]] = trio.lowlevel.checkpoint


Run: TypeAlias = Callable[[Mapping[str, Any], Use], Awaitable[str]]
"""Does it with the model's arguments, and returns what the model is told. Raises ToolFailed."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tool:
    """One tool. Shared by all calls.

    Attributes:
        spec: what the model is told of it.
        run: does it.
        timeout_s: how long it may take.
        filler: said when it takes a while and nothing else is being said; "" for nothing.
        is_deed: it acts on the call itself: deeds are done one after the other, in order, and take
            the time that they take.
        ends_reply: after it there is nothing more to say.
        when_cut: what the model is told if the caller cuts in meanwhile.
    """

    spec: ToolSpec
    run: Run
    timeout_s: float = TIMEOUT_S
    filler: str = ""
    is_deed: bool = False
    ends_reply: bool = False
    when_cut: str = UNFINISHED


def shown(result: str) -> str:
    """Return what the model is told of a result."""
    text = result.strip() or "Done."
    return text if len(text) <= SHOWN_CHARS else f"{text[:SHOWN_CHARS]} (cut here)"
