"""The keys of model agents, and what is wrong with them."""

from dataclasses import replace
from datetime import date

import pytest

from voiced.agent.base import CallInfo
from voiced.agent.model.anthropic import AnthropicAgent, AnthropicSettings
from voiced.agent.model.openai import OpenAiSettings, api_key_of
from voiced.agent.model.prompt import fill
from voiced.agent.model.settings import prompt_text
from voiced.errors import ConfigError

CALL = CallInfo(call_id="v3:1", caller="+15550001", called="+15550002")


def test_a_models_check_names_all_that_is_missing(monkeypatch, tmp_path):
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    given = AnthropicSettings(model="m", prompt_file=str(tmp_path / "none.md"), tools=("dance",))
    with pytest.raises(ConfigError) as caught:
        AnthropicAgent.check(given)
    keys = [problem.key for problem in caught.value.problems]
    assert keys == ["agent.api_key", "agent.prompt_file", "agent.tools"]


def test_openais_key_goes_to_nobody_else(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    monkeypatch.setenv("GROQ_API_KEY", "other")
    assert api_key_of(OpenAiSettings(model="m")) == "secret"
    other = "https://api.groq.com/openai/v1"
    assert api_key_of(OpenAiSettings(model="m", base_url=other)) == ""
    assert api_key_of(OpenAiSettings(model="m", base_url=other, api_key_from="GROQ_API_KEY")) == (
        "other"
    )


@pytest.mark.parametrize("value", [date(2026, 1, 1), float("inf")])
def test_further_fields_of_a_request_have_to_be_json(value):
    with pytest.raises(ValueError, match="must be JSON: write dates and times in quotes"):
        OpenAiSettings(model="m", extra={"metadata": {"since": value}})


def test_prompt_and_file_are_not_both_given():
    with pytest.raises(ValueError, match="prompt and prompt_file are both given"):
        OpenAiSettings(model="m", prompt="x", prompt_file="y")


@pytest.mark.parametrize(
    ("content", "reason"), [(b"\xff", "is not UTF-8 text"), (b"x" * 300_000, "is larger than")]
)
def test_a_prompts_file_has_to_be_a_text(tmp_path, content, reason):
    path = tmp_path / "prompt.md"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=reason):
        prompt_text(OpenAiSettings(model="m", prompt_file=str(path)))
    path.write_text("You are kind.", encoding="utf-8")
    assert prompt_text(OpenAiSettings(model="m", prompt_file=str(path))) == "You are kind."


def test_a_prompt_is_filled_in_and_other_braces_stay():
    call = replace(CALL, variables={"name": "Ann"})
    text = 'For {name}, {mood}, at {now}, from {caller}: {"a": 1} {other}'
    assert fill(text, call, variables={"mood": "kind", "name": "?"}, now="noon") == (
        'For Ann, kind, at noon, from +15550001: {"a": 1} {other}'
    )
