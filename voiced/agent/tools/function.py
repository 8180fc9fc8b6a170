"""Python functions as tools: `async def`, typed and described, named in the group `voiced.tools`.

The signature is the schema: pydantic makes it, and checks what the model gives.

    @tool(timeout_s=30, filler="I am looking it up.")  # where the defaults do not fit
    async def order_status(number: Annotated[str, "On the receipt"], *, call: CallInfo) -> str:
        '''Look up where an order is.'''

A parameter annotated `CallInfo` is given the call and is not shown to the model. What is returned
is told to the model, texts as they are and the rest as JSON; so is a `ToolFailed`. Any other error
is logged, and the model is told that it did not work.
"""

from __future__ import annotations

import inspect
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

from pydantic import ConfigDict, Field, ValidationError, create_model
from pydantic.errors import PydanticSchemaGenerationError

from voiced.agent.base import CallInfo
from voiced.agent.model.wire import ToolSpec
from voiced.agent.tools.base import FILLER, TIMEOUT_S, Tool, shown
from voiced.errors import ToolFailed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from pydantic import BaseModel

    from voiced.agent.tools.base import Use


LONGEST_S = 120.0

_MANNER = "_voiced_manner"
_FunctionT = TypeVar("_FunctionT", bound="Callable[..., Awaitable[Any]]")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Manner:
    timeout_s: float = TIMEOUT_S
    filler: str = FILLER


def tool(
    *, timeout_s: float = TIMEOUT_S, filler: str = FILLER
) -> Callable[[_FunctionT], _FunctionT]:
    """Say of a function how it behaves as a tool; the decorated function is the same.

    Args:
        timeout_s: how long it may take, above 0 to 120 s.
        filler: said where it takes a while and nothing else is being said; "" for nothing.

    Raises:
        ValueError: `timeout_s` is not within its bounds.
    """
    if not 0 < timeout_s <= LONGEST_S:
        raise ValueError(f"timeout_s = {timeout_s:g}: write seconds, above 0 to {LONGEST_S:g}")

    def marked(function: _FunctionT) -> _FunctionT:
        setattr(function, _MANNER, _Manner(timeout_s=timeout_s, filler=filler))
        return function

    return marked


def function_tool(name: str, function: Callable[..., Awaitable[Any]]) -> Tool:
    """Return `function` as a tool.

    Raises:
        ValueError: it is no coroutine function, lacks its description, or has a parameter whose
            type says nothing; the text says which.
    """
    if not inspect.iscoroutinefunction(function):
        raise ValueError("is no coroutine function: write it with `async def`")
    description = inspect.getdoc(function) or ""
    if not description:
        raise ValueError("has no docstring, by which the model knows what it is for")
    parameters = _Parameters(name, function)
    manner: _Manner = getattr(function, _MANNER, _Manner())

    async def run(arguments: Mapping[str, Any], use: Use) -> str:
        result = await function(**parameters.values(arguments, use))
        return shown(result if isinstance(result, str) else json.dumps(result, default=str))

    return Tool(
        spec=ToolSpec(name=name, description=description, parameters=parameters.schema()),
        run=run,
        timeout_s=manner.timeout_s,
        filler=manner.filler,
    )


class _Parameters:
    """What a function takes, and what it is given."""

    def __init__(self, name: str, function: Callable[..., Awaitable[Any]]) -> None:
        self._of_call = ""
        # The fields have names of ours, so that parameters may have any.
        self._names: dict[str, str] = {}
        fields: dict[str, Any] = {}
        hints = _hints(function)
        for parameter in inspect.signature(function).parameters.values():
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                raise ValueError(f"takes {parameter}, which no model can be told of")
            hint = hints.get(parameter.name)
            if hint is None:
                raise ValueError(f"does not say of what type {parameter.name} is")
            if hint is CallInfo:
                self._of_call = parameter.name
                continue
            field = f"parameter_{len(fields)}"
            self._names[field] = parameter.name
            fields[field] = _field(parameter, hint)
        self._model = _model(name, fields)

    def schema(self) -> dict[str, Any]:
        """Return it as the model is told of it."""
        schema = self._model.model_json_schema()
        schema.pop("title", None)
        return schema

    def values(self, arguments: Mapping[str, Any], use: Use) -> dict[str, Any]:
        """Return what the function is called with. Raises ToolFailed, with what is to be mended."""
        try:
            given = self._model.model_validate(dict(arguments))
        except ValidationError as error:
            raise ToolFailed(_faults(error)) from None
        values = {name: getattr(given, field) for field, name in self._names.items()}
        return values | ({self._of_call: use.call} if self._of_call else {})


def _hints(function: Callable[..., Awaitable[Any]]) -> dict[str, Any]:
    try:
        return get_type_hints(function, include_extras=True)
    except NameError as error:
        raise ValueError(
            f"has a type that is not there when it runs ({error}): import it outside TYPE_CHECKING"
        ) from None
    except (TypeError, SyntaxError) as error:
        raise ValueError(f"has a type that makes no sense: {error}") from None


def _model(name: str, fields: dict[str, Any]) -> type[BaseModel]:
    try:
        model: type[BaseModel] = create_model(name, __config__=ConfigDict(extra="forbid"), **fields)
    except PydanticSchemaGenerationError as error:
        raise ValueError(f"has a parameter that cannot be described: {error.message}") from None
    return model


def _field(parameter: inspect.Parameter, hint: Any) -> Any:
    """Return a parameter as pydantic wants it; texts in `Annotated[T, "text"]` describe it."""
    default = ... if parameter.default is parameter.empty else parameter.default
    named = Field(alias=parameter.name)
    if get_origin(hint) is not Annotated:
        return Annotated[hint, named], default
    kind, *notes = get_args(hint)
    fields = [Field(description=note) if isinstance(note, str) else note for note in notes]
    return Annotated[(kind, *fields, named)], default


def _faults(error: ValidationError) -> str:
    """Return what is wrong with the model's arguments, for it to mend."""
    parts = (
        f"{'.'.join(str(step) for step in fault['loc'])}: {fault['msg']}"
        for fault in error.errors(include_url=False, include_input=False)
    )
    return "; ".join(parts)
