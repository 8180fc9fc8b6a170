"""Tools as they stand in `[agent]`, and what is wrong with them."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from voiced.address import parse_url
from voiced.agent.dialogue import OPERATOR, is_transfer_target
from voiced.agent.tools.base import FILLER, TIMEOUT_S
from voiced.agent.tools.request_wire import fault_of_url
from voiced.agent.tools.schema import fault_of_schema

TOOL_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
"""What both kinds of APIs take as a name."""

SECRET = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
"""Stands in a header for an environment variable or credential of that name."""

_FORBIDDEN_HEADERS = frozenset({"host", "content-length", "transfer-encoding", "connection"})


def _target(value: str) -> str:
    if not is_transfer_target(value) or value == OPERATOR:
        raise ValueError('is no number to transfer to; write "+15551234567" or "sip:user@host"')
    return value


def _schema(value: dict[str, Any]) -> dict[str, Any]:
    if fault := fault_of_schema(value):
        raise ValueError(fault)
    return value


def _headers(value: dict[str, str]) -> dict[str, str]:
    for name, text in value.items():
        if not re.fullmatch(r"[A-Za-z0-9-]+", name) or name.lower() in _FORBIDDEN_HEADERS:
            raise ValueError(f"{name!r} is no header to set")
        if not (text.isascii() and text.isprintable()):
            raise ValueError(f"the value of {name} must be one line of ASCII characters")
    return value


def _audio_url(value: str) -> str:
    return parse_url(value, schemes=("https", "http")) if value else ""


class TransferSettings(BaseModel):
    """`[agent.transfers.NAME]`: somebody whom the model may connect the caller to."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    to: Annotated[str, AfterValidator(_target)] = Field(description="E.164 or SIP URI")
    description: str = Field(min_length=1, max_length=500, description="for the model to choose by")
    asks_first: bool = Field(
        default=False, description="tell the target of the caller and ask it, before both talk"
    )


class RequestSettings(BaseModel):
    """`[agent.requests.NAME]`: an HTTP request that the model may make."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    description: str = Field(min_length=1, max_length=2000, description="what it is for")
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    url: str = Field(description="may name parameters, {caller} and {called} in path and query")
    headers: Annotated[dict[str, str], AfterValidator(_headers)] = Field(
        default_factory=dict, description="${NAME} stands for a variable or credential of that name"
    )
    parameters: Annotated[dict[str, Any], AfterValidator(_schema)] = Field(
        default_factory=lambda: {"type": "object", "properties": {}},
        description="JSON Schema (2020-12) of what the model gives",
    )
    timeout_s: float = Field(default=TIMEOUT_S, gt=0, le=120, description="for the whole answer")
    filler: str = Field(
        default=FILLER,
        max_length=200,
        description='said when it takes a while and nothing was said; "": nothing',
    )

    def fault(self) -> str | None:
        """Return what is wrong with the URL, None if nothing."""
        return fault_of_url(self.url, self.parameters.get("properties", {}))

    def secrets(self) -> set[str]:
        """Return the names that the headers refer to."""
        return {name for text in self.headers.values() for name in SECRET.findall(text)}


class ToolSettings(BaseModel):
    """The keys of `[agent]` that say what a model may do."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tools: tuple[str, ...] = Field(
        default=("hang_up",),
        description="names: of the phone (hang_up, transfer, press, hold, pause_recording, "
        "resume_recording, leave_message), of [agent.requests], or of Python functions "
        "(entry points in voiced.tools, or module:function)",
    )
    transfers: dict[str, TransferSettings] = Field(
        default_factory=dict, description="whom `transfer` may connect to, by name"
    )
    requests: dict[str, RequestSettings] = Field(
        default_factory=dict, description="HTTP requests, by name"
    )
    hold_music: Annotated[str, AfterValidator(_audio_url)] = Field(
        default="", description='URL of a file that Telnyx plays during `hold`; "": silence'
    )
