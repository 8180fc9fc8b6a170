"""What makes an agent of a language model, whoever provides it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar
from zoneinfo import ZoneInfo

from voiced.agent.asking import Asker, keep_warm
from voiced.agent.context import TokenGauge
from voiced.agent.model.dialogue import Mind, ModelDialogue
from voiced.agent.model.prompt import system_prompt
from voiced.agent.model.settings import check_model, prompt_text
from voiced.agent.tools.chest import open_tools
from voiced.errors import AgentFailed
from voiced.net.helpers import open_helpers
from voiced.net.http import open_provider_http
from voiced.net.peer import Peer
from voiced.net.wire import INTERNET
from voiced.recognizer.base import Vocabulary

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from pydantic import BaseModel

    from voiced.agent.answer_wire import AnswerParser
    from voiced.agent.base import CallInfo
    from voiced.agent.model.settings import ModelSettings
    from voiced.agent.model.wire import Finished, ModelRequest
    from voiced.net.wire import Wire


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelApi:
    """One provider's way to be asked.

    Attributes:
        provider: its name in errors.
        base_url: of the API.
        path: behind it.
        headers: sent with each request, the key among them.
        body: makes the JSON of a request.
        parser: makes the parser of an answer.
    """

    provider: str
    base_url: str
    path: str
    headers: Mapping[str, str]
    body: Callable[[ModelRequest], Mapping[str, Any]]
    parser: Callable[[], AnswerParser[str, Finished]]


class ModelCore:
    """One model with its prompt and its tools; made by `open_model`."""

    def __init__(self, settings: ModelSettings, prompt: str, mind: Mind) -> None:
        self.vocabulary = Vocabulary(settings.vocabulary, settings.vocabulary)
        self._settings = settings
        self._prompt = prompt
        self._mind = mind

    def begin(self, call: CallInfo) -> ModelDialogue:
        """Return a fresh dialogue for one call."""
        settings = self._settings
        now = datetime.now(UTC).astimezone(ZoneInfo(settings.timezone))
        system = system_prompt(
            self._prompt,
            call,
            variables=settings.variables,
            now=f"{now:%A, %d %B %Y, %H:%M} ({settings.timezone})",
            manners=settings.manners,
        )
        return ModelDialogue(self._mind, call, system)


S = TypeVar("S", bound="ModelSettings")


class ModelAgent(Generic[S]):
    """A dialogue agent that speaks and acts as a model tells it, given the model's `api`."""

    Settings: ClassVar[type[BaseModel]]

    def __init__(self, core: ModelCore) -> None:
        self.vocabulary = core.vocabulary
        self._core = core

    @classmethod
    def api(cls, settings: S) -> ModelApi:
        """Return how the model is asked. Raises ConfigError where there is no key."""
        raise NotImplementedError

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: S, wire: Wire = INTERNET) -> AsyncIterator[Self]:
        """Open it; leaving the context closes its connections.

        Raises:
            ConfigError: of prompt, tools or key.
        """
        async with open_model(cls.api(settings), settings, wire) as core:
            yield cls(core)

    @classmethod
    def check(cls, settings: S) -> None:
        """Look for key, prompt and tools; raises ConfigError with what is wrong."""
        check_model(settings, partial(cls.api, settings))

    def begin(self, call: CallInfo) -> ModelDialogue:
        """Return a fresh dialogue for one call."""
        return self._core.begin(call)


@asynccontextmanager
async def open_model(
    api: ModelApi, settings: ModelSettings, wire: Wire = INTERNET
) -> AsyncIterator[ModelCore]:
    """Open a model; leaving the context closes its connections and its tools.

    Raises:
        ConfigError: of the prompt's file and of the tools.
    """
    prompt = prompt_text(settings)
    peer = Peer(api.provider, AgentFailed)
    async with (
        open_tools(settings, wire) as tools,
        open_provider_http(
            api.base_url, peer=peer, headers=api.headers, stall_s=settings.stall_s, wire=wire
        ) as http,
        open_helpers() as helpers,
    ):
        if settings.keep_warm:
            helpers.start_soon(keep_warm, http, name=f"warm {api.provider}")
        asker = Asker(
            http,
            api.path,
            api.parser,
            peer,
            first_s=settings.first_token_s,
            retries=settings.retries,
        )
        mind = Mind(
            asker=asker,
            body=api.body,
            gauge=TokenGauge(),
            tools=tools,
            greeting=settings.greeting,
            at_a_loss=settings.at_a_loss,
            context_tokens=settings.context_tokens,
            max_steps=settings.max_steps,
        )
        yield ModelCore(settings, prompt, mind)
