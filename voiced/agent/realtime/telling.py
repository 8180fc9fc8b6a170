"""What a new session is told of a conversation that is under way, as items of it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from voiced.agent.memory import AgentSpoke, CallerSpoke, Happened, UsedTools
from voiced.agent.realtime import wire

if TYPE_CHECKING:
    from collections.abc import Iterator

    from voiced.agent.memory import Entry


def items_of(entry: Entry) -> Iterator[str]:
    """Yield the messages that tell of an entry: words that were said and heard, tools and keys."""
    match entry:
        case CallerSpoke(text=text, digits=digits):
            words = " ".join(part for part in (text, keyed(digits)) if part)
            if words:
                yield wire.text_item("user", words)
        case AgentSpoke(heard=heard, doubtful=doubtful):
            if heard:
                yield wire.text_item("assistant", heard)
            if doubtful:
                yield wire.text_item(
                    "user", f"(It is not known whether the caller heard: {doubtful})"
                )
        case Happened(text=text):
            yield wire.text_item("user", f"({text})")
        case UsedTools():
            yield from items_of(entry.said)
            results = {result.call_id: result.content for result in entry.results}
            for call in entry.calls:
                if call.id in results:
                    yield wire.function_call(call.id, call.name, call.arguments)
                    yield wire.tool_output(call.id, results[call.id])
        case _:
            assert_never(entry)


def keyed(digits: str) -> str:
    """Return how keys are written in a conversation; see `voiced.agent.model.prompt.MANNERS`."""
    return f"(keys: {digits})" if digits else ""
