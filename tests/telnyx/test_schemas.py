"""The checkers of conftest.py: they pass what is right and catch what is wrong."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Check = Callable[..., None]

FIXTURES = json.loads((Path(__file__).parents[1] / "data/telnyx/fixtures.json").read_text())
WEBHOOKS = FIXTURES["webhooks"]
GOOD_REQUESTS = [case for case in FIXTURES["rest"] if case["status"] == 200]


def action_of(path: str) -> str:
    return "dial" if path == "/v2/calls" else path.rpartition("/")[2]


@pytest.mark.parametrize("name", WEBHOOKS)
def test_webhook_fixtures_pass(name: str, check_webhook: Check) -> None:
    check_webhook(WEBHOOKS[name])


@pytest.mark.parametrize("case", GOOD_REQUESTS, ids=lambda case: case["name"])
def test_request_fixtures_pass(
    case: dict[str, Any], check_command: Check, check_answer: Check
) -> None:
    check_command(action_of(case["path"]), case["body"])
    check_answer(action_of(case["path"]), case["response"])


@pytest.mark.parametrize("session", FIXTURES["media_sessions"])
def test_media_fixtures_pass(
    session: str, check_from_telnyx: Check, check_to_telnyx: Check
) -> None:
    check = {"from_telnyx": check_from_telnyx, "to_telnyx": check_to_telnyx}
    for side, message in FIXTURES["media_sessions"][session]:
        check[side](message)


@pytest.mark.parametrize(
    "case", [c for c in FIXTURES["rest"] if c["status"] != 200], ids=lambda case: case["name"]
)
def test_error_fixtures_pass(case: dict[str, Any], check_answer: Check) -> None:
    check_answer(action_of(case["path"]), case["response"])


@pytest.mark.parametrize(
    ("action", "body"),
    [
        ("answer", {"stream_bidirectional_sampling_rate": 16000}),
        ("streaming_start", {"stream_codec": "pcmu"}),
        ("speak", {"payload": "hello"}),
        ("dial", {"to": "+15550100", "from": "+15550101"}),
        ("no_such_action", {}),
    ],
)
def test_wrong_commands_are_caught(action: str, body: dict[str, Any], check_command: Check) -> None:
    with pytest.raises(AssertionError):
        check_command(action, body)


def test_wrong_webhooks_are_caught(check_webhook: Check) -> None:
    hangup = WEBHOOKS["call.hangup"]
    wrong_cause = copy.deepcopy(hangup)
    wrong_cause["data"]["payload"]["hangup_cause"] = "bored"
    no_id = copy.deepcopy(hangup)
    del no_id["data"]["id"]
    unknown = copy.deepcopy(hangup)
    unknown["data"]["event_type"] = "call.streaming.started"
    for body in (wrong_cause, no_id, unknown):
        with pytest.raises(AssertionError):
            check_webhook(body)


def test_wrong_media_messages_are_caught(check_from_telnyx: Check, check_to_telnyx: Check) -> None:
    with pytest.raises(AssertionError):
        check_from_telnyx({"event": "media", "media": {"payload": ""}})
    with pytest.raises(AssertionError):
        check_to_telnyx({"event": "clear", "stream_id": "x"})
