"""Reading a dialogue file, with every fault in one error. See docs/dialogues.md.

Two steps: the shape (which keys, which types: the model in `voiced.agent.dialogue`) and the sense
(templates, slots, ways through the states: `voiced.agent.dialogue_check`).
"""

from __future__ import annotations

import difflib
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from pydantic import ValidationError

from voiced.agent.dialogue import (
    Answer,
    Confirm,
    DialogueFile,
    Digits,
    Prompts,
    SlotFile,
    State,
    Step,
)
from voiced.agent.dialogue_check import check_dialogue, dotted
from voiced.errors import ConfigError, Problem

if TYPE_CHECKING:
    from pydantic import BaseModel

SHIPPED = Path(__file__).parent / "dialogues" / "front_desk.toml"
"""The dialogue of a small clinic's front desk: what runs when none is configured."""

MAX_BYTES = 1_000_000
_SHOWN_CHARS = 60  # of a wrong value

_Place: TypeAlias = "tuple[int | str, ...]"


def load_dialogue(path: Path) -> DialogueFile:
    """Read and check a dialogue file.

    Raises:
        ConfigError: with every fault of the file; each key is the file's name and the place in it.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        reason = f"cannot be read ({error.strerror or error})"
        remedy = 'write the path of a dialogue file, or "" for the shipped one'
        raise ConfigError([_file_problem(path, reason, remedy)]) from error
    if len(raw) > MAX_BYTES:
        raise ConfigError([_file_problem(path, f"larger than {MAX_BYTES} bytes", "shorten it")])
    try:
        return parse_dialogue(raw.decode(), name=path.name)
    except UnicodeDecodeError as error:
        raise ConfigError([_file_problem(path, "is not UTF-8 text", "save it so")]) from error


def _file_problem(path: Path, reason: str, remedy: str) -> Problem:
    """Return a fault of the file as a whole."""
    return Problem(key="agent.dialogue", value=str(path), reason=reason, remedy=remedy)


def parse_dialogue(text: str, *, name: str) -> DialogueFile:
    """Read and check the text of a dialogue file; `name` is what errors call it.

    Raises:
        ConfigError: with every fault.
    """
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([Problem(key=name, value="", reason=f"is not TOML: {error}")]) from error
    dialogue, problems = _shaped(raw)
    problems += check_dialogue(dialogue, unusable={problem.key for problem in problems})
    if problems:
        raise ConfigError(
            [
                Problem(key=f"{name}: {p.key}", value=p.value, reason=p.reason, remedy=p.remedy)
                for p in problems
            ]
        )
    return dialogue


def _shaped(raw: dict[str, Any]) -> tuple[DialogueFile, list[Problem]]:
    """Fit `raw` to the model, leaving out what does not fit; return that and the faults.

    So the sense of the good parts is checked even though some parts are misshapen. Each round
    leaves out at least one value, and an empty dialogue fits, so the rounds end.
    """
    problems: dict[str, Problem] = {}
    while True:
        try:
            return DialogueFile.model_validate(raw), list(problems.values())
        except ValidationError as error:
            places = []
            for fault in error.errors():
                place = _existing(raw, fault["loc"])
                problem = _shape_problem(raw, place, dict(fault))
                problems.setdefault(problem.key, problem)
                places.append(place)
            for place in places:
                _leave_out(raw, place)


def _existing(raw: Any, loc: _Place) -> _Place:
    """Return the part of `loc` that is in the file: a missing key is a fault of its table."""
    place: list[int | str] = []
    for step in loc:
        try:
            raw = raw[step]
        except (KeyError, IndexError, TypeError):
            break
        place.append(step)
    return tuple(place)


def _leave_out(raw: Any, place: _Place) -> None:
    """Take the value at `place` out of the data, unless it has gone with its table already.

    An item of a list is blanked instead, so that the items after it keep their number.
    """
    if _existing(raw, place) != place:
        return
    for step in place[:-1]:
        raw = raw[step]
    match raw, place[-1]:
        case list(), int(i):
            raw[i] = {} if place[-2] in ("answers", "everywhere") else ""
        case _, key:
            del raw[key]


def _shape_problem(raw: Any, place: _Place, fault: dict[str, Any]) -> Problem:
    """Say what is wrong with the shape at `place`."""
    value = raw
    for step in place:
        value = value[step]
    if fault["type"] == "missing":
        missing = fault["loc"][-1]
        return Problem(key=f"{dotted(place)}.{missing}", value="", reason="is missing")
    shown = repr(value)
    shown = shown if len(shown) <= _SHOWN_CHARS else f"{shown[: _SHOWN_CHARS - 3]}..."
    if fault["type"] != "extra_forbidden":
        return Problem(key=dotted(place), value=shown, reason=fault["msg"].lower())
    near = difflib.get_close_matches(str(place[-1]), _keys_beside(place), n=1)
    remedy = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(_keys_beside(place))}"
    return Problem(key=dotted(place), value=shown, reason="unknown key", remedy=remedy)


def _keys_beside(place: _Place) -> list[str]:
    """Return the keys that are known where the unknown key at `place` stands."""
    tables: dict[str, type[BaseModel]] = {
        "slots": SlotFile,
        "states": State,
        "answers": Answer,
        "everywhere": Answer,
        "digits": Digits,
        "no_match": Prompts,
        "silence": Prompts,
        "then": Step,
        "confirm": Confirm,
    }
    table: type[BaseModel] = DialogueFile
    for i, step in enumerate(place[:-1]):
        # The name of a state or slot may be any word, also one of these.
        named = i == 1 and place[0] in ("slots", "states")
        if not named and isinstance(step, str):
            table = tables.get(step, table)
    return list(table.model_fields)
