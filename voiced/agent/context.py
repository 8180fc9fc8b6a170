"""How much of a conversation a model is given: a limit in tokens, and their counting. Pure.

Nobody but the model's own tokenizer knows what a text costs. So it is estimated by its length, and
the estimate is corrected by what the provider counts for each request.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, assert_never

from voiced.agent.messages import Message, ToolRound

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from voiced.agent.memory import Memory
    from voiced.agent.messages import ModelMessage

BYTES_PER_TOKEN = 4
"""Of English; other languages have more bytes to a letter and fewer letters to a token."""

PER_MESSAGE = 4
"""Tokens around a message: its role, its borders."""

KEPT_SHARE = 0.75
"""Once over the limit the context is cut to this share of it: a beginning that changes with every
turn is never found in a provider's cache."""

_LEAST, _MOST = 0.5, 4.0
"""Bounds of the correction: a provider that counts nothing is not believed."""


class TokenGauge:
    """Estimates tokens of one model; shared by its calls."""

    def __init__(self) -> None:
        self._factor = 1.0

    def of_text(self, text: str) -> int:
        """Estimate a text."""
        return math.ceil(len(text.encode()) / BYTES_PER_TOKEN * self._factor)

    def of_json(self, value: Any) -> int:
        """Estimate what is sent as JSON: the tools' descriptions."""
        return self.of_text(json.dumps(value))

    def of(self, messages: Iterable[ModelMessage]) -> int:
        """Estimate messages."""
        return sum(self.of_text(_text(m)) + PER_MESSAGE * _n_parts(m) for m in messages)

    def learn(self, estimated: int, counted: int) -> None:
        """Note what the provider counted for what had been estimated."""
        if estimated > 0 and counted > 0:
            self._factor = min(max(self._factor * counted / estimated, _LEAST), _MOST)


def fit(memory: Memory, gauge: TokenGauge, *, fixed: int, limit: int) -> list[ModelMessage]:
    """Return the messages of `memory`, its oldest exchanges forgotten where they are too many.

    Args:
        memory: forgets for good, so that the beginning stays the same for a while.
        gauge: how tokens are counted.
        fixed: tokens of what goes with each request, the prompt and the tools.
        limit: tokens of the whole. The last exchange is never forgotten, however long.
    """
    messages = memory.messages()
    if fixed + gauge.of(messages) <= limit:
        return messages
    while fixed + gauge.of(messages) > KEPT_SHARE * limit and memory.forget_oldest():
        messages = memory.messages()
    return messages


def _text(message: ModelMessage) -> str:
    match message:
        case Message(content=content):
            return content
        case ToolRound():
            return "".join((message.content, json.dumps(list(message.native)), *_parts(message)))
        case _:
            assert_never(message)


def _parts(tools: ToolRound) -> Sequence[str]:
    called = [part for call in tools.calls for part in (call.id, call.name, call.arguments)]
    return [*called, *(result.content for result in tools.results)]


def _n_parts(message: ModelMessage) -> int:
    return 1 if isinstance(message, Message) else 1 + len(message.results)
