"""The story of a call in lines for the terminal. Pure.

What the caller never heard stands in brackets that say so; a terminal may dim it besides.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from voiced.explain.answers import (
    answers_of,
    last_words,
    served_by,
    slowest_part,
    slowest_provider,
    waits_of,
)
from voiced.explain.findings import Finding, findings_of
from voiced.explain.waits import (
    LEAST_S,
    interruption_spreads,
    interruption_table,
    spreads,
    wait_table,
)
from voiced.record.end_words import describe_end
from voiced.record.latency import PARTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from voiced.record.percentiles import Spread

_DIM, _BOLD, _RED, _PLAIN = "\x1b[2m", "\x1b[1m", "\x1b[31m", "\x1b[0m"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """Something that happened."""

    at_s: float
    who: str
    what: str


class _Pen:
    """Writes with or without colours."""

    def __init__(self, *, colours: bool) -> None:
        self._colours = colours

    def dim(self, text: str) -> str:
        return self._painted(_DIM, text)

    def bold(self, text: str) -> str:
        return self._painted(_BOLD, text)

    def red(self, text: str) -> str:
        return self._painted(_RED, text)

    def _painted(self, colour: str, text: str) -> str:
        return f"{colour}{text}{_PLAIN}" if self._colours and text else text


def tell(record: Mapping[str, Any], *, colours: bool = False) -> Iterator[str]:
    """Yield the story of a call, line by line.

    Args:
        record: as `call.json` holds it, or the snapshot of a live call.
        colours: for a terminal.
    """
    record = _cleaned(record)
    pen = _Pen(colours=colours)
    yield from _head(record, pen)
    yield ""
    for line in sorted(_lines(record, pen), key=lambda line: line.at_s):
        text = f"{line.at_s:7.1f} s  {line.who:<7} {line.what}"
        yield text.rstrip()
    yield ""
    yield from _answers(record)
    yield from _troubles(findings_of(record), pen, is_over=bool(record.get("end")))


def document_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `explain --json` tells: the record, and what follows from it."""
    return {
        "record": record,
        "end": None if not record.get("end") else describe_end(record["end"]["reason"]),
        "last_words": last_words(record),
        "slowest": slowest_part(record),
        "slowest_provider": slowest_provider(record),
        "waits": _figures(spreads(waits_of(record))),
        "interruptions": _figures(interruption_spreads(record.get("barge_ins") or ())),
        "findings": [
            {"weight": f.weight, "at_s": f.at_s, "sentence": f.sentence}
            for f in findings_of(record)
        ],
    }


def _figures(spreads: Mapping[str, Spread]) -> dict[str, dict[str, float]]:
    return {
        name: {key: round(value, 4) for key, value in asdict(spread).items()}
        for name, spread in spreads.items()
    }


# -- the head ---------------------------------------------------------------------------------


def _head(record: Mapping[str, Any], pen: _Pen) -> Iterator[str]:
    length_s = record.get("duration_s")
    facts = (
        record.get("direction") or "",
        str(record.get("started_at") or "")[:19].replace("T", " ") + " UTC",
        f"{length_s:.1f} s" if length_s is not None else "",
        f"line {record['line']}" if record.get("line") else "",
    )
    name = record.get("ref") or record.get("call_id") or "?"
    yield pen.bold(f"call {name}") + "   " + ", ".join(filter(None, facts))
    yield f"  from {record.get('from') or '?'} to {record.get('to') or '?'}"
    if served := served_by(record):
        yield f"  {served}"
    yield from _why(record, pen)


def _why(record: Mapping[str, Any], pen: _Pen) -> Iterator[str]:
    end = record.get("end")
    if not end:
        yield "  live" if "leg" in record else "  live, or left by a daemon that has died"
        yield from _source(record)
        return
    reason = f"{describe_end(end['reason'])} [{end['reason']}]"
    outcome = f", outcome {record['outcome']}" if record.get("outcome") else ""
    yield f"  ended: {pen.bold(reason)}{outcome}"
    yield f"  evidence: {end['evidence']}"
    yield from _source(record)


def _source(record: Mapping[str, Any]) -> Iterator[str]:
    if record.get("recovered"):
        yield "  what was said is from the flight recording: its times are about right"


# -- what happened ----------------------------------------------------------------------------


def _lines(record: Mapping[str, Any], pen: _Pen) -> Iterator[_Line]:
    yield _Line(at_s=0.0, who="", what="rings")
    if record.get("answered_after_s") is not None:
        yield _Line(at_s=record["answered_after_s"], who="", what="answered")
    if record.get("answered_by"):
        by = record["answered_by"]
        yield _Line(at_s=record.get("answered_after_s") or 0.0, who="", what=f"by {by['who']}")
    for turn in record.get("turns") or ():
        yield _caller(turn) if turn["who"] == "caller" else _agent(turn, pen)
    for barge_in in record.get("barge_ins") or ():
        yield _Line(at_s=barge_in["voice_at_s"], who="", what=_interruption(barge_in))
    for transfer in record.get("transfers") or ():
        yield _Line(at_s=transfer["at_s"], who="", what=f"transfer to {transfer['to']} begins")
        if transfer.get("ended_s") is not None:
            yield _Line(at_s=transfer["ended_s"], who="", what=f"transfer: {transfer['outcome']}")
    yield from _beside(record)
    if record.get("end") and record.get("duration_s") is not None:
        what = describe_end(record["end"]["reason"])
        yield _Line(at_s=record["duration_s"], who="", what=what)


def _beside(record: Mapping[str, Any]) -> Iterator[_Line]:
    """Yield what happened behind the conversation."""
    for pause in record.get("recording_pauses") or ():
        yield _Line(at_s=pause["from_s"], who="", what="recording pauses")
        if pause.get("to_s") is not None:
            yield _Line(at_s=pause["to_s"], who="", what="recording goes on")
    for tool in record.get("tools") or ():
        failed = "" if tool["ok"] else ", and failed or was cut off"
        what = f"tool {tool['name']} ran for {tool['seconds']:.2f} s{failed}"
        yield _Line(at_s=tool["at_s"], who="", what=what)
    for failure in record.get("provider_failures") or ():
        kind = failure["kind"].replace("_", " ")
        what = f"{failure['role']} {failure['provider']}: {kind}"
        yield _Line(at_s=failure["at_s"], who="", what=what)
    for switch in record.get("provider_switches") or ():
        what = f"{switch['role']}: {switch['to']} stands in for {switch['provider']}"
        yield _Line(at_s=switch["at_s"], who="", what=what)


def _caller(turn: Mapping[str, Any]) -> _Line:
    at_s = turn.get("from_s")
    if turn.get("withheld"):
        what = "(not recorded)"
    elif turn["text"]:
        what = f"{turn['text']}  ({turn['confidence']:.0%} sure)"
    else:
        what = "(not understood)"
    return _Line(at_s=turn["at_s"] if at_s is None else at_s, who="caller", what=what)


def _agent(turn: Mapping[str, Any], pen: _Pen) -> _Line:
    if turn.get("withheld"):
        return _Line(at_s=turn["at_s"], who="agent", what="(not recorded)")
    filler = "  (filler)" if turn.get("filler") else ""
    return _Line(at_s=turn["at_s"], who="agent", what=_heard(turn, pen) + filler + _wait(turn))


def _heard(turn: Mapping[str, Any], pen: _Pen) -> str:
    """Return what was said, with what was not heard in brackets."""
    text = str(turn["text"])
    match turn.get("heard"):
        case "all":
            return text
        case "unknown" | None:
            return f"{text} {pen.dim('[not known whether heard]')}"
        case _:
            words = text.split()
            n = len(turn.get("heard_text", "").split())
            unheard = f"[not heard: {' '.join(words[n:])}]"
            return " ".join([*words[:n], pen.dim(unheard)])


def _wait(turn: Mapping[str, Any]) -> str:
    seconds = turn.get("latency_s")
    if seconds is None:
        return ""
    told = turn.get("latency") or {}
    parts = ", ".join(
        f"{part.replace('_', '-')} {told[f'{part}_s']:.2f}"
        for part in PARTS
        if told.get(f"{part}_s", 0.0) >= LEAST_S
    )
    return f"  (after {seconds:.2f} s{': ' if parts else ''}{parts})"


def _interruption(barge_in: Mapping[str, Any]) -> str:
    after = [
        f"{name} after {barge_in[key]:.2f} s"
        for name, key in (("cleared", "cleared_after_s"), ("silent", "silenced_after_s"))
        if barge_in.get(key) is not None
    ]
    what = "something interrupts" if barge_in.get("false_alarm") else "the caller interrupts"
    nothing = "; it was nothing, and the agent went on" if barge_in.get("false_alarm") else ""
    return f"{what}{': ' if after else ''}{', '.join(after)}{nothing}"


# -- what follows -----------------------------------------------------------------------------


def _answers(record: Mapping[str, Any]) -> Iterator[str]:
    """Yield the answers to what is asked first: the last words, who was slow, the figures."""
    answers = answers_of(record)
    if answers.last_words:
        yield f"last words: {answers.last_words}"
    if answers.slowest:
        yield f"slowest: {answers.slowest}"
    spent = record.get("spent")
    if spent:
        figures = f"{spent['tokens']} tokens, {spent['characters']} characters"
        yield f"spent: {figures}, {spent['minutes']:.1f} minutes"
    yield from wait_table(waits_of(record))
    yield from interruption_table(record.get("barge_ins") or ())


def _troubles(findings: Sequence[Finding], pen: _Pen, *, is_over: bool) -> Iterator[str]:
    if not findings:
        yield "nothing went wrong" if is_over else "nothing has gone wrong so far"
        return
    yield "what went wrong:"
    for finding in findings:
        at = "" if finding.at_s is None else f"at {finding.at_s:.1f} s: "
        sentence = f"{at}{finding.sentence}"
        yield f"  - {pen.red(sentence) if finding.weight == 'failed' else sentence}"


def _cleaned(value: Any) -> Any:
    """Return JSON values whose texts move no terminal's cursor."""
    if isinstance(value, str):
        return "".join(c if c.isprintable() else " " for c in value)
    if isinstance(value, dict):
        return {key: _cleaned(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_cleaned(inner) for inner in value]
    return value
