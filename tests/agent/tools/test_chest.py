"""Tools from their settings: functions, HTTP requests, and all that can be wrong with them."""

import math
import sys
from datetime import date
from types import SimpleNamespace
from typing import Annotated, Any, cast

import pytest
import trio

from voiced.agent.base import CallInfo
from voiced.agent.tools.base import SHOWN_CHARS, Use, shown
from voiced.agent.tools.chest import check_tools, open_tools
from voiced.agent.tools.function import function_tool, tool
from voiced.agent.tools.settings import ToolSettings
from voiced.errors import ConfigError, ToolFailed
from voiced.testing.fake_provider import Answer, FakeServer, Refuse, open_memory_wire

CALL = CallInfo(call_id="v3:1", caller="+15550001", called="+15550002")
USE = Use(call=CALL, reply=cast("Any", SimpleNamespace()), has_spoken=False)


async def order_status(
    number: Annotated[int, "On the receipt"], fast: bool = False, *, call: CallInfo
) -> dict[str, Any]:
    """Look up where an order is."""
    await trio.lowlevel.checkpoint()
    return {"number": number, "fast": fast, "for": call.caller}


def not_async() -> str:
    """Do it at once."""
    return ""


async def undescribed() -> str:
    return ""


async def untyped(number) -> str:
    """Do it."""
    return ""


async def starred(*numbers: int) -> str:
    """Do it."""
    return ""


async def elsewhere(number: "Elsewhere") -> str:  # type: ignore[name-defined]  # noqa: F821
    """Do it."""
    return ""


@tool(timeout_s=30, filler="Einen Moment.")
async def slow(copy: int, _json: str, model_config: Annotated[str, "Odd."]) -> str:
    """Take names that pydantic would rather have for itself."""
    await trio.lowlevel.checkpoint()
    return f"{copy} {_json} {model_config}"


# -- functions -----------------------------------------------------------------------------------


def test_a_functions_signature_is_its_schema():
    made = function_tool("order_status", order_status)
    assert made.spec.description == "Look up where an order is."
    assert made.spec.parameters == {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "number": {"description": "On the receipt", "title": "Number", "type": "integer"},
            "fast": {"default": False, "title": "Fast", "type": "boolean"},
        },
        "required": ["number"],
    }


async def test_a_function_is_given_checked_arguments_and_the_call():
    made = function_tool("order_status", order_status)
    assert await made.run({"number": "7"}, USE) == (
        '{"number": 7, "fast": false, "for": "+15550001"}'
    )
    with pytest.raises(ToolFailed, match="number: Field required; size: Extra inputs"):
        await made.run({"size": 3}, USE)


async def test_parameters_may_have_any_name_and_a_tool_its_own_time_and_filler():
    tool = function_tool("slow", slow)
    assert (tool.timeout_s, tool.filler) == (30.0, "Einen Moment.")
    assert list(tool.spec.parameters["properties"]) == ["copy", "_json", "model_config"]
    assert (
        await tool.run({"copy": 1, "_json": "two", "model_config": "three"}, USE) == "1 two three"
    )


async def test_a_long_result_is_cut():
    async def talkative() -> list[str]:
        """Tell all."""
        await trio.lowlevel.checkpoint()
        return ["x"] * SHOWN_CHARS

    told = await function_tool("talkative", talkative).run({}, USE)
    assert told.endswith("(cut here)")
    assert len(told) == SHOWN_CHARS + len(" (cut here)")
    assert (shown("  yes "), shown("")) == ("yes", "Done.")


@pytest.mark.parametrize(
    ("function", "fault"),
    [
        (not_async, "is no coroutine function"),
        (undescribed, "has no docstring"),
        (untyped, "does not say of what type number is"),
        (starred, "takes \\*numbers"),
        (elsewhere, "a type that is not there when it runs .*import it outside TYPE_CHECKING"),
    ],
)
def test_functions_that_are_no_tools(function, fault):
    with pytest.raises(ValueError, match=fault):
        function_tool("tool", function)


# -- HTTP requests -------------------------------------------------------------------------------


NUMBER = {
    "type": "object",
    "properties": {"number": {"type": ["integer", "string"]}, "day": {"format": "date"}},
    "required": ["number"],
}


class Shop:
    """A fake of somebody's API."""

    async def answer(self, request, response):
        await response.whole({"path": request.target, "key": request.headers.get("x-key")})

    async def converse(self, request, socket):
        await socket.close()


def settings(**request):
    given = {
        "description": "Look up an order.",
        "url": "https://shop/orders/{number}",
        "parameters": NUMBER,
        **request,
    }
    return ToolSettings.model_validate({"tools": ["order"], "requests": {"order": given}})


async def ask(arguments, *, faults=(), **request):
    server = FakeServer(Shop(), faults)
    async with (
        open_memory_wire(server) as wire,
        open_tools(settings(**request), wire, {"SHOP_KEY": "secret"}) as tools,
    ):
        return await tools["order"].run(arguments, USE), server.requests


async def test_a_request_has_its_secrets_and_its_answer_is_told(autojump_clock):
    told, _ = await ask({"number": "7/8"}, headers={"X-Key": "token ${SHOP_KEY}"})
    assert told == '{"path": "/orders/7%2F8", "key": "token secret"}'


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({}, "'number' is a required property"),
        ({"number": 7.5}, "number: 7.5 is not of type 'integer', 'string'"),
        ({"number": 7, "day": "tomorrow"}, "day: 'tomorrow' is not a 'date'"),
        ({"number": ["x" * 300]}, r"number: \['x+ \(cut here\)$"),
    ],
)
async def test_arguments_that_the_schema_does_not_allow_are_told_and_not_sent(
    autojump_clock, arguments, told
):
    server = FakeServer(Shop())
    async with (
        open_memory_wire(server) as wire,
        open_tools(settings(), wire, {}) as tools,
    ):
        with pytest.raises(ToolFailed, match=told):
            await tools["order"].run(arguments, USE)
    assert server.requests == []


async def test_a_posted_request_has_json(autojump_clock):
    _, (request,) = await ask({"number": 7}, method="POST", url="https://shop/orders")
    assert (request.json(), request.headers["content-type"]) == ({"number": 7}, "application/json")


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (Answer(status=404, body="no such order"), "HTTP status 404: no such order"),
        (Answer(status=302), "HTTP status 302"),  # it is not followed
        (Answer(status=500), "HTTP status 500"),
    ],
)
async def test_what_an_api_refuses_is_told(autojump_clock, fault, told):
    with pytest.raises(ToolFailed, match=told):
        await ask({"number": 7}, faults=[fault])


async def test_what_must_not_be_done_twice_is_not_sent_twice(autojump_clock):
    server = FakeServer(Shop(), [Refuse()])
    async with (
        open_memory_wire(server) as wire,
        open_tools(settings(method="POST", url="https://shop/orders"), wire, {}) as tools,
    ):
        with pytest.raises(ToolFailed, match="isconnected"):
            await tools["order"].run({"number": 7}, USE)
    assert len(server.requests) == 1


# -- settings ------------------------------------------------------------------------------------


def problems(environ=None, **given):
    with pytest.raises(ConfigError) as caught:
        check_tools(ToolSettings.model_validate(given), environ or {})
    return [str(problem) for problem in caught.value.problems]


REQUEST = {"description": "Look up.", "url": "https://shop/{n}"}


def test_every_fault_is_found_at_once():
    found = problems(
        tools=["hang_up", "dance", "transfer", "hang_up", f"{__name__}:untyped", "os:nothing"],
        requests={
            "lookup": {**REQUEST, "headers": {"Authorization": "Bearer ${SHOP_KEY}"}},
            "a b": {"description": "Look up.", "url": "https://shop/"},
        },
    )
    assert found == [
        'agent.requests.lookup: is declared, but no tool of the agent (add "lookup" to tools)',
        'agent.requests.lookup.url = "https://shop/{n}": has {n}, which is no parameter of '
        "the tool",
        "agent.requests.lookup.headers: refers to SHOP_KEY, which is neither an environment "
        "variable nor (as shop_key) a credential",
        "agent.requests.a b: is no name: use letters, digits, - and _",
        'agent.requests.a b: is declared, but no tool of the agent (add "a b" to tools)',
        'agent.tools = "dance": is no tool; there are a b, hang_up, hold, leave_message, lookup, '
        "pause_recording, press, resume_recording, transfer",
        'agent.tools = "transfer": has nobody to transfer to: add [agent.transfers.NAME]',
        f'agent.tools = "{__name__}:untyped": does not say of what type number is',
        "agent.tools = \"os:nothing\": cannot be imported: module 'os' has no attribute 'nothing'",
        "agent.tools: names hang_up twice",
    ]


def schema(**more):
    return {"parameters": {"type": "object", **more}}


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"parameters": {"type": "array"}}, 'must be a JSON Schema of the type "object"'),
        ({"parameters": {"type": "object", "required": ["n"]}}, "requires n, which is no property"),
        (schema(required=5), "is no JSON Schema: required: 5 is not of type 'array'"),
        (schema(required="ab"), "is no JSON Schema: required: 'ab' is not of type 'array'"),
        (schema(properties={"n": {"type": "strng"}}), r"properties\.n\.type: 'strng' is not valid"),
        (
            schema(properties={"n": {"pattern": "["}}),
            r"n\.pattern: '\[' is not a 'regex'",
        ),
        (schema(properties={"n": {"default": date(2026, 1, 1)}}), "must be JSON: write dates"),
        (schema(properties={"n": {"maximum": math.inf}}), "must be JSON"),
        (
            schema(properties={"n": {"$ref": "#/$defs/n"}}),
            r"refers to #/\$defs/n, which is no",
        ),
        (schema(properties={"n": {"$ref": "https://x/y"}}), "refers to https://x/y, which is no"),
        (schema(**{"$schema": "draft-12"}), "a draft of JSON Schema that is not known: 'draft-12'"),
        ({"headers": {"Host": "other"}}, "'Host' is no header to set"),
        ({"headers": {"X-A": "a\nb"}}, "the value of X-A must be one line"),
    ],
)
def test_requests_that_cannot_be_declared(given, fault):
    with pytest.raises(ValueError, match=fault):
        ToolSettings.model_validate({"requests": {"x": {**REQUEST, **given}}})


def test_a_schema_may_refer_to_its_own_places_and_name_an_older_draft():
    number = {"type": "integer"}
    parameters = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "properties": {"n": {"$ref": "#/definitions/n"}},
        "definitions": {"n": number},
    }
    given = {"requests": {"x": {**REQUEST, "parameters": parameters}}}
    assert ToolSettings.model_validate(given).requests["x"].parameters == parameters


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("def (", "SyntaxError: invalid syntax"),
        ("TABLE = {}['key']", "KeyError: 'key'"),
        ("import nowhere", "No module named 'nowhere'"),
    ],
)
def test_a_module_that_cannot_be_imported_is_told_whatever_it_raises(
    tmp_path, monkeypatch, text, reason
):
    (tmp_path / "broken_tools.py").write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "broken_tools", raising=False)
    (found,) = problems(tools=["broken_tools:look_up"])
    assert found.startswith(f'agent.tools = "broken_tools:look_up": cannot be imported: {reason}')


def test_only_numbers_and_sip_addresses_are_transferred_to():
    with pytest.raises(ValueError, match="is no number to transfer to"):
        ToolSettings.model_validate({"transfers": {"x": {"to": "mother", "description": "M."}}})
