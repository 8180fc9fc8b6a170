"""Python functions as tools: `async def`, typed and described, named in the group `voiced.tools`.

The signature is the schema: pydantic makes it, and checks what the model gives.

    async def order_status(number: Annotated[str, "On the receipt"], *, call: CallInfo) -> str:
        '''Look up where an order is.'''

A parameter annotated `CallInfo` is given the call and is not shown to the model. What is returned
is told to the model, texts as they are and the rest as JSON; so is a `ToolFailed`. Any other error
is logged, and the model is told that it did not work.
"""

from __future__ import annotations

import inspect
import json
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin, get_type_hints

from pydantic import ConfigDict, Field, ValidationError, create_model
from pydantic.errors import PydanticSchemaGenerationError

from voiced.agent.base import CallInfo
from voiced.agent.model.wire import ToolSpec
from voiced.agent.tools.base import FILLER, TIMEOUT_S, Tool
from voiced.errors import ToolFailed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from pydantic import BaseModel

    from voiced.agent.tools.base import Use


def function_tool(
    name: str,
    function: Callable[..., Awaitable[Any]],
    *,
    timeout_s: float = TIMEOUT_S,
    filler: str = FILLER,
) -> Tool:
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
    model, call_parameter = _parameters(name, function)

    async def run(arguments: Mapping[str, Any], use: Use) -> str:
        try:
            given = model.model_validate(dict(arguments))
        except ValidationError as error:
            raise ToolFailed(_faults(error)) from None
        values = {field: getattr(given, field) for field in type(given).model_fields}
        if call_parameter:
            values[call_parameter] = use.call
        result = await function(**values)
        return result if isinstance(result, str) else json.dumps(result, default=str)

    schema = model.model_json_schema()
    schema.pop("title", None)
    spec = ToolSpec(name=name, description=description, parameters=schema)
    return Tool(spec=spec, run=run, timeout_s=timeout_s, filler=filler)


def _parameters(name: str, function: Callable[..., Awaitable[Any]]) -> tuple[type[BaseModel], str]:
    """Return a model of the parameters, and the name of the one for the call ("" for none)."""
    hints = get_type_hints(function, include_extras=True)
    fields: dict[str, Any] = {}
    call_parameter = ""
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise ValueError(f"takes {parameter}, which no model can be told of")
        hint = hints.get(parameter.name)
        if hint is None:
            raise ValueError(f"does not say of what type {parameter.name} is")
        if hint is CallInfo:
            call_parameter = parameter.name
            continue
        default = ... if parameter.default is parameter.empty else parameter.default
        fields[parameter.name] = (_described(hint), default)
    try:
        model = create_model(name, __config__=ConfigDict(extra="forbid"), **fields)
    except PydanticSchemaGenerationError as error:
        raise ValueError(f"has a parameter that cannot be described: {error.message}") from None
    return model, call_parameter


def _described(hint: Any) -> Any:
    """Return `Annotated[T, "text"]` as pydantic wants it described."""
    if get_origin(hint) is not Annotated:
        return hint
    kind, *notes = get_args(hint)
    fields = [Field(description=note) if isinstance(note, str) else note for note in notes]
    return Annotated[(kind, *fields)]


def _faults(error: ValidationError) -> str:
    """Return what is wrong with the model's arguments, for it to mend."""
    parts = (
        f"{'.'.join(str(step) for step in fault['loc'])}: {fault['msg']}"
        for fault in error.errors(include_url=False, include_input=False)
    )
    return "; ".join(parts)
