"""The bodies of refusals: Telnyx's own, and what else comes instead."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiced.telnyx.api_errors import ApiError, parse_errors

REST: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "data/telnyx/fixtures.json").read_text()
)["rest"]


@pytest.mark.parametrize(
    "case", [case for case in REST if case["status"] != 200], ids=lambda case: case["name"]
)
def test_refusals_of_telnyx_are_read(case: dict[str, Any]) -> None:
    expected = case["response"]["errors"][0]
    (error,) = parse_errors(case["status"], json.dumps(case["response"]).encode())
    assert error == ApiError(
        code=expected["code"],
        title=expected["title"],
        detail=expected["detail"],
        pointer=expected.get("source", {}).get("pointer", ""),
    )


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>502</html>",
        b"[]",
        b"\xff",
        b'{"errors":5}',
        b'{"errors":[]}',
        b'{"errors":["x"]}',
        b'{"errors":' + b"[" * 100_000,
    ],
)
def test_refusal_by_somebody_else_says_the_status(body: bytes) -> None:
    assert parse_errors(502, body) == (ApiError(code="", title="HTTP status 502"),)


def test_error_code_as_a_number_is_read_as_text() -> None:
    body = b'{"errors":[{"code":90018,"title":null,"source":"x"},{}]}'
    assert parse_errors(422, body) == (
        ApiError(code="90018", title=""),
        ApiError(code="", title=""),
    )


@given(
    st.binary(max_size=100)
    | st.text(max_size=50).map(lambda x: json.dumps({"errors": [x]}).encode())
)
def test_any_refusal_gives_at_least_one_error(body: bytes) -> None:
    assert parse_errors(500, body)
