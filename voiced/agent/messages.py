"""Values of a conversation as a language model is given it. Pure.

A tool's call and its result are one value, so that nothing can part them: both kinds of APIs refuse
a conversation in which a call has no result.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message for a chat model."""

    role: Literal["user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """What a model wants done; `arguments` is the text of a JSON object, as the model wrote it."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolResult:
    """What came of a call, for the model to read."""

    call_id: str
    content: str
    is_error: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolRound:
    """One step of a model that ended in calls, with their results, one each and in order.

    Attributes:
        content: what the model said before; "" for nothing.
        native: blocks that the provider wants back as they were (Anthropic's thinking).
    """

    content: str
    calls: tuple[ToolCall, ...]
    results: tuple[ToolResult, ...]
    native: tuple[Mapping[str, Any], ...] = ()


ModelMessage: TypeAlias = Message | ToolRound
