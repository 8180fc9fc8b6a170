"""The ways through a dialogue: which state can come after which, and what is known there.

Pure graph work on a dialogue that may still have faults: names of states that do not exist lead
nowhere, broken templates fill nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from voiced.agent.template import TemplateError, certain_slots, parse_template

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from voiced.agent.dialogue import Answer, DialogueFile, Step
    from voiced.agent.template import Node


def parsed(text: str) -> Node | None:
    """Return the parsed template, None for a broken one."""
    try:
        return parse_template(text)
    except TemplateError:
        return None


def certain(answer: Answer) -> frozenset[str]:
    """Return the slots that are filled whenever `answer` was given, be it by its keys."""
    if answer.keys:
        return frozenset()
    nodes = [node for text in answer.hear if (node := parsed(text)) is not None]
    return frozenset.intersection(*map(certain_slots, nodes)) if nodes else frozenset()


def valid_in(dialogue: DialogueFile, name: str) -> list[Answer]:
    """Return the answers valid in a state; none for a state that does not exist."""
    if name not in dialogue.states:
        return []
    state = dialogue.states[name]
    included = [dialogue.states[other] for other in state.include if other in dialogue.states]
    return [a for part in (state, *included) for a in part.answers] + dialogue.everywhere


def steps_in(dialogue: DialogueFile, name: str) -> list[Step]:
    """Return what an answer in the state, spoken or keyed in, can lead to."""
    steps: list[Step] = [*valid_in(dialogue, name)]
    digits = dialogue.states[name].digits if name in dialogue.states else None
    return steps if digits is None else [*steps, digits]


def ways(dialogue: DialogueFile, name: str) -> Iterator[tuple[str, frozenset[str]]]:
    """Yield where the dialogue can go from a state, with the slots that are filled on that way."""
    if name not in dialogue.states:
        return
    for answer in valid_in(dialogue, name):
        yield answer.next or name, certain(answer)
    digits = dialogue.states[name].digits
    if digits is not None:
        yield digits.next or name, frozenset({digits.slot})
    no_match = dialogue.states[name].no_match or dialogue.no_match
    for step in (no_match.then, dialogue.silence.then):
        if step.next:
            yield step.next, frozenset()


def targets(dialogue: DialogueFile, name: str) -> Iterator[str]:
    """Yield the states that can come after a state."""
    return (target for target, _ in ways(dialogue, name))


def closure(start: set[str], onward: Callable[[str], Iterable[str]]) -> set[str]:
    """Return all that can be reached from `start`."""
    reached, fresh = set(start), list(start)
    while fresh:
        for target in onward(fresh.pop()):
            if target and target not in reached:
                reached.add(target)
                fresh.append(target)
    return reached


def known_slots(dialogue: DialogueFile) -> dict[str, frozenset[str]]:
    """Return, for each reachable state, the slots filled on every way into it.

    A data-flow analysis: begin at the start with none, and intersect until nothing changes. Sets
    only shrink, so that ends.
    """
    if dialogue.start not in dialogue.states:
        return {}
    known: dict[str, frozenset[str]] = {dialogue.start: frozenset()}
    fresh = [dialogue.start]
    while fresh:
        name = fresh.pop()
        for target, filled in ways(dialogue, name):
            if target not in dialogue.states:
                continue
            incoming = known[name] | filled
            merged = known.get(target, incoming) & incoming
            if known.get(target) != merged:
                known[target] = merged
                fresh.append(target)
    return known
