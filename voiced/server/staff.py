"""Opens the providers of all lines; those that are chosen alike are one and the same.

A choice with a fallback list is served by all of its members through one of the wrappers of
`voiced.resilience`; one without is served by its provider itself. Before each synthesizer stand the
phrases that are kept of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
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
from voiced.server.known_phrases import known_phrases, texts_of_config
from voiced.services.services import Staff
from voiced.synthesizer.kept_phrases import PhraseKeepingSynthesizer, open_phrase_keeper
from voiced.synthesizer.phrase_disk import PhraseDisk

if TYPE_CHECKING:
    from contextlib import AsyncExitStack

    from voiced.config import Config, ProviderConfig
    from voiced.config.turns import FailoverConfig, SpeechConfig
    from voiced.synthesizer.kept_phrases import PhraseKeeper


async def open_staff(config: Config, stack: AsyncExitStack) -> dict[str, Staff]:
    """Return who serves each line, by its name; `stack` closes the providers.

    Raises:
        StartupError: a provider cannot be opened.
    """
    keeper = await stack.enter_async_context(open_phrase_keeper(_disk(config.speech)))
    opened = _Opened(config.failover, stack, keeper)
    staff = {}
    for line in ("", *config.lines):
        chosen = config.staff(line)
        agent = await opened.choice(AGENTS, chosen.agent)
        texts = [*texts_of_config(config, chosen.agent), *getattr(agent, "phrases", ())]
        keeper.known |= known_phrases(config, texts)
        agent, stand_in = (
            (agent.audio, agent.words) if isinstance(agent, _BothKinds) else (agent, None)
        )
        if isinstance(agent, AudioAgent) and stand_in is None:
            staff[line] = Staff(agent=agent)
        else:
            staff[line] = Staff(
                agent=agent,
                stand_in=stand_in,
                recognizer=await opened.choice(RECOGNIZERS, chosen.recognizer),
                synthesizer=await opened.choice(SYNTHESIZERS, chosen.synthesizer),
            )
    return staff


@dataclass(frozen=True, slots=True, kw_only=True)
class _BothKinds:
    """A list of agents that begins with some in audio and ends with some in words."""

    audio: AudioAgentList
    words: AgentList


class _Opened:
    """What is open so far: each provider once, each list once, one circuit for each provider."""

    def __init__(
        self, failover: FailoverConfig, stack: AsyncExitStack, keeper: PhraseKeeper
    ) -> None:
        self._failover = failover
        self._keeper = keeper
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
        if group == SYNTHESIZERS and not getattr(provider, "keeps_phrases", False):
            settings = choice.settings.model_dump(mode="json")  # which masks secrets
            provider = PhraseKeepingSynthesizer(provider, self._keeper, choice.provider, settings)
        self._providers.append((*wanted, provider))
        return provider


def _disk(speech: SpeechConfig) -> PhraseDisk | None:
    if not speech.phrase_cache:
        return None
    return PhraseDisk(Path(speech.phrase_cache).expanduser(), speech.phrase_cache_bytes)


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
    return _agents_of(members, apology)


def _agents_of(
    members: tuple[Member[Any], ...], apology: str
) -> AudioAgentList | AgentList | _BothKinds:
    audio = tuple(member for member in members if isinstance(member.provider, AudioAgent))
    words = members[len(audio) :]
    if members[: len(audio)] != audio:
        names = ", ".join(member.name for member in members)
        raise StartupError(f"agents in audio come before those in words in a list: {names}")
    if not words:
        return AudioAgentList(audio, apology)
    if not audio:
        return AgentList(words, apology)
    return _BothKinds(
        audio=AudioAgentList(audio, apology, stand_in=words[0].name),
        words=AgentList(words, apology),
    )
