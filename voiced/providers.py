"""Recognizers, agents and synthesizers by name, through entry points.

Any installed package may offer one: it names its class in the group `voiced.recognizers`,
`voiced.agents` or `voiced.synthesizers`. Only the chosen class is imported. A provider that is not
packaged is named by where it is, `module:Class`.
"""

from __future__ import annotations

import re
from dataclasses import replace
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from voiced.errors import ConfigError, Problem

if TYPE_CHECKING:
    from voiced.config.table import ProviderConfig
    from voiced.config.tables import Config

RECOGNIZERS = "voiced.recognizers"
AGENTS = "voiced.agents"
SYNTHESIZERS = "voiced.synthesizers"

_CLASS_PATH = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")


def load_provider(group: str, name: str) -> type[Any]:
    """Return the provider class called `name` in the entry-point `group`.

    A name with a colon is no entry point but the class itself, `module:Class`, for a provider that
    is not packaged; the module must be on Python's path (PYTHONPATH).

    Raises:
        ConfigError: there is none of this name, several packages offer it, it cannot be imported,
            or what it names is no provider class; the one problem says which and what to do.
    """
    if ":" in name:
        return _import_unpackaged(group, name)
    installed = entry_points(group=group)
    offers = {offer.value: offer for offer in installed if offer.name == name}
    if not offers:
        raise _error(group, name, "is not installed", _instead(name, installed.names))
    if len(offers) > 1:
        raise _error(group, name, f"is offered twice: {', '.join(sorted(offers))}", "remove one")
    return _import(group, name, next(iter(offers.values())))


def check_providers(config: Config) -> None:
    """Let each chosen provider that has a `check(settings)` look at its own files and libraries.

    Raises:
        ConfigError: with the problems of all of them.
    """
    problems: list[Problem] = []
    checked: list[tuple[str, ProviderConfig]] = []
    for line in ("", *config.lines):
        staff = config.staff(line)
        for group, choice in (
            (RECOGNIZERS, staff.recognizer),
            (AGENTS, staff.agent),
            (SYNTHESIZERS, staff.synthesizer),
        ):
            if (group, choice) not in checked:
                checked.append((group, choice))
                problems += _problems_of(group, choice, f"lines.{line}." if line else "")
    if problems:
        raise ConfigError(problems)


def _problems_of(group: str, choice: ProviderConfig, place: str) -> list[Problem]:
    """Return the problems of a choice and of those who stand in for it; `place` it stands in."""
    table = _table(group)
    problems = _own_problems(group, choice, place, "")
    for number, other in enumerate(choice.fallback):
        inside = f"fallback.{number}."
        problems += _own_problems(group, other, place, inside)
        before = choice.fallback[number - 1] if number else choice
        if _takes_audio(group, other) and not _takes_audio(group, before):
            problem = Problem(
                key=f"{place}{table}.{inside}provider",
                value=f'"{other.provider}"',
                reason=f'converses in audio and cannot stand in for "{before.provider}", which '
                "converses in words",
                remedy="put agents in audio before those in words",
            )
            problems.append(problem)
    return problems


def _own_problems(group: str, choice: ProviderConfig, place: str, inside: str) -> list[Problem]:
    """Return what a provider finds; it names its keys as if it stood in the table itself."""
    check = getattr(load_provider(group, choice.provider), "check", None)
    try:
        if check is not None:
            check(choice.settings)
    except ConfigError as error:
        table = f"{_table(group)}."
        return [
            replace(found, key=place + found.key.replace(table, f"{table}{inside}", 1))
            if found.key.startswith(table)
            else replace(found, key=place + found.key)
            for found in error.problems
        ]
    return []


def _takes_audio(group: str, choice: ProviderConfig) -> bool:
    """Whether it is an agent that takes the place of recognizer and synthesizer."""
    return hasattr(load_provider(group, choice.provider), "converse")


def _table(group: str) -> str:
    return group.removeprefix("voiced.").removesuffix("s")


def _import_unpackaged(group: str, name: str) -> type[Any]:
    if not _CLASS_PATH.fullmatch(name):
        raise _error(group, name, "is not written module:Class", "as in my_agents.support:Agent")
    offer = EntryPoint(name=name, value=name, group=group)
    return _import(group, name, offer, mend="correct the module; PYTHONPATH says where it is")


def _import(
    group: str, name: str, offer: EntryPoint, *, mend: str = "install its package anew"
) -> type[Any]:
    try:
        provider = offer.load()
    except ModuleNotFoundError as error:
        reason = f"cannot be imported: there is no module {error.name}"
        remedy = mend if ":" in name else "install what provides it"
        raise _error(group, name, reason, remedy) from error
    except (ImportError, AttributeError, OSError, SyntaxError) as error:
        reason = f"cannot be imported from {offer.value}: {error}"
        raise _error(group, name, reason, mend) from error
    settings = getattr(provider, "Settings", None)
    if not isinstance(provider, type) or not _is_model(settings):
        reason = f"is not a provider: {offer.value} is no class with a Settings model"
        raise _error(group, name, reason)
    return provider


def _is_model(settings: object) -> bool:
    return isinstance(settings, type) and issubclass(settings, BaseModel)


def _instead(name: str, installed: set[str]) -> str:
    if not installed:
        return "no provider is: install voiced itself as a package, `pip install --editable .`"
    near = get_close_matches(name.lower(), installed, n=1)
    choices = f"installed: {', '.join(sorted(installed))}"
    return f"did you mean {near[0]}? {choices}" if near else choices


def _error(group: str, name: str, reason: str, remedy: str = "") -> ConfigError:
    problem = Problem(
        key=f"{_table(group)}.provider", value=f'"{name}"', reason=reason, remedy=remedy
    )
    return ConfigError([problem])
