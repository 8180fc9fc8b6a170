"""The OpenAPI document says what the admin API does, and all of it."""

import re
from contextlib import asynccontextmanager
from typing import Any

import hypothesis
import pytest
import schemathesis
from jsonschema import Draft202012Validator
from schemathesis.specs.openapi.checks import allow_header_conformance, positive_data_acceptance

from tests.in_thread import in_thread
from voiced.admin import make_admin_app
from voiced.admin.openapi import openapi_document
from voiced.config import parse_config
from voiced.metrics import Metrics
from voiced.server.daemon import open_daemon
from voiced.switchboard.call_request import CallRequest
from voiced.testing.telnyx_api.rest import serve_api

DOCUMENT = openapi_document()

NO_PART_OF_IT = re.compile(r"/log(in|out)")
"""Pages for people."""


def routes():
    """Return method and path of everything that the application answers."""
    nobody: Any = None
    app = make_admin_app(*(nobody,) * 4, Metrics(), token="", drain=print, wall_clock=lambda: 0.0)
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
        if not NO_PART_OF_IT.fullmatch(path):
            for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
                yield method.lower(), path


def test_it_tells_of_every_route_and_of_no_other():
    told = {(method, path) for path, item in DOCUMENT["paths"].items() for method in item}
    assert told == set(routes())


def test_its_schemas_are_schemas():
    for schema in DOCUMENT["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


# The running daemon, held against it.


async def _no_calls_from_here(scope, receive, send):
    """Answer every command of Telnyx's API with a refusal."""
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 422, "headers": headers})
    body = b'{"errors":[{"code":"10015","title":"Bad request","detail":"no"}]}'
    await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def open_here(records):
    """Yield the URL of a daemon that is refused whatever it asks of Telnyx."""
    async with serve_api(_no_calls_from_here) as api_url:
        loopback = {"bind": "127.0.0.1:0"}
        config = parse_config(
            {
                "server": {**loopback, "insecure": True},
                "admin": loopback,
                "telnyx": {"api_key": "k", "connection_id": "1", "api_base": api_url},
                "agent": {"provider": "echo"},
                "outbound": {"caller_id": "+13125550199", "calls_per_second": 50},
                "records": {"path": str(records)},
            },
            {},
        )
        async with open_daemon(config) as daemon:
            yield f"http://{daemon.admin.address}"


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    records = tmp_path_factory.mktemp("daemon")
    with in_thread(lambda: open_here(records)) as inside:
        yield inside.value


def _is_webhook(text):
    pattern = CallRequest.model_json_schema()["properties"]["webhook"]["pattern"]
    return isinstance(text, str) and re.search(pattern, text)


SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)


@SCHEMA.exclude(path="/drain").parametrize()
@hypothesis.settings(max_examples=20, derandomize=True, deadline=None, database=None)
@pytest.mark.socket
@pytest.mark.slow
def test_the_daemon_answers_as_it_says(url, case):
    if "Idempotency-Key" in (case.headers or ()) and case.meta.generation.mode.is_positive:
        case.body.pop("idempotency_key", None)  # both must be the same: no schema can say so
    if isinstance(case.body, dict) and _is_webhook(case.body.get("webhook")):
        del case.body["webhook"]  # nobody on the Internet is to be told of this call
    # A call's id may hold a slash, so that GET fits every path below /calls.
    unsaid = [allow_header_conformance]
    if case.operation.label == "GET /calls":
        unsaid.append(positive_data_acceptance)  # what a time is, or can be printed
    case.call_and_validate(base_url=url, excluded_checks=unsaid)


@SCHEMA.include(path="/drain").parametrize()
@hypothesis.settings(max_examples=10, derandomize=True, deadline=None, database=None)
@pytest.mark.socket
def test_a_daemon_that_drains_answers_as_it_says(url, case):  # the last: it takes no calls more
    case.call_and_validate(base_url=url)
