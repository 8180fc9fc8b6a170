"""What every model's wire has in common: a request in, pieces of text and one end out. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from voiced.agent.messages import Message
from voiced.net.json import parsed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from voiced.agent.messages import ModelMessage, ToolCall

FIRST = "(The caller is on the line.)"
"""Stands in front of a conversation that the agent has begun: chat models want a user first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolSpec:
    """A tool as a model sees it; `parameters` is a JSON Schema of type `object`."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRequest:
    """What a model is asked; unless it `may_call`, it is to answer in words."""

    system: str
    messages: Sequence[ModelMessage]
    tools: Sequence[ToolSpec] = ()
    may_call: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens as the provider counts them; `prompt` includes what came from its cache."""

    prompt: int
    completion: int


StopReason: TypeAlias = Literal["stop", "tools", "length", "refused"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """The end of an answer.

    Attributes:
        reason: why the model stopped; "refused" by itself or by a filter.
        text: all of its words.
        calls: what it wants done, in its order; ids are never empty and never the same.
        native: blocks that it wants back with the results (`ToolRound.native`).
        usage: None where the provider did not count.
    """

    reason: StopReason
    text: str
    calls: tuple[ToolCall, ...] = ()
    native: tuple[Mapping[str, Any], ...] = ()
    usage: Usage | None = None


def alternating(messages: Iterable[ModelMessage]) -> list[ModelMessage]:
    """Return `messages` beginning with the user, and with no two of one role in a row.

    The templates of many open models refuse anything else.
    """
    result: list[ModelMessage] = []
    for message in messages:
        last = result[-1] if result else None
        if last is None and not (isinstance(message, Message) and message.role == "user"):
            result.append(Message(role="user", content=FIRST))
        if isinstance(message, Message) and isinstance(last, Message) and last.role == message.role:
            result[-1] = replace(last, content=f"{last.content}\n{message.content}")
        else:
            result.append(message)
    return result


def parse_object(text: str) -> dict[str, Any] | None:
    """Return the JSON object in `text`; None if it is none."""
    try:
        return parsed(text)
    except ValueError:
        return None


class ThoughtFilter:
    """Leaves out what a model thinks aloud in front of its answer, `<think>...</think>`.

    Many open models do so where the server does not part it; nobody wants to hear it.
    """

    _BEGIN, _END = "<think>", "</think>"

    def __init__(self) -> None:
        self._held = ""
        self._state: Literal["start", "thought", "words"] = "start"

    def feed(self, text: str) -> str:
        """Take the next piece; return what of it is to be said."""
        if self._state == "words":
            return text
        self._held += text
        if self._state == "start":
            begun = self._held.lstrip()
            if begun.startswith(self._BEGIN):
                self._state = "thought"
            elif not self._BEGIN.startswith(begun):
                return self._let_go(self._held)
        if self._state == "thought":
            _, end, rest = self._held.partition(self._END)
            if end:
                return self._let_go(rest)
            self._held = self._held[-len(self._END) :]
        return ""

    def _let_go(self, text: str) -> str:
        self._state, self._held = "words", ""
        return text
