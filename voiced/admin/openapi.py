"""The OpenAPI document of the admin API: what may be asked, and what is answered. Pure.

Bodies are described by the very models that read them; routes and answers stand here by hand. Tests
compare the routes with the application's, and hold every answer against its schema.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from voiced import __version__
from voiced.index.query import CallQuery
from voiced.leg.leg import Milestone
from voiced.switchboard.call_request import (
    MOST_CHARS_OF_A_KEY,
    CallRequest,
    NothingMore,
    TransferRequest,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pydantic import BaseModel

OPENAPI_PATH = "/openapi.json"

_MODELS: Mapping[str, type[BaseModel]] = {
    "CallRequest": CallRequest,
    "TransferRequest": TransferRequest,
    "NothingMore": NothingMore,
}

_DESCRIPTION = """For scripts and other programs of yours; the operator's commands are made of it.

Whoever is on this machine may ask, or whoever sends the admin token where one is set. Without a
token the listener must be asked by address or as `localhost`. Requests that another site's page
makes a browser send are refused (403)."""


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _maybe(kind: str) -> dict[str, Any]:
    return {"type": [kind, "null"]}


_END = {
    "type": ["object", "null"],
    "description": "Why it ended, and what proves it; null as long as it has not.",
    "required": ["reason", "evidence"],
    "properties": {"reason": {"type": "string"}, "evidence": {"type": "string"}},
}

_SUMMARY: dict[str, Any] = {
    "type": "object",
    "description": "A call that waits to be placed, lives, or has ended.",
    "required": ["id", "call_control_id", "from", "to", "line", "state", "outcome", "end"],
    "properties": {
        "id": {"type": "string", "description": "Our name for it, before, during and after."},
        "call_control_id": {"type": "string", "description": 'Telnyx\'s; "" as long as unknown.'},
        "from": {"type": "string"},
        "to": {"type": "string"},
        "line": {"type": "string", "description": 'Whose agent talks; "" for `[agent]`.'},
        "state": {"type": "string", "enum": ["waiting", "live", "ended"]},
        "outcome": {**_maybe("string"), "description": "What came of a call that we placed."},
        "end": _END,
        "started_at": {**_maybe("string"), "description": "ISO 8601."},
        "answered_after_s": _maybe("number"),
        "duration_s": _maybe("number"),
    },
}

_TURN = {
    "type": "object",
    "required": ["who", "at_s", "text"],
    "properties": {
        "who": {"type": "string", "enum": ["caller", "agent"]},
        "at_s": {"type": "number", "description": "Seconds since it began to ring."},
        "text": {"type": "string"},
        "heard": {"type": "string", "enum": ["all", "part", "none", "unknown"]},
        "heard_text": {"type": "string", "description": "What the caller did hear of it."},
        "latency_s": _maybe("number"),
    },
}

_RECORD = {
    "description": "All that is known of a call: its summary and, once it rings, its record.",
    "allOf": [
        _ref("Summary"),
        {
            "type": "object",
            "properties": {
                "ref": {"type": "string"},
                "leg": {"type": "string", "description": "Where a live call stands."},
                "direction": {"type": "string", "enum": ["incoming", "outgoing"]},
                "turns": {"type": "array", "items": _TURN},
                "barge_ins": {"type": "array", "items": {"type": "object"}},
                "transfers": {"type": "array", "items": {"type": "object"}},
                "counters": {"type": "object"},
            },
        },
    ],
}

_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {"error": {"type": "string", "description": "One sentence."}},
}


def _flag(name: str, **more: Any) -> dict[str, Any]:
    """Return the schema of an answer that says one thing, and perhaps more."""
    properties = {name: {"type": "boolean"}, **more}
    return {"type": "object", "required": list(properties), "properties": properties}


_ID_ANSWER = {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}}


def _json(description: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _errors(**by_status: str) -> dict[str, Any]:
    """Return answers that refuse, by status; `_404="..."` says when."""
    return {
        status.lstrip("_"): _json(description, _ref("Error"))
        for status, description in by_status.items()
    }


_REFUSED = _errors(
    _401="a token is set, and was not sent",
    _403="a strange name in Host, or another site's page",
    _500="a fault of voiced; its log has the traceback",
)
_FAULTY_BODY = _errors(
    _400="the body is not JSON",
    _408="the body did not come in time",
    _413="the body is too large",
    _415="not sent as application/json",
    _422="a field is faulty; the sentence names it",
)
_UNKNOWN = _errors(_404="there is no such call")

_CALL_ID = {
    "name": "call_id",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "minLength": 1},
    "description": "Our `id`, at any time; or the call_control_id of a live call.",
}
_WAIT = {
    "name": "wait",
    "in": "query",
    "schema": {"type": "string", "enum": list(get_args(Milestone))},
    "description": "Answer once the call has come so far, or after 8 s.",
}
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "schema": {"type": "string", "pattern": "^[!-~]*$", "maxLength": MOST_CHARS_OF_A_KEY},
    "description": "As `idempotency_key` in the body: the same key never makes a second call.",
}


def _body(model: str) -> dict[str, Any]:
    return {"required": True, "content": {"application/json": {"schema": _ref(model)}}}


def _operation(
    operation_id: str, summary: str, responses: Mapping[str, Any], **more: Any
) -> dict[str, Any]:
    return {
        "operationId": operation_id,
        "summary": summary,
        "responses": {**responses, **_REFUSED},
        **more,
    }


def _probe(operation_id: str, summary: str, responses: Mapping[str, Any]) -> dict[str, Any]:
    """Return an operation that nobody needs a token for."""
    return _operation(operation_id, summary, responses, security=[])


def _paths() -> dict[str, Any]:
    return {
        "/livez": {
            "get": _probe("livez", "Is it alive?", {"200": _json("it is", _flag("alive"))}),
        },
        "/readyz": {
            "get": _probe(
                "readyz",
                "Does it take calls?",
                {
                    "200": _json("it does", _flag("ready")),
                    "503": _json("it drains", _flag("ready")),
                },
            ),
        },
        "/metrics": {
            "get": _operation(
                "metrics",
                "Counts and durations for Prometheus",
                {
                    "200": {
                        "description": "Prometheus' text format",
                        "content": {"text/plain": {"schema": {"type": "string"}}},
                    }
                },
            ),
        },
        OPENAPI_PATH: {
            "get": _operation("openapi", "This document", {"200": _json("it", {"type": "object"})}),
        },
        "/drain": {
            "post": _operation(
                "drain",
                "No new calls; the daemon ends when it has none",
                {
                    "202": _json("it begins", _flag("draining", calls={"type": "integer"})),
                    **_FAULTY_BODY,
                },
                requestBody=_body("NothingMore"),
            ),
        },
        **_call_paths(),
        **_webhook_paths(),
    }


_WEBHOOK = {
    "type": "object",
    "description": "Something that somebody is still to be told, or was not to be told.",
    "required": ["id", "kind", "host", "call", "at", "attempts", "failure", "dead"],
    "properties": {
        "id": {"type": "string", "description": "As the receiver has it in `webhook-id`."},
        "kind": {"type": "string", "enum": ["call.ended", "order.outcome"]},
        "host": {"type": "string", "description": "Of whom is told."},
        "call": {"type": "string", "description": "Its id, or its directory below the records."},
        "at": {"type": "number", "description": "Since when, unix seconds."},
        "attempts": {"type": "integer", "description": "That have failed."},
        "failure": {"type": "string", "description": "Of the last one."},
        "dead": {"type": "boolean", "description": "It was given up."},
    },
}


def _webhook_paths() -> dict[str, Any]:
    webhooks = {"type": "array", "items": _ref("Webhook")}
    listed = {"type": "object", "required": ["webhooks"], "properties": {"webhooks": webhooks}}
    letter = {
        "name": "letter",
        "in": "path",
        "required": True,
        "schema": {"type": "string", "minLength": 1},
        "description": "The `id` of a webhook that was given up.",
    }
    return {
        "/webhooks": {
            "get": _operation(
                "listWebhooks",
                "What others are still to be told, and what was given up",
                {"200": _json("they, the oldest first", listed)},
            ),
        },
        "/webhooks/{letter}/retry": {
            "post": _operation(
                "retryWebhook",
                "Send a webhook that was given up again",
                {
                    "202": _json("it is sent", _ID_ANSWER),
                    **_errors(_404="no webhook of this name was given up"),
                    **_FAULTY_BODY,
                },
                parameters=[letter],
                requestBody=_body("NothingMore"),
            ),
        },
    }


_MOMENT = {
    "type": "string",
    "description": "A day, or a time as ISO 8601; UTC where no zone is given.",
    "examples": ["2026-11-22", "2026-11-22T10:00:00+00:00"],
}
_QUERY_SCHEMAS: Mapping[str, Any] = {
    "number": {
        "type": "string",
        "description": "Of either side: E.164 or SIP URI, or its beginning and a star.",
        "examples": ["+13125550123", "+1312*"],
    },
    "since": _MOMENT,
    "until": _MOMENT,
    "line": {"type": "string", "maxLength": 200, "description": 'Its name; "" for no line.'},
    "after": {"type": "string", "description": "The `next` of the page before."},
}
"""Where the model reads a text and means something else."""


def _query_parameters() -> list[dict[str, Any]]:
    """Return the filters of a list of calls; with any of them, past calls are listed, too."""
    fields = CallQuery.model_json_schema()["properties"]
    return [
        {"name": name, "in": "query", "schema": _QUERY_SCHEMAS.get(name, schema)}
        for name, schema in fields.items()
    ]


def _call_paths() -> dict[str, Any]:
    calls = {"type": "array", "items": _ref("Summary")}
    listed = {
        "type": "object",
        "required": ["calls"],
        "properties": {
            "calls": calls,
            "next": {**_maybe("string"), "description": "`after` of the next page, null for none."},
        },
    }
    not_now = "it has ended, or this cannot be done to it now"
    return {
        "/calls": {
            "get": _operation(
                "listCalls",
                "The calls that wait to be placed, and the live ones; with a filter, past ones too",
                {
                    "200": _json("they, newest first where there is a filter", listed),
                    **_errors(
                        _422="a filter is faulty; the sentence names it",
                        _503="the index of calls cannot be asked now",
                    ),
                },
                parameters=_query_parameters(),
            ),
            "post": _operation(
                "placeCall",
                "Place a call",
                {
                    "202": _json("it is under way", _ref("Summary")),
                    **_FAULTY_BODY,
                    **_errors(
                        _409="the key was used for another order",
                        _429="too many calls are up, or wait: come again",
                        _503="this daemon places no calls",
                    ),
                },
                parameters=[_KEY],
                requestBody=_body("CallRequest"),
            ),
        },
        "/calls/{call_id}": {
            "get": _operation(
                "getCall",
                "All that is known of a call",
                {
                    "200": _json("it", _ref("Call")),
                    **_UNKNOWN,
                    **_errors(_422="`wait` is no milestone"),
                },
                parameters=[_CALL_ID, _WAIT],
            ),
        },
        "/calls/{call_id}/hangup": {
            "post": _operation(
                "hangUp",
                "End a call, or take it out of the queue",
                {
                    "202": _json("it ends", _ID_ANSWER),
                    **_UNKNOWN,
                    **_FAULTY_BODY,
                    **_errors(_409=not_now),
                },
                parameters=[_CALL_ID],
                requestBody=_body("NothingMore"),
            ),
        },
        "/calls/{call_id}/transfer": {
            "post": _operation(
                "transfer",
                "Hand the other side to somebody else, whatever the agent is saying",
                {
                    "202": _json("it begins", _ID_ANSWER),
                    **_UNKNOWN,
                    **_FAULTY_BODY,
                    **_errors(_409=not_now),
                },
                parameters=[_CALL_ID],
                requestBody=_body("TransferRequest"),
            ),
        },
    }


def openapi_document(lines: Iterable[str] = ()) -> dict[str, Any]:
    """Return the document, OpenAPI 3.1, of a daemon that has these `lines`."""
    models = {name: model.model_json_schema(by_alias=True) for name, model in _MODELS.items()}
    models["CallRequest"]["properties"]["line"]["enum"] = ["", *lines]
    return {
        "openapi": "3.1.0",
        "info": {"title": "voiced", "version": __version__, "description": _DESCRIPTION},
        "security": [{}, {"bearer": []}],
        "paths": _paths(),
        "components": {
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
            "schemas": {
                **models,
                "Summary": _SUMMARY,
                "Call": _RECORD,
                "Webhook": _WEBHOOK,
                "Error": _ERROR,
            },
        },
    }
