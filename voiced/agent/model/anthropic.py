"""The agent `anthropic`: Claude, by the Messages API (`voiced.agent.model.anthropic_wire`)."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field, SecretStr

from voiced.agent.model.agent import ModelApi, open_model
from voiced.agent.model.anthropic_wire import VERSION, MessageParser, request_body
from voiced.agent.model.settings import ModelSettings, check_model
from voiced.net.secrets import provider_key
from voiced.net.urls import HttpBase
from voiced.net.wire import INTERNET

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pydantic import BaseModel

    from voiced.agent.base import CallInfo
    from voiced.agent.model.agent import ModelCore
    from voiced.agent.model.dialogue import ModelDialogue
    from voiced.net.wire import Wire

KEY_VARIABLE = "ANTHROPIC_API_KEY"


class AnthropicSettings(ModelSettings):
    """Keys of `[agent]` for `provider = "anthropic"`."""

    base_url: HttpBase = Field(
        default="https://api.anthropic.com", description="of the API, without /v1"
    )
    api_key: SecretStr = Field(
        default=SecretStr(""), description=f'a secret; "": from {KEY_VARIABLE}'
    )
    cache: bool = Field(
        default=True, description="let the provider keep prompt and conversation: cheaper, sooner"
    )


class AnthropicAgent:
    """A dialogue agent that speaks and acts as Claude tells it."""

    Settings: ClassVar[type[BaseModel]] = AnthropicSettings

    def __init__(self, core: ModelCore) -> None:
        self.vocabulary = core.vocabulary
        self._core = core

    @classmethod
    @asynccontextmanager
    async def open(
        cls, settings: AnthropicSettings, wire: Wire = INTERNET
    ) -> AsyncIterator[AnthropicAgent]:
        """Open it; leaving the context closes its connections.

        Raises:
            ConfigError: of prompt, tools or key.
        """
        key = _key(settings)
        api = ModelApi(
            provider="anthropic",
            base_url=settings.base_url,
            path="/v1/messages",
            headers={"x-api-key": key, "anthropic-version": VERSION},
            body=partial(
                request_body,
                model=settings.model,
                max_tokens=settings.max_tokens,
                caches=settings.cache,
                extra=settings.extra,
            ),
            parser=MessageParser,
        )
        async with open_model(api, settings, wire) as core:
            yield cls(core)

    @classmethod
    def check(cls, settings: AnthropicSettings) -> None:
        """Look for key, prompt and tools; raises ConfigError with what is wrong."""
        check_model(settings, partial(_key, settings))

    def begin(self, call: CallInfo) -> ModelDialogue:
        """Return a fresh dialogue for one call."""
        return self._core.begin(call)


def _key(settings: AnthropicSettings) -> str:
    key = provider_key(settings.api_key, variable=KEY_VARIABLE, role="agent")
    return key.get_secret_value()
