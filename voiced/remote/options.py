"""The operator's commands and their options, for the command line. Nothing heavy is imported."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

COMMANDS = {
    "call": "place a call, or call a list of numbers, by the running daemon",
    "calls": "list calls: the daemon's live ones, or past ones by filters",
    "hangup": "end a call of the running daemon",
    "transfer": "hand a call of the running daemon to somebody else",
    "webhooks": "list the webhooks that wait to be told, or were given up; send one again",
    "drain": "let the running daemon take no new calls, and end when it has none",
}

MILESTONES = ("placed", "answered", "ended")
MOST_AT_ONCE = 1000


def add_options(command: str, parser: argparse.ArgumentParser) -> None:
    """Add the options of one of the `COMMANDS`."""
    parser.add_argument(
        "--admin", metavar="URL", help="the daemon's admin listener (default: [admin] bind)"
    )
    if command != "call":
        parser.add_argument("--json", action="store_true", help="the answer for programs")
    if command in ("hangup", "transfer"):
        parser.add_argument("id", metavar="ID", help="of the call, as `voiced calls` shows it")
    if command == "transfer":
        parser.add_argument("to", metavar="TO", help="number as +E.164, or SIP URI")
    if command == "webhooks":
        parser.add_argument("--retry", metavar="ID", help="send one that was given up again")
    if command == "call":
        _add_call_options(parser)
    if command == "calls":
        _add_filters(parser)


def _add_filters(parser: argparse.ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--past", action="store_true", help="calls that have ended")
    which.add_argument("--all", action="store_true", help="live and past calls of every instance")
    add = parser.add_argument_group("which (any of them: live and past calls)").add_argument
    add("--reason", metavar="REASON", help="why it ended, as caller_hung_up")
    add("--outcome", metavar="OUTCOME", help="what came of a call that was placed, as busy")
    add("--number", metavar="NUMBER", help="of either side; +1312* for all that begin so")
    add("--since", metavar="TIME", help="began then or later: 2026-11-22T10:00, or 2h, 3d ago")
    add("--until", metavar="TIME", help="began before that")
    add("--line", metavar="NAME", help='of this line; "" for calls of no line')
    add("--direction", choices=("incoming", "outgoing"), help="who called whom")
    add("--instance", metavar="NAME", help="whose call it was")
    add("--lasted", metavar="SECONDS", dest="min_duration_s", help="at least so long")
    add("--text", metavar="WORDS", help="somebody said this")
    add("--limit", metavar="N", help="at most so many, newest first (default: 50)")
    add("--after", metavar="PLACE", help="those behind this place: the last line of a page")


def _add_call_options(parser: argparse.ArgumentParser) -> None:
    whom = parser.add_mutually_exclusive_group(required=True)
    whom.add_argument("number", metavar="NUMBER", nargs="?", help="number as +E.164, or SIP URI")
    whom.add_argument(
        "--list", metavar="FILE", type=Path, help="CSV: a column `number`, others are variables"
    )
    add = parser.add_argument
    add("--from", metavar="NUMBER", dest="from_", help="caller id (default: [outbound] caller_id)")
    add("--line", metavar="NAME", help="whose agent talks (default: [agent])")
    add(
        "--var",
        metavar="NAME=TEXT",
        type=_variable,
        action="append",
        help="what the agent is told; may be repeated",
    )
    add("--webhook", metavar="URL", help="who is told the outcome")
    one = parser.add_argument_group("one number")
    one.add_argument("--key", metavar="KEY", help="the same key never makes a second call")
    one.add_argument("--wait", choices=MILESTONES, help="wait until then (default: placed)")
    one.add_argument("--json", action="store_true", help="the answer for programs")
    many = parser.add_argument_group("a list (docs/telnyx.md)")
    many.add_argument("--state", metavar="FILE", type=Path, help="progress (default: FILE.state)")
    many.add_argument(
        "--concurrency",
        metavar="N",
        type=_between(int, 1, MOST_AT_ONCE),
        help="calls at a time (default: 1)",
    )
    many.add_argument(
        "--per-second",
        metavar="N",
        type=_between(float, 0.001, 100),
        help="calls placed in a second (default: 1)",
    )
    many.add_argument(
        "--once",
        action="store_true",
        default=None,
        help="call nobody again who was busy, did not answer, or could not be reached",
    )
    many.add_argument("--hours", metavar="HOURS", help='when, as "mo-fr 9:00-18:00"')
    many.add_argument("--zone", metavar="ZONE", help="of these hours (default: UTC)")


def misuse(arguments: argparse.Namespace) -> str:
    """Return which options do not go together, "" if all do."""
    if arguments.command != "call":
        return ""
    if arguments.list is not None:
        wrong = [name for name in ("key", "wait", "json") if getattr(arguments, name)]
        return f"--{wrong[0]} is for one number, not for --list" if wrong else ""
    for name in ("state", "concurrency", "per_second", "once", "hours", "zone"):
        if getattr(arguments, name) is not None:
            return f"--{name.replace('_', '-')} goes with --list"
    return ""


def order_of(
    arguments: argparse.Namespace, number: str, variables: Mapping[str, str], key: str
) -> dict[str, Any]:
    """Return the body of `POST /calls`; `variables` go before those of the command line."""
    order = {
        "to": number,
        "from": arguments.from_,
        "line": arguments.line,
        "webhook": arguments.webhook,
        "variables": {**dict(arguments.var or ()), **variables},
        "idempotency_key": key,
    }
    return {name: value for name, value in order.items() if value}


def _variable(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=TEXT, with a name in small letters")
    return name, value


def _between(kind: type[int] | type[float], least: float, most: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = kind(-1)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not from {least} to {most}")
        return value

    return read
