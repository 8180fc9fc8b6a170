"""What an agent does by the phone of a reply, noted as steps of that reply.

The commands that come of it are noted by the REST client, as all are; this is what a replay must do
again so that they come. Several things may be done at once, so each has a number and two entries:
`phone` when it begins and `phone_done` when it has ended, failed or been cancelled.
"""

from __future__ import annotations

import inspect
from contextlib import asynccontextmanager
from dataclasses import fields, is_dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import trio

from voiced.errors import CommandFailed
from voiced.flight.taps.steps import describe_error
from voiced.telnyx import commands

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from voiced.agent.base import Phone
    from voiced.flight.taps.steps import Steps


class TappedPhone:
    """Fits `voiced.agent.base.Phone`: every method of the phone, noted."""

    def __init__(self, phone: Phone, steps: Steps) -> None:
        """Note what is done with `phone` among `steps`."""
        self._phone = phone
        self._steps = steps

    def __getattr__(self, method: str) -> Callable[..., Awaitable[Any]]:
        return partial(self._act, method)

    async def _act(self, name: str, *arguments: Any, **named: Any) -> Any:
        method = getattr(self._phone, name)
        act = self._begin(name, _named(method, arguments, named))
        try:
            result = await method(*arguments, **named)
        except trio.Cancelled:
            self._steps.note("phone_done", act=act, cancelled=True)
            raise
        except CommandFailed as failed:
            self._end(act, error=describe_error(failed))
            raise
        self._end(act)
        return result

    @asynccontextmanager
    async def recording_paused(self) -> AsyncIterator[None]:
        """Let nothing be recorded inside; the flight recording ends there, too."""
        act = self._begin("pause_recording", {})
        async with self._phone.recording_paused():
            self._end(act)
            yield

    def _begin(self, method: str, named: Mapping[str, Any]) -> int:
        act = self._steps.number()
        plain = {name: _plain(argument) for name, argument in named.items()}
        self._steps.note("phone", act=act, method=method, named=plain)
        return act

    def _end(self, act: int, **data: Any) -> None:
        """Note an end that is Telnyx's doing: none of its time is the agent's."""
        self._steps.taken()
        self._steps.note("phone_done", act=act, **data)


def _named(
    method: Callable[..., Any], arguments: tuple[Any, ...], named: Mapping[str, Any]
) -> dict[str, Any]:
    """Return all arguments by their names; raises TypeError for what the method does not take."""
    bound = inspect.signature(method).bind(*arguments, **named).arguments
    return {**bound.pop("arguments", {}), **bound}


def _plain(value: Any) -> Any:
    """Return an argument as JSON values; `restore` takes it back."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case type():
            return {"command": value.__name__}
        case dict():
            return {"items": {str(key): _plain(item) for key, item in value.items()}}
        case list() | tuple():
            return [_plain(item) for item in value]
        case _ if is_dataclass(value):
            own = {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
            return {"options": type(value).__name__, "fields": own}
        case _:
            return str(value)


def restore(value: Any) -> Any:
    """Return what `_plain` made JSON of; a list comes back as a tuple.

    Raises:
        AttributeError: it names a command or options that there are none of any more.
    """
    match value:
        case list():
            return tuple(restore(item) for item in value)
        case {"command": str(name)}:
            return getattr(commands, name)
        case {"options": str(name), "fields": dict(own)}:
            return getattr(commands, name)(**{key: restore(item) for key, item in own.items()})
        case {"items": dict(items)}:
            return {key: restore(item) for key, item in items.items()}
        case _:
            return value
