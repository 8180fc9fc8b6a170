"""Fixtures for every test: both sides of the wire are checked against Telnyx's own schemas."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import structlog
from hypothesis import settings
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from tests.postgres import open_postgres
from voiced.index.sql import TABLE

pytest_plugins = ["voiced.testing.pytest_plugin", "tests.browser"]

# The same examples in every run, and no time limit for one: the machine may be busy.
settings.register_profile("voiced", derandomize=True, deadline=None)
settings.load_profile("voiced")

TELNYX = Path(__file__).parent / "data" / "telnyx"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give all tests with real sockets to one process: what they do takes real time.

    Two at once, most with a daemon of their own beside them, are more than two cores can serve.
    """
    for item in items:
        if item.get_closest_marker("socket"):
            item.add_marker(pytest.mark.xdist_group("socket"))


@pytest.fixture(autouse=True)
def _logging_as_it_was():
    """What a test has configured ends with it; `capture_logs` in the next sees every level."""
    yield
    structlog.reset_defaults()


CheckCommand = Callable[[str, Mapping[str, Any]], None]
CheckMessage = Callable[[Mapping[str, Any]], None]


def _load(name: str) -> Any:
    return json.loads((TELNYX / name).read_text(encoding="utf-8"))


class TelnyxSchemas:
    """The schemas of `tests/data/telnyx`; a `check_` method raises AssertionError at a fault."""

    def __init__(self) -> None:
        self._rest = _load("call-control.json")
        self._registry: Registry[Any] = Registry().with_resources(
            [
                ("urn:rest", DRAFT202012.create_resource(self._rest)),
                ("urn:media", DRAFT202012.create_resource(_load("media-stream.schema.json"))),
            ]
        )
        self._webhooks = {
            self._event_type(schema): f"urn:rest#/webhooks/{name}"
            for name, schema in self._rest["webhooks"].items()
        }

    def check_command(self, action: str, body: Mapping[str, Any]) -> None:
        """Check the body of a REST request; `action` is `dial` or the last part of its path."""
        assert action in self._rest["commands"], f"no schema for action {action!r}"
        request = self._rest["commands"][action]["request"]
        known = self._schema(request)["properties"].keys()
        assert not body.keys() - known, f"{action} takes no {sorted(body.keys() - known)}"
        self._check(f"urn:rest#/commands/{action}/request", body)

    def check_answer(self, action: str, body: Mapping[str, Any]) -> None:
        """Check the body of a REST answer: of status 200, or an error when it has `errors`."""
        assert body.keys() in ({"data"}, {"errors"})
        part = "error" if "errors" in body else f"commands/{action}/response"
        self._check(f"urn:rest#/{part}", body)

    def check_webhook(self, body: Mapping[str, Any]) -> None:
        """Check a v2 webhook, envelope included."""
        data = body["data"]
        envelope = {"record_type", "event_type", "id", "occurred_at", "payload"}
        assert not envelope - data.keys(), f"webhook lacks {sorted(envelope - data.keys())}"
        assert isinstance(body["meta"]["attempt"], int)
        assert isinstance(body["meta"]["delivered_to"], str)
        assert data["event_type"] in self._webhooks, f"no schema for {data['event_type']!r}"
        self._check(self._webhooks[data["event_type"]], body)

    def check_from_telnyx(self, message: Mapping[str, Any]) -> None:
        """Check a media message of the kinds that Telnyx sends."""
        self._check("urn:media#/$defs/from_telnyx", message)

    def check_to_telnyx(self, message: Mapping[str, Any]) -> None:
        """Check a media message of the kinds that Telnyx takes."""
        self._check("urn:media#/$defs/to_telnyx", message)

    def _check(self, schema: str, instance: Any) -> None:
        validator = jsonschema.Draft202012Validator(
            {"$ref": schema},
            registry=self._registry,
            format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER,
        )
        fault = jsonschema.exceptions.best_match(validator.iter_errors(instance))
        assert fault is None, f"{fault.json_path}: {fault.message}"

    def _schema(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        while "$ref" in schema:
            schema = self._rest["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        return schema

    def _event_type(self, webhook: Mapping[str, Any]) -> str:
        schema = self._schema(webhook)
        data = self._schema(schema["properties"].get("data", schema))
        return str(data["example"]["event_type"])


@pytest.fixture(scope="session")
def telnyx_schemas() -> TelnyxSchemas:
    return TelnyxSchemas()


@pytest.fixture(scope="session")
def check_command(telnyx_schemas: TelnyxSchemas) -> CheckCommand:
    return telnyx_schemas.check_command


@pytest.fixture(scope="session")
def check_answer(telnyx_schemas: TelnyxSchemas) -> CheckCommand:
    return telnyx_schemas.check_answer


@pytest.fixture(scope="session")
def check_webhook(telnyx_schemas: TelnyxSchemas) -> CheckMessage:
    return telnyx_schemas.check_webhook


@pytest.fixture(scope="session")
def check_from_telnyx(telnyx_schemas: TelnyxSchemas) -> CheckMessage:
    return telnyx_schemas.check_from_telnyx


@pytest.fixture(scope="session")
def check_to_telnyx(telnyx_schemas: TelnyxSchemas) -> CheckMessage:
    return telnyx_schemas.check_to_telnyx


@pytest.fixture(scope="session")
def postgres_server():
    """URL of a PostgreSQL server that all tests share."""
    with open_postgres() as url:
        yield url


@pytest.fixture
def postgres_url(postgres_server):
    """URL of a database without an index."""
    import psycopg  # an extra

    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"DROP TABLE IF EXISTS {TABLE}")
    return postgres_server
