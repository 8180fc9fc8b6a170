"""What became of a call, as far as it must be the same when the call is held again. Pure.

Lines in four sections. Within a section the order is the daemon's own doing and counts; between
sections it does not. Times are told and not compared: a replay takes no time for arithmetic, so
that everything comes some milliseconds earlier than it did.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any

from voiced.flight.entries import TOKEN

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from voiced.flight.entries import Entry

SECTIONS = ("conversation", "commands", "media", "end")

CONTEXT = 2
"""Lines that are shown around a difference."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Something that happened, `at_s` seconds into the call."""

    at_s: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a call came to.

    Attributes:
        conversation: turns of both sides with what was heard, and barge-ins.
        commands: what Telnyx was asked to do, each attempt.
        media: marks and clears on the media socket.
        end: the reason, and whether the hangup was confirmed.
    """

    conversation: tuple[Line, ...]
    commands: tuple[Line, ...]
    media: tuple[Line, ...]
    end: tuple[Line, ...]

    @property
    def texts(self) -> tuple[tuple[str, ...], ...]:
        """Return all that is compared."""
        return tuple(tuple(line.text for line in getattr(self, name)) for name in SECTIONS)

    def document(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            name: [[round(line.at_s, 3), line.text] for line in getattr(self, name)]
            for name in SECTIONS
        }


def read_outcome(document: Mapping[str, Any]) -> Outcome:
    """Return what `Outcome.document` gave; raises ValueError when it is something else."""
    try:
        sections = {
            name: tuple(Line(at_s=float(at_s), text=str(text)) for at_s, text in document[name])
            for name in SECTIONS
        }
    except (KeyError, TypeError) as error:
        raise ValueError(f"no outcome of a call: {error}") from error
    return Outcome(**sections)


def find_outcome(entries: Iterable[Entry], record: Mapping[str, Any]) -> Outcome:
    """Return what a call came to, by its recording's entries and its record."""
    commands, media = [], []
    for entry in entries:
        if entry.kind == "request":
            commands.append(Line(at_s=entry.at_s, text=_command(entry.data)))
        elif entry.kind == "tx" and (text := _control(entry.data["m"])):
            media.append(Line(at_s=entry.at_s, text=text))
    end = record.get("end") or {}
    confirmed = "" if record.get("hangup_confirmed") else ", hangup not confirmed"
    ended = Line(at_s=record.get("duration_s") or 0.0, text=f"{end.get('reason')}{confirmed}")
    return Outcome(
        conversation=tuple(_conversation(record)),
        commands=tuple(commands),
        media=tuple(media),
        end=(ended,),
    )


def _conversation(record: Mapping[str, Any]) -> Iterator[Line]:
    barge_ins = list(record.get("barge_ins", ()))
    for turn in record.get("turns", ()):
        while barge_ins and barge_ins[0]["at_s"] < turn["at_s"]:
            yield _barge_in(barge_ins.pop(0))
        yield Line(at_s=turn["at_s"], text=_turn(turn))
    yield from map(_barge_in, barge_ins)


def _barge_in(barge_in: Mapping[str, Any]) -> Line:
    text = "barge-in, a false alarm" if barge_in.get("false_alarm") else "barge-in"
    return Line(at_s=barge_in["at_s"], text=text)


def _turn(turn: Mapping[str, Any]) -> str:
    said = f"{turn['who']}: {json.dumps(turn['text'], ensure_ascii=False)}"
    match turn.get("heard"):
        case None:
            return said
        case "part":
            return f"{said}, heard {json.dumps(turn['heard_text'], ensure_ascii=False)}"
        case heard:
            return f"{said}, heard {heard}"


def _command(data: Mapping[str, Any]) -> str:
    body = json.loads(data["body"]) if data["body"] else {}
    body.pop("command_id", None)  # follows from the call and the command
    keys = ", ".join(
        f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in sorted(body.items())
    )
    return f"{data['action']} {keys}".rstrip().replace(f"/{TOKEN}", "/...")


def _control(message: str) -> str:
    """Return what a message of ours is, "" for audio."""
    if message.startswith('{"event":"media"'):
        return ""
    document = json.loads(message)
    if document.get("event") == "mark":
        return f"mark {document['mark']['name']}"
    return str(document.get("event"))


def compare(expected: Outcome, actual: Outcome) -> list[str]:
    """Return the differences as lines for a reader, with time codes; [] if there are none."""
    lines: list[str] = []
    for name in SECTIONS:
        before, after = getattr(expected, name), getattr(actual, name)
        difference = list(_compare_lines(before, after))
        if difference:
            lines += [f"{name}:", *difference]
    return lines


def _compare_lines(before: Sequence[Line], after: Sequence[Line]) -> Iterator[str]:
    old, new = [line.text for line in before], [line.text for line in after]
    if old == new:
        return
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    for number, group in enumerate(matcher.get_grouped_opcodes(CONTEXT)):
        if number:
            yield "  ..."
        for tag, i1, i2, j1, j2 in group:
            if tag == "equal":
                yield from _shown(" ", after[j1:j2])
            else:
                yield from _shown("-", before[i1:i2])
                yield from _shown("+", after[j1:j2])


def _shown(sign: str, lines: Iterable[Line]) -> Iterator[str]:
    for line in lines:
        yield f"{sign} {time_code(line.at_s)}  {line.text}"


def time_code(at_s: float) -> str:
    """Return minutes and seconds: `1:02.345`."""
    minutes, seconds = divmod(round(max(at_s, 0.0), 3), 60)
    return f"{minutes:.0f}:{seconds:06.3f}"
