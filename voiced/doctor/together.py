"""Several questions at the same time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


async def ask_together(*questions: Callable[[], Awaitable[Any]]) -> list[Any]:
    """Run all `questions` at the same time; returns their answers in the same order."""
    answers: list[Any] = [None] * len(questions)

    async def ask(place: int, question: Callable[[], Awaitable[Any]]) -> None:
        answers[place] = await question()

    async with trio.open_nursery() as nursery:
        for place, question in enumerate(questions):
            nursery.start_soon(ask, place, question)
    return answers
