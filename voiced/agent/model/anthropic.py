"""The agent `anthropic`: Claude, by the Messages API (`voiced.agent.model.anthropic_wire`)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field, SecretStr

from voiced.agent.model.agent import ModelAgent, ModelApi
from voiced.agent.model.anthropic_wire import VERSION, MessageParser, request_body
from voiced.agent.model.settings import ModelSettings
from voiced.net.secrets import provider_key
from voiced.net.urls import HttpBase

if TYPE_CHECKING:
    from pydantic import BaseModel

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


class AnthropicAgent(ModelAgent[AnthropicSettings]):
    """A dialogue agent that speaks and acts as Claude tells it."""

    Settings: ClassVar[type[BaseModel]] = AnthropicSettings

    @classmethod
    def api(cls, settings: AnthropicSettings) -> ModelApi:
        """Return how it is asked. Raises ConfigError where there is no key."""
        key = _key(settings)
        return ModelApi(
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


def _key(settings: AnthropicSettings) -> str:
    key = provider_key(settings.api_key, variable=KEY_VARIABLE, role="agent")
    return key.get_secret_value()
