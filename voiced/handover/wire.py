"""What two processes of ours say to each other by the Unix socket: one JSON object a line. Pure.

newer                      older
{"hello": 1}          ──►
◄──  {"state": "serving", "listeners": [...]}   and the sockets beside it
{"do": "go"}          ──►  stops accepting
◄──  {"state": "gone"}
{"do": "drain", "limit_s": 60}, {"do": "hurry"}   ──►   at any later time
◄──  end of file: it has ended
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, cast

from voiced.errors import RemoteProtocolError

VERSION = 1
"""Processes of other versions are left alone: they are not taken over."""

MOST_BYTES = 16 * 1024
"""A line has some hundreds."""

State: TypeAlias = Literal["serving", "busy", "elder", "gone"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """A listening socket: what it is for, and the `bind` for which it was opened."""

    name: str
    bind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """The newer process introduces itself."""

    version: int = VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class Go:
    """The newer process can accept: the older one must not any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain:
    """An elder's calls may go on for so long, s."""

    limit_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Hurry:
    """An elder ends at once."""


Order: TypeAlias = Hello | Go | Drain | Hurry


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """How an older process stands; `listeners` in the order of the sockets that come with it."""

    state: State
    listeners: tuple[Offered, ...] = ()


def write_order(order: Order) -> bytes:
    """Return the line of an order."""
    match order:
        case Hello(version=version):
            return _line({"hello": version})
        case Go():
            return _line({"do": "go"})
        case Drain(limit_s=limit_s):
            return _line({"do": "drain", "limit_s": limit_s})
        case Hurry():
            return _line({"do": "hurry"})


def read_order(line: bytes) -> Order:
    """Return the order in a line; raises RemoteProtocolError."""
    match _object(line):
        case {"hello": int(version)}:
            return Hello(version=version)
        case {"do": "go"}:
            return Go()
        case {"do": "drain", "limit_s": int(limit_s) | float(limit_s)}:
            return Drain(limit_s=limit_s)
        case {"do": "hurry"}:
            return Hurry()
        case _:
            raise RemoteProtocolError("handover: not an order")


def write_answer(answer: Answer) -> bytes:
    """Return the line of an answer."""
    listeners = [{"name": one.name, "bind": one.bind} for one in answer.listeners]
    return _line({"state": answer.state, "listeners": listeners})


def read_answer(line: bytes) -> Answer:
    """Return the answer in a line; raises RemoteProtocolError."""
    match _object(line):
        case {"state": "serving" | "busy" | "elder" | "gone" as state, "listeners": list(listed)}:
            return Answer(
                state=cast("State", state), listeners=tuple(_offered(one) for one in listed)
            )
        case _:
            raise RemoteProtocolError("handover: not an answer")


def _offered(listed: Any) -> Offered:
    match listed:
        case {"name": str(name), "bind": str(bind)}:
            return Offered(name=name, bind=bind)
        case _:
            raise RemoteProtocolError("handover: not a listener")


def _line(content: dict[str, Any]) -> bytes:
    return json.dumps(content).encode() + b"\n"


def _object(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        raise RemoteProtocolError("handover: not JSON") from None
