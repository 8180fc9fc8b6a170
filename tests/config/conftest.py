"""Providers of our own under the default names, so that these tests need no speech library."""

import sys
from importlib.metadata import EntryPoint, EntryPoints
from types import ModuleType

import pytest
from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator


class EarSettings(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True)

    threshold: float = Field(default=0.5, ge=0, le=1)
    api_key: SecretStr = SecretStr("")
    session_token: str = "t"


class Ear:
    Settings = EarSettings


class MindSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    low: int = 1
    high: int = 2
    voices: list[int] = []

    @model_validator(mode="after")
    def _ordered(self):
        if self.low > self.high:
            raise ValueError("low must not be above high")
        return self


class Mind:
    Settings = MindSettings


class MouthSettings(BaseModel):
    greeting: str = "hello"


class Mouth:
    Settings = MouthSettings


@pytest.fixture(autouse=True)
def providers(monkeypatch):
    module = ModuleType("voiced_test_providers")
    vars(module).update(Ear=Ear, Mind=Mind, Mouth=Mouth)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    offered = EntryPoints(
        EntryPoint(name, f"{module.__name__}:{value}", group)
        for name, value, group in (
            ("embedded", "Ear", "voiced.recognizers"),
            ("script", "Mouth", "voiced.agents"),
            ("mind", "Mind", "voiced.agents"),
            ("flite", "Mouth", "voiced.synthesizers"),
        )
    )
    monkeypatch.setattr(
        "voiced.providers.entry_points", lambda *, group: offered.select(group=group)
    )
