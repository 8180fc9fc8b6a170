"""What the admin API may be asked for, as JSON bodies, and what is wrong with a bad one. Pure.

Faults name the field and the remedy, and never repeat a value: it may be a number or a secret.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from voiced.config.values import PhoneNumber, webhook_url
from voiced.errors import BadRequest
from voiced.leg.leg import Milestone

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

MOST_VARIABLES = 50
MOST_CHARS_OF_A_VALUE = 1000
MOST_CHARS_OF_A_KEY = 255
VARIABLE_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")

# The same for those who read the API's schema (ECMA 262); what is obeyed are the functions below.
_ANY_DESTINATION = r"^(\+[1-9][0-9]{1,14}|sips?:[!-+.-?A-~-]+@[!-+.-?A-~-]+)$"
_ANY_CALLER_ID = r"^(\+[1-9][0-9]{1,14})?$"
_ANY_NAME = "^[a-z][a-z0-9_]{0,63}$"
_ANY_WEBHOOK = (
    r"^((https://[A-Za-z0-9._-]+|http://(localhost|127\.0\.0\.1))(:[0-9]{1,4})?"
    r"(/[!\"$->@-~]*)?(\?[!\"$-~]*)?)?$"
)

_DESTINATION = re.compile(r"\+[1-9][0-9]{1,14}|sips?:[!-+.-?A-~-]+@[!-+.-?A-~-]+")

_Body = TypeVar("_Body", bound=BaseModel)


def _destination(text: str) -> str:
    if not _DESTINATION.fullmatch(text):
        raise ValueError(
            "must be a number as +E.164, like +13125550123, or a SIP URI, like sip:user@host"
        )
    return text


def _variables(given: dict[str, str]) -> dict[str, str]:
    if len(given) > MOST_VARIABLES:
        raise ValueError(f"must hold at most {MOST_VARIABLES} names")
    for name, value in given.items():
        if not VARIABLE_NAME.fullmatch(name):
            raise ValueError("names are a letter, then letters, digits and underscores, all small")
        if len(value) > MOST_CHARS_OF_A_VALUE:
            raise ValueError(f"{name} must have at most {MOST_CHARS_OF_A_VALUE} characters")
    return given


def _key(text: str) -> str:
    if text and not re.fullmatch(rf"[!-~]{{1,{MOST_CHARS_OF_A_KEY}}}", text):
        raise ValueError(f"must be 1 to {MOST_CHARS_OF_A_KEY} visible ASCII characters, no spaces")
    return text


Destination = Annotated[
    str,
    AfterValidator(_destination),
    Field(json_schema_extra={"pattern": _ANY_DESTINATION, "examples": ["+13125550123"]}),
]


class _Request(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, hide_input_in_errors=True, populate_by_name=True
    )


class CallRequest(_Request):
    """`POST /calls`: place a call."""

    to: Destination = Field(repr=False)
    """E.164 number or SIP URI."""
    from_: PhoneNumber = Field(
        default="", alias="from", repr=False, json_schema_extra={"pattern": _ANY_CALLER_ID}
    )
    """Caller id, E.164; "" = `[outbound] caller_id`."""
    line: str = ""
    """Name of the line whose agent talks; "" = `[agent]`."""
    variables: Annotated[Mapping[str, str], AfterValidator(_variables)] = Field(
        default_factory=dict,
        repr=False,
        json_schema_extra={
            "propertyNames": {"pattern": _ANY_NAME},
            "maxProperties": MOST_VARIABLES,
            "additionalProperties": {"type": "string", "maxLength": MOST_CHARS_OF_A_VALUE},
        },
    )
    """What the agent is told of the call; dialogues say them by name."""
    idempotency_key: Annotated[str, AfterValidator(_key)] = Field(
        default="", json_schema_extra={"pattern": "^[!-~]*$", "maxLength": MOST_CHARS_OF_A_KEY}
    )
    """Orders with the same key are one call; "" = this order is like no other."""
    webhook: Annotated[str, AfterValidator(webhook_url)] = Field(
        default="", repr=False, json_schema_extra={"pattern": _ANY_WEBHOOK, "maxLength": 2000}
    )
    """URL that is told what came of it; https, but on loopback."""
    wait: Milestone | None = None
    """Answer when the call has come so far, or after some seconds."""

    def is_same_order(self, other: CallRequest) -> bool:
        """Return whether both ask for the same call, however long they wait."""
        return self.model_copy(update={"wait": None}) == other.model_copy(update={"wait": None})


class TransferRequest(_Request):
    """`POST /calls/<id>/transfer`: hand the caller to somebody else."""

    to: Destination = Field(repr=False)
    """E.164 number or SIP URI."""


class NothingMore(_Request):
    """A body that says nothing."""


def ref_of_key(key: str) -> str:
    """Return what a call is called that is placed for an idempotency key."""
    return hashlib.sha256(f"voiced call\n{key}".encode()).hexdigest()[:16]


def read_request(model: type[_Body], body: object) -> _Body:
    """Return the request that `body`, parsed JSON, makes.

    Raises:
        BadRequest: it makes none; every fault is told.
    """
    try:
        return model.model_validate(body)
    except ValidationError as error:
        known = [field.alias or name for name, field in model.model_fields.items()]
        faults = [_fault(detail, known) for detail in error.errors(include_url=False)]
        raise BadRequest("; ".join(dict.fromkeys(faults))) from None


def _fault(detail: ErrorDetails, known: list[str]) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    name = ".".join(str(part) for part in detail["loc"][:1])
    if kind == "extra_forbidden":
        return f"{name[:40]!r} is unknown here (known: {', '.join(known) or 'nothing'})"
    if not name:
        return "the body must be a JSON object"
    if kind == "value_error":
        return f"{name}: {context['error']}"
    if kind == "literal_error":
        quoted = context["expected"].replace("'", '"')
        return f"{name}: must be {quoted}"
    return f"{name}: {_REASONS.get(kind) or _lower_first(detail['msg'])}"


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]


_REASONS: dict[str, Any] = {
    "missing": "is required",
    "string_type": "must be a text",
    "dict_type": "must be an object of texts",
    "mapping_type": "must be an object of texts",
}
