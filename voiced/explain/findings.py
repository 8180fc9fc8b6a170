"""What went wrong in a call, or nearly: one sentence each, worst first. Pure.

Each sentence says what the caller noticed of it, and names the figure that proves it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from voiced.record.end_words import describe_end, is_failure
from voiced.record.latency import PARTS
from voiced.record.served_by import provider_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SLOW_ANSWER_S = 2.0
"""Callers begin to say "hello?" after about two seconds."""

SLOW_SILENCE_S = 0.3
"""From the caller's first voice to silence: what `voiced` promises."""

SLOW_TEARDOWN_S = 0.1

LOST_SHARE = 0.01
"""Of the caller's audio; what is lost beyond costs words."""

Weight: TypeAlias = Literal["failed", "bad", "note"]
"""The call failed by it; the caller noticed it; worth knowing."""

_ORDER: dict[Weight, int] = {"failed": 0, "bad": 1, "note": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that went wrong, `at_s` seconds into the call where it has a time."""

    weight: Weight
    sentence: str
    at_s: float | None = None


def findings_of(record: Mapping[str, Any]) -> list[Finding]:
    """Return what went wrong in a call; [] if all was well."""
    found = [
        *_ends_badly(record),
        *_providers(record),
        *_tools(record),
        *_slow_answers(record),
        *_interruptions(record),
        *_words(record),
        *_sound(record),
        *_kept(record),
    ]
    return sorted(found, key=lambda finding: _ORDER[finding.weight])


def _ends_badly(record: Mapping[str, Any]) -> Iterator[Finding]:
    end = record.get("end")
    if end and is_failure(end["reason"]):
        sentence = f"the call failed: {describe_end(end['reason'])} ({end['evidence']})"
        yield Finding(weight="failed", sentence=sentence, at_s=record.get("duration_s"))
    if end and record.get("hangup_confirmed") is False:
        sentence = "the hangup was not confirmed: the leg may have stayed up and billed"
        yield Finding(weight="failed", sentence=sentence)
    teardown_s = record.get("teardown_s")
    if teardown_s is not None and teardown_s > SLOW_TEARDOWN_S:
        sentence = f"the call's tasks took {teardown_s:.2f} s to end"
        yield Finding(weight="note", sentence=sentence)
    for transfer in record.get("transfers") or ():
        if transfer["outcome"] not in ("bridged", "unknown"):
            sentence = f"the transfer came to nothing: {transfer['outcome']}"
            yield Finding(weight="bad", sentence=sentence, at_s=transfer["at_s"])


def _providers(record: Mapping[str, Any]) -> Iterator[Finding]:
    for failure in record.get("provider_failures") or ():
        kind = failure["kind"].replace("_", " ")
        sentence = f"the {failure['role']} {failure['provider']}: {kind}"
        yield Finding(weight="bad", sentence=sentence, at_s=failure["at_s"])
    for switch in record.get("provider_switches") or ():
        sentence = f"{switch['to']} stood in as {switch['role']} for {switch['provider']}"
        yield Finding(weight="note", sentence=sentence, at_s=switch["at_s"])


def _tools(record: Mapping[str, Any]) -> Iterator[Finding]:
    for tool in record.get("tools") or ():
        if not tool["ok"]:
            sentence = (
                f"the tool {tool['name']} failed, or was cut off, after {tool['seconds']:.2f} s"
            )
            yield Finding(weight="bad", sentence=sentence, at_s=tool["at_s"])


def _slow_answers(record: Mapping[str, Any]) -> Iterator[Finding]:
    for turn in record.get("turns") or ():
        seconds, parts = turn.get("latency_s"), turn.get("latency") or {}
        if seconds is None or seconds < SLOW_ANSWER_S:
            continue
        sentence = f"the caller waited {seconds:.2f} s for an answer"
        if parts:
            slowest = max(PARTS, key=lambda part: float(parts.get(f"{part}_s", 0.0)))
            name = slowest.replace("_", "-")
            longest_s, at_s = parts[f"{slowest}_s"], turn["at_s"]
            provider = _provider(record, slowest, at_s)
            sentence += f", {longest_s:.2f} s of it for {name}{provider}"
        yield Finding(weight="bad", sentence=sentence, at_s=turn["at_s"])


def _provider(record: Mapping[str, Any], part: str, at_s: float) -> str:
    """Return the name of the provider that a part of a wait is due to, in brackets."""
    name = provider_of(record, part, at_s)
    return f" ({name})" if name else ""


def _interruptions(record: Mapping[str, Any]) -> Iterator[Finding]:
    for barge_in in record.get("barge_ins") or ():
        silenced_s = barge_in.get("silenced_after_s")
        if silenced_s is not None and silenced_s > SLOW_SILENCE_S:
            sentence = f"the agent spoke on for {silenced_s:.2f} s over the caller"
            yield Finding(weight="bad", sentence=sentence, at_s=barge_in["voice_at_s"])
    false = sum(bool(b.get("false_alarm")) for b in record.get("barge_ins") or ())
    if false:
        sentence = f"the agent fell silent {_times(false)} for what was no interruption"
        yield Finding(weight="note", sentence=sentence)


def _words(record: Mapping[str, Any]) -> Iterator[Finding]:
    turns = record.get("turns") or ()
    said = [t for t in turns if t["who"] == "caller" and not t.get("withheld")]
    lost = [t for t in said if not t["text"]]
    if lost:
        sentence = f"{len(lost)} of {len(said)} turns of the caller were not understood"
        yield Finding(weight="bad", sentence=sentence, at_s=lost[0]["at_s"])
    unknown = sum(t["who"] == "agent" and t.get("heard") == "unknown" for t in turns)
    if unknown and record.get("state") == "ended":
        sentence = f"of {unknown} passages it is not known whether the caller heard them"
        yield Finding(weight="note", sentence=sentence)


def _sound(record: Mapping[str, Any]) -> Iterator[Finding]:
    counters = record.get("counters") or {}
    outbound, inbound = counters.get("outbound") or {}, counters.get("inbound") or {}
    if outbound.get("underruns"):
        holes = f"{outbound['underruns']} hole{'' if outbound['underruns'] == 1 else 's'}"
        sentence = (
            f"the caller heard {holes} in the agent's voice, {outbound['gap_s']:.2f} s in all"
        )
        yield Finding(weight="bad", sentence=sentence)
    lost, received = inbound.get("lost", 0), inbound.get("received", 0)
    if lost and lost >= LOST_SHARE * (lost + received):
        sentence = f"{lost / (lost + received):.1%} of the caller's audio was lost on the way to us"
        yield Finding(weight="bad", sentence=sentence)
    if counters.get("stream_restarts"):
        sentence = (
            f"the connection for audio was lost and made anew {_times(counters['stream_restarts'])}"
        )
        yield Finding(weight="bad", sentence=sentence)
    for code, n in (counters.get("stream_errors") or {}).items():
        sentence = f"Telnyx could not use {n} of our media messages (error {code})"
        yield Finding(weight="bad", sentence=sentence)


def _kept(record: Mapping[str, Any]) -> Iterator[Finding]:
    audio, wire = record.get("audio") or {}, record.get("wire") or {}
    if audio.get("dropped_s"):
        sentence = f"{audio['dropped_s']:.1f} s are missing in the recording: the disk was too slow"
        yield Finding(weight="note", sentence=sentence)
    if wire.get("error"):
        sentence = f"the flight recording was broken off: {wire['error']}"
        yield Finding(weight="note", sentence=sentence)


def _times(n: int) -> str:
    return "once" if n == 1 else f"{n} times"
