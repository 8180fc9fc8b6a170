"""The agent `openai`: any server that speaks OpenAI's chat completions, by its `base_url`.

OpenAI itself, Groq, Together, Ollama, vLLM, llama.cpp and others; the wire is in
`voiced.agent.model.openai_wire`.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field, SecretStr

from voiced.agent.model.agent import ModelAgent, ModelApi
from voiced.agent.model.openai_wire import ChatParser, request_body
from voiced.agent.model.settings import ModelSettings
from voiced.net.secrets import provider_key
from voiced.net.urls import HttpBase

if TYPE_CHECKING:
    from pydantic import BaseModel


OPENAI = "https://api.openai.com/v1"
KEY_VARIABLE = "OPENAI_API_KEY"


class OpenAiSettings(ModelSettings):
    """Keys of `[agent]` for `provider = "openai"`."""

    base_url: HttpBase = Field(default=OPENAI, description="of the API, with its version")
    api_key: SecretStr = Field(default=SecretStr(""), description='a secret; "": from api_key_from')
    api_key_from: str = Field(
        default="",
        description="environment variable or credential that holds the key; "
        '"": OPENAI_API_KEY for OpenAI itself, no key for other servers',
    )
    count_tokens: bool = Field(
        default=True, description="ask for the usage (stream_options); off for servers without"
    )


class OpenAiAgent(ModelAgent[OpenAiSettings]):
    """A dialogue agent that speaks and acts as a chat model tells it."""

    Settings: ClassVar[type[BaseModel]] = OpenAiSettings

    @classmethod
    def api(cls, settings: OpenAiSettings) -> ModelApi:
        """Return how it is asked. Raises ConfigError where there is no key."""
        key = api_key_of(settings)
        return ModelApi(
            provider="openai",
            base_url=settings.base_url,
            path="/chat/completions",
            headers={"authorization": f"Bearer {key}"} if key else {},
            body=partial(
                request_body,
                model=settings.model,
                counts_tokens=settings.count_tokens,
                extra=_limit(settings) | settings.extra,
            ),
            parser=ChatParser,
        )


def api_key_of(settings: OpenAiSettings) -> str:
    """Return the key, "" for none. OpenAI's own never goes to anybody else unasked."""
    variable = settings.api_key_from or (KEY_VARIABLE if settings.base_url == OPENAI else "")
    if not variable and not settings.api_key.get_secret_value():
        return ""
    key = provider_key(settings.api_key, variable=variable or KEY_VARIABLE, role="agent")
    return key.get_secret_value()


def _limit(settings: OpenAiSettings) -> dict[str, Any]:
    """Return the limit of an answer: OpenAI has renamed it, the others know its old name."""
    name = "max_completion_tokens" if settings.base_url == OPENAI else "max_tokens"
    return {name: settings.max_tokens}
