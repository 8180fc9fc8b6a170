"""The keys of `[agent]` that all language models share."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, model_validator

from voiced.agent.tools.chest import check_tools
from voiced.agent.tools.schema import NO_JSON
from voiced.agent.tools.settings import ToolSettings
from voiced.errors import ConfigError, Problem
from voiced.net.json import is_json

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

PROMPT_MAX_BYTES = 256 * 1024


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError('is no time zone; write one as "America/Chicago" or "UTC"') from None
    return value


def _json(value: dict[str, Any]) -> dict[str, Any]:
    if not is_json(value):
        raise ValueError(NO_JSON)
    return value


class PromptSettings(ToolSettings):
    """What a model is told of its task, whether it talks in words or in audio."""

    prompt: str = Field(
        default="You are the friendly receptionist of a small company.",
        max_length=PROMPT_MAX_BYTES,
        description="system prompt; {caller}, {called}, {now} and {variables} are filled in",
    )
    prompt_file: str = Field(default="", description="file with the system prompt, instead")
    variables: dict[str, str] = Field(
        default_factory=dict, description="defaults of a call's own variables"
    )
    manners: bool = Field(
        default=True, description="append how a telephone call works to the prompt"
    )
    timezone: Annotated[str, AfterValidator(_zone)] = Field(default="UTC", description="of {now}")
    greeting: str = Field(
        default="", max_length=1000, description='said first as it is; "": the model greets'
    )

    @model_validator(mode="after")
    def _check_prompt(self) -> Self:
        if self.prompt_file and "prompt" in self.model_fields_set:
            raise ValueError("prompt and prompt_file are both given: remove one")
        return self


class ModelSettings(PromptSettings):
    """Beside these each provider has keys of its own."""

    model: str = Field(min_length=1, description="the provider's name of the model")
    at_a_loss: str = Field(
        default="I am sorry, could you say that again?",
        min_length=1,
        max_length=200,
        description="said where the model has no words",
    )
    vocabulary: tuple[str, ...] = Field(
        default=(), description="words and phrases that the recognizer shall know"
    )
    context_tokens: int = Field(
        default=16_000, ge=500, le=2_000_000, description="of prompt, tools and conversation"
    )
    max_tokens: int = Field(default=1024, ge=16, le=100_000, description="of one answer")
    max_steps: int = Field(
        default=6, ge=1, le=50, description="requests to the model in one answer, tools between"
    )
    first_token_s: float = Field(
        default=4.0, gt=0, le=60, description="from a request to the first words"
    )
    stall_s: float = Field(default=8.0, gt=0, le=60, description="between two pieces of an answer")
    retries: int = Field(
        default=1, ge=0, le=5, description="further tries, while no word of the answer has come"
    )
    keep_warm: bool = Field(default=True, description="keep a connection open between calls")
    extra: Annotated[dict[str, Any], AfterValidator(_json)] = Field(
        default_factory=dict, description="more fields of the request, as the provider has them"
    )


def check_model(settings: PromptSettings, key: Callable[[], object]) -> None:
    """Look at all that the settings name: the key, by `key`, the prompt, the tools.

    Raises:
        ConfigError: with all that is wrong with them.
    """
    problems: list[Problem] = []
    looks = (key, partial(prompt_text, settings), partial(check_tools, settings, os.environ))
    for look in looks:
        try:
            look()
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(problems)


def prompt_text(settings: PromptSettings) -> str:
    """Return the operator's prompt.

    Raises:
        ConfigError: the file cannot be read.
    """
    if not settings.prompt_file:
        return settings.prompt
    path = Path(settings.prompt_file).expanduser()
    try:
        with path.open("rb") as file:
            raw = file.read(PROMPT_MAX_BYTES + 1)
        if len(raw) > PROMPT_MAX_BYTES:
            raise ValueError("is larger than any prompt")  # noqa: TRY301 - one place for all faults
        return raw.decode("utf-8-sig")
    except OSError as error:
        reason = f"cannot be read: {(error.strerror or type(error).__name__).lower()}"
    except UnicodeDecodeError:
        reason = "is not UTF-8 text"
    except ValueError as error:
        reason = str(error)
    problem = Problem(key="agent.prompt_file", value=f'"{settings.prompt_file}"', reason=reason)
    raise ConfigError([problem])
