"""Opens the providers of all lines; those that are chosen alike are one and the same.

A choice with a fallback list is served by all of its members through one of the wrappers of
`voiced.resilience`; one without is served by its provider itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from voiced.agent.base import AudioAgent
from voiced.errors import StartupError
from voiced.providers import AGENTS, RECOGNIZERS, SYNTHESIZERS, load_provider
from voiced.resilience.agent import AgentList
from voiced.resilience.audio_agent import AudioAgentList
from voiced.resilience.breaker import Breaker, BreakerRules
from voiced.resilience.recognizer import RecognizerList
from voiced.resilience.roster import Member
from voiced.resilience.synthesizer import SynthesizerList
from voiced.services import Staff

if TYPE_CHECKING:
    from contextlib import AsyncExitStack

    from voiced.config import Config, ProviderConfig
    from voiced.config.turns import FailoverConfig


async def open_staff(config: Config, stack: AsyncExitStack) -> dict[str, Staff]:
    """Return who serves each line, by its name; `stack` closes the providers.

    Raises:
        StartupError: a provider cannot be opened.
    """
    opened = _Opened(config.failover, stack)
    staff = {}
    for line in ("", *config.lines):
        chosen = config.staff(line)
        agent = await opened.choice(AGENTS, chosen.agent)
        if isinstance(agent, AudioAgent):
            staff[line] = Staff(agent=agent)
        else:
            staff[line] = Staff(
                agent=agent,
                recognizer=await opened.choice(RECOGNIZERS, chosen.recognizer),
                synthesizer=await opened.choice(SYNTHESIZERS, chosen.synthesizer),
            )
    return staff


class _Opened:
    """What is open so far: each provider once, each list once, one circuit for each provider."""

    def __init__(self, failover: FailoverConfig, stack: AsyncExitStack) -> None:
        self._failover = failover
        self._stack = stack
        self._providers: list[tuple[str, str, Any, Any]] = []
        self._members: list[tuple[str, ProviderConfig, Member[Any]]] = []
        self._lists: list[tuple[str, ProviderConfig, Any]] = []

    async def choice(self, group: str, choice: ProviderConfig) -> Any:
        """Return who serves a choice: its provider, or the list that it begins."""
        if not choice.fallback:
            return await self._provider(group, choice)
        for known_group, known, wrapper in self._lists:
            if (known_group, known) == (group, choice):
                return wrapper
        first = choice.model_copy(update={"fallback": ()})
        members = [await self._member(group, one) for one in (first, *choice.fallback)]
        wrapper = _list_of(group, tuple(members), self._failover.apology)
        self._lists.append((group, choice, wrapper))
        return wrapper

    async def _member(self, group: str, choice: ProviderConfig) -> Member[Any]:
        for known_group, known, member in self._members:
            if (known_group, known) == (group, choice):
                return member
        rules = BreakerRules(failures=self._failover.failures, retry_s=self._failover.retry_s)
        names = [one.name.split(" ")[0] for g, _, one in self._members if g == group]
        n_alike = names.count(choice.provider)
        member = Member(
            name=f"{choice.provider} {n_alike + 1}" if n_alike else choice.provider,
            provider=await self._provider(group, choice),
            breaker=Breaker(rules),
            patience_s=choice.patience_s or _patience_s(group, self._failover),
        )
        self._members.append((group, choice, member))
        return member

    async def _provider(self, group: str, choice: ProviderConfig) -> Any:
        wanted = (group, choice.provider, choice.settings)
        for known_group, name, settings, provider in self._providers:
            if (known_group, name, settings) == wanted:
                return provider
        provider_class = load_provider(group, choice.provider)
        provider = await self._stack.enter_async_context(provider_class.open(choice.settings))
        self._providers.append((*wanted, provider))
        return provider


def _patience_s(group: str, failover: FailoverConfig) -> float:
    limits_s = {
        RECOGNIZERS: failover.final_s,
        AGENTS: failover.first_words_s,
        SYNTHESIZERS: failover.first_audio_s,
    }
    return limits_s[group]


def _list_of(group: str, members: tuple[Member[Any], ...], apology: str) -> Any:
    if group == RECOGNIZERS:
        return RecognizerList(members)
    if group == SYNTHESIZERS:
        return SynthesizerList(members)
    kinds = {isinstance(member.provider, AudioAgent) for member in members}
    if len(kinds) > 1:
        names = ", ".join(member.name for member in members)
        raise StartupError(f"agents in words and in audio cannot be one list: {names}")
    return AudioAgentList(members, apology) if kinds == {True} else AgentList(members, apology)
