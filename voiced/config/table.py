"""What the tables of config.toml have in common."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Table(BaseModel):
    """What all tables share: frozen, no foreign keys, no guessing between text and numbers."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
    )


class ProviderConfig(Table):
    """`[recognizer]`, `[agent]`, `[synthesizer]`: who does it, and that provider's own keys."""

    provider: str
    """Name in the entry-point group."""
    settings: Any
    """Instance of the provider's `Settings`."""
    patience_s: float | None = Field(default=None, gt=0, le=60)
    """Waited for so long before the next of the list is asked; None: as `[failover]` has it."""
    fallback: tuple[ProviderConfig, ...] = ()
    """Who is asked when this one fails, in order."""
