"""From a call's record to its drawing. Pure.

Takes the records of older versions and of live calls, too: what a record does not tell is left out,
or taken from what is known beside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from voiced.picture.drawing import Band, Drawing, Marker, MarkerKind, Passage, Wait
from voiced.record.end_words import describe_end
from voiced.record.heard import LETTERS_PER_S
from voiced.record.latency import PARTS
from voiced.record.percentiles import spread_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from voiced.picture.peaks import CallSound
    from voiced.record.heard import Heard

WITHHELD = "(not recorded)"


def drawing_of(record: Mapping[str, Any], sound: CallSound | None = None) -> Drawing:
    """Return the drawing of a call.

    Args:
        record: as `call.json` holds it, or the snapshot of a live call.
        sound: what both sides sounded like, if that was kept.
    """
    turns = _turns(record)
    length_s = record.get("duration_s") or max((_last_s(turn) for turn in turns), default=0.0)
    waits = [wait for turn in turns if (wait := _wait(turn))]
    passages = list(_passages(turns, waits, length_s))
    markers = list(_markers(record, length_s))
    facts = _facts(record, length_s, waits)
    return Drawing(
        title=f"Call {record.get('from') or '?'} → {record.get('to') or '?'}",
        subtitle=" · ".join(facts),
        summary=_summary(facts, passages, markers),
        length_s=length_s,
        sound=sound,
        passages=passages,
        waits=waits,
        markers=markers,
        bands=list(_bands(record, length_s)),
    )


def _turns(record: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return list(record.get("turns") or ())


def _last_s(turn: Mapping[str, Any]) -> float:
    return max(float(turn["at_s"]), float(turn.get("until_s") or 0.0))


def _wait(turn: Mapping[str, Any]) -> Wait | None:
    """Return the wait before a turn of the agent; None if he answered nothing."""
    seconds = turn.get("latency_s")
    if seconds is None:
        return None
    told = turn.get("latency") or {}
    parts = tuple((part, told[f"{part}_s"]) for part in PARTS if f"{part}_s" in told)
    end_s = turn["at_s"] + told.get("lead_in_s", 0.0)
    return Wait(start_s=end_s - seconds, end_s=end_s, parts=parts)


def _passages(
    turns: Sequence[Mapping[str, Any]], waits: Sequence[Wait], length_s: float
) -> Iterator[Passage]:
    agent_starts = [turn["at_s"] for turn in turns if turn["who"] == "agent"]
    for turn in turns:
        if turn["who"] == "caller":
            yield _caller_passage(turn, waits)
        else:
            yield _agent_passage(turn, agent_starts, length_s)


def _caller_passage(turn: Mapping[str, Any], waits: Sequence[Wait]) -> Passage:
    """Return what the caller said: his wait for the answer begins where he ended."""
    at_s, text = turn["at_s"], turn["text"]
    start_s = turn.get("from_s")
    if start_s is None:
        start_s = max(0.0, at_s - max(0.5, len(text) / LETTERS_PER_S))
    ends = (wait.start_s for wait in waits if start_s < wait.start_s <= at_s)
    shown = WITHHELD if turn.get("withheld") else text or "(not understood)"
    return Passage(side="caller", start_s=start_s, end_s=max(ends, default=at_s), text=shown)


def _agent_passage(
    turn: Mapping[str, Any], agent_starts: Sequence[float], length_s: float
) -> Passage:
    at_s, text = turn["at_s"], turn["text"]
    heard: Heard = turn.get("heard", "unknown")
    heard_text = turn.get("heard_text", "")
    said = heard_text if heard in ("part", "none") else text
    until_s = turn.get("until_s")
    if until_s is None:
        next_s = min((start for start in agent_starts if start > at_s), default=length_s)
        until_s = min(at_s + len(said) / LETTERS_PER_S, max(next_s, at_s))
    unheard = len(text) - len(said)
    return Passage(
        side="agent",
        start_s=at_s,
        end_s=max(at_s, until_s),
        text=WITHHELD if turn.get("withheld") else text,
        heard=None if turn.get("withheld") else heard,
        heard_text=heard_text,
        unheard_s=unheard / LETTERS_PER_S,
    )


def _markers(record: Mapping[str, Any], length_s: float) -> Iterator[Marker]:
    if record.get("answered_after_s") is not None:
        yield Marker(at_s=record["answered_after_s"], label="answered", kind="answer")
    for barge_in in record.get("barge_ins") or ():
        yield from _barge_in(barge_in)
    for transfer in record.get("transfers") or ():
        yield Marker(at_s=transfer["at_s"], label="transfer", kind="transfer")
        if transfer.get("ended_s") is not None:
            yield Marker(at_s=transfer["ended_s"], label=transfer["outcome"], kind="transfer")
    for failure in record.get("provider_failures") or ():
        kind = failure["kind"].replace("_", " ")
        yield Marker(at_s=failure["at_s"], label=f"{failure['provider']} {kind}", kind="trouble")
    for switch in record.get("provider_switches") or ():
        yield Marker(at_s=switch["at_s"], label=f"{switch['role']}: {switch['to']}", kind="trouble")
    end = record.get("end")
    if end:
        yield Marker(at_s=length_s, label=describe_end(end["reason"]), kind="hangup")


def _barge_in(barge_in: Mapping[str, Any]) -> Iterator[Marker]:
    voice_at_s = barge_in["voice_at_s"]
    kind: MarkerKind = "false-alarm" if barge_in.get("false_alarm") else "barge-in"
    label = "false alarm" if kind == "false-alarm" else "barge-in"
    yield Marker(at_s=voice_at_s, label=label, kind=kind)
    if barge_in.get("cleared_after_s") is not None:
        yield Marker(at_s=voice_at_s + barge_in["cleared_after_s"], label="clear", kind="clear")
    if barge_in.get("silenced_after_s") is not None:
        at_s = voice_at_s + barge_in["silenced_after_s"]
        yield Marker(at_s=at_s, label="silent", kind="silence")


def _bands(record: Mapping[str, Any], length_s: float) -> Iterator[Band]:
    for pause in record.get("recording_pauses") or ():
        end_s = length_s if pause.get("to_s") is None else pause["to_s"]
        yield Band(start_s=pause["from_s"], end_s=end_s, label="not recorded")


def _facts(record: Mapping[str, Any], length_s: float, waits: Sequence[Wait]) -> list[str]:
    facts = [str(record.get("started_at") or "")[:19].replace("T", " "), f"{length_s:.1f} s"]
    spread = spread_of(wait.seconds for wait in waits)
    if spread is not None:
        answers = f"{spread.n} answer{'' if spread.n == 1 else 's'}"
        facts.append(f"{answers} after {spread.p50:.2f} s (median), {spread.most:.2f} s (longest)")
    end = record.get("end")
    facts.append(describe_end(end["reason"]) if end else "live")
    return [fact for fact in facts if fact]


def _summary(facts: Sequence[str], passages: Sequence[Passage], markers: Sequence[Marker]) -> str:
    """Return the picture in words: the conversation, and what happened beside it."""
    said = (
        f"{passage.start_s:.1f} s, {passage.side}: {passage.text}{_reservation(passage)}"
        for passage in passages
    )
    happened = (f"{marker.at_s:.1f} s: {marker.label}" for marker in markers)
    return ". ".join([", ".join(facts), *said, *happened]) + "."


def _reservation(passage: Passage) -> str:
    match passage.heard:
        case None | "all":
            return ""
        case "part":
            return f" (the caller heard only: {passage.heard_text})"
        case "none":
            return " (never heard by the caller)"
        case "unknown":
            return " (not known whether the caller heard it)"
