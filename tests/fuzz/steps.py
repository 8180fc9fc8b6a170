"""The language in which a fuzzed call is written: one step a line. Pure.

Every text is a script, so that any change of it, by a fuzzer or by hand, is another one. A line is
a verb and what follows; a line without a known verb is a message on the media socket.

    talker                      (first line) a dialogue agent talks; otherwise one that takes orders
    ring LEG                    somebody calls
    dial                        the daemon calls
    hook TYPE LEG {CHANGES}     a webhook; LEG is in0, in1 ..., out0 (the first that was dialled),
                                target (of a transfer) or any other
    again                       the last webhook again, with the same id
    post BODY                   a webhook as it stands
    open LEG                    connect the media socket of a call, and tell of it by that
    say EVENT {CHANGES}         a message on the media socket, right but for the changes
    frame CHUNK BYTES [TRACK]   a media message
    speak SECONDS               media messages, one every 20 ms
    mark N                      the N-th mark that the daemon waits for comes back
    text MESSAGE, binary MESSAGE
    close CODE, reset
    wait SECONDS
    play SECONDS, name, clear, leave    what the agent does
    transfer, hangup, drain             what the operator does
    answer ACTION HOW           how Telnyx answers commands from now on: a status, `slow` or `drop`

CHANGES is a JSON object that is laid over the right message: null removes a key, an object goes
deeper.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

MOST_STEPS = 80
"""Of a script; what follows is left out."""

VERBS = frozenset(
    [
        "talker",
        "ring",
        "dial",
        "hook",
        "again",
        "post",
        "open",
        "say",
        "frame",
        "speak",
        "mark",
        "text",
        "binary",
        "close",
        "reset",
        "wait",
        "play",
        "name",
        "clear",
        "leave",
        "transfer",
        "hangup",
        "drain",
        "answer",
    ]
)


@dataclass(frozen=True, slots=True)
class Step:
    """One line: `verb`, and what follows it."""

    verb: str
    rest: str = ""

    def words(self, *defaults: str) -> list[str]:
        """Return the first words of the rest; defaults stand in for those that lack."""
        given = self.rest.split(maxsplit=len(defaults))[: len(defaults)]
        return [*given, *defaults[len(given) :]]

    def changes(self, words_before: int) -> dict[str, Any]:
        """Return the JSON object that follows so many words; {} if there is none."""
        parts = self.rest.split(maxsplit=words_before)
        try:
            found = json.loads(parts[words_before]) if len(parts) > words_before else {}
        except (ValueError, RecursionError):
            found = {}
        return found if isinstance(found, dict) else {}


def parse_script(data: bytes) -> list[Step]:
    """Read a script; there is none that cannot be read."""
    lines = data.decode("utf-8", "surrogateescape").split("\n")
    return [_step(line) for line in lines if line.strip() and not line.startswith("#")][:MOST_STEPS]


def script_of(steps: list[Step]) -> bytes:
    """Return the script of `steps`."""
    text = "\n".join(f"{step.verb} {step.rest}".rstrip() for step in steps)
    return text.encode("utf-8", "surrogateescape") + b"\n"


def number(word: str, *, top: float, default: float) -> float:
    """Return what `word` says, from 0 to `top`."""
    try:
        value = float(word)
    except ValueError:
        return default
    return value if 0 <= value <= top else default


def lay_over(right: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return `right` with `changes`."""
    changed = dict(right)
    for key, value in changes.items():
        under = changed.get(key)
        if value is None:
            changed.pop(key, None)
        elif isinstance(value, dict) and isinstance(under, dict):
            changed[key] = lay_over(under, value)
        else:
            changed[key] = value
    return changed


def _step(line: str) -> Step:
    verb, _, rest = line.partition(" ")
    return Step(verb, rest) if verb in VERBS else Step("text", line)
