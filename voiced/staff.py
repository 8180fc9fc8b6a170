"""Opens the providers of all lines; those that are chosen alike are one and the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from voiced.agent.base import AudioAgent
from voiced.providers import AGENTS, RECOGNIZERS, SYNTHESIZERS, load_provider
from voiced.services import Staff

if TYPE_CHECKING:
    from contextlib import AsyncExitStack

    from voiced.config import Config, ProviderConfig


async def open_staff(config: Config, stack: AsyncExitStack) -> dict[str, Staff]:
    """Return who serves each line, by its name; `stack` closes the providers.

    Raises:
        StartupError: a provider cannot be opened.
    """
    opened: list[tuple[str, ProviderConfig, Any]] = []

    async def open_once(group: str, choice: ProviderConfig) -> Any:
        for known_group, known, provider in opened:
            if (known_group, known) == (group, choice):
                return provider
        provider_class = load_provider(group, choice.provider)
        provider = await stack.enter_async_context(provider_class.open(choice.settings))
        opened.append((group, choice, provider))
        return provider

    staff = {}
    for line in ("", *config.lines):
        chosen = config.staff(line)
        agent = await open_once(AGENTS, chosen.agent)
        if isinstance(agent, AudioAgent):
            staff[line] = Staff(agent=agent)
        else:
            staff[line] = Staff(
                agent=agent,
                recognizer=await open_once(RECOGNIZERS, chosen.recognizer),
                synthesizer=await open_once(SYNTHESIZERS, chosen.synthesizer),
            )
    return staff
