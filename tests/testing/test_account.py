from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from voiced.testing.account import (
    AccountApi,
    Application,
    FailedDelivery,
    OwnedNumber,
    Possessions,
    TexmlApplication,
    VoiceProfile,
    usual_possessions,
)
from voiced.testing.api import Request

WALL = 1_770_000_000.0
SCHEMAS = json.loads((Path(__file__).parents[1] / "data/telnyx/account.json").read_text())
USUAL = usual_possessions(
    connection_id="15",
    webhook_url="https://agent.example.com/telnyx/webhook",
    public_key="A" * 43 + "=",
    number="+13125550199",
)
NUMBERS = (
    OwnedNumber(number="+13125550111", connection_id="15"),
    OwnedNumber(number="+13125550112", connection_id="16"),
    OwnedNumber(number="+13125550113", connection_id="15"),
)


def ask(path, possessions=USUAL, *, method="GET", **query):
    """Status and body of an answer; (None, None) when nobody answers."""
    names = {"size": "page[size]", "page": "page[number]"}
    asked = {names.get(key, key): str(value) for key, value in query.items()}
    api = AccountApi(lambda: possessions, lambda: WALL)
    answer = api.handle(request(path, method, asked))
    return (None, None) if answer is None else (answer.status, answer.body)


def request(path, method="GET", query=None):
    parts = ("v2", *path.split("/"))
    return Request(method=method, path=parts, query=query or {}, body=b"", base_url="")


def check(name, instance):
    """Check against Telnyx's own schema."""
    schema = {**SCHEMAS, "$ref": f"#/components/schemas/{name}"}
    jsonschema.validate(instance, schema, jsonschema.Draft202012Validator)


def numbers_of(body):
    return [entry["phone_number"][-3:] for entry in body["data"]]


@pytest.mark.parametrize(
    ("schema", "thing"),
    [
        ("CallControlApplication", Application(id="15", failover_url="https://b.example.com")),
        ("CallControlApplication", USUAL.applications[0]),
        ("TexmlApplication", TexmlApplication(id="16", voice_url="https://agent.example.com/t")),
        (
            "webhook_delivery",
            FailedDelivery(
                id="f5586561-8ff0-4291-a0ac-84fe544797bd",
                url="https://agent.example.com",
                code=75404,
                at="2026-02-02T02:40:00.000Z",
            ),
        ),
    ],
)
def test_what_the_api_shows_fits_telnyxs_schemas(schema, thing):
    check(schema, thing.body())


def test_one_thing_is_shown_by_its_id():
    status, body = ask("call_control_applications/15")
    assert status == 200
    assert body["data"]["webhook_event_url"] == "https://agent.example.com/telnyx/webhook"
    assert ask("public_key")[1]["data"]["public"] == USUAL.public_key
    profile_id = body["data"]["outbound"]["outbound_voice_profile_id"]
    assert ask(f"outbound_voice_profiles/{profile_id}")[0] == 200


@pytest.mark.parametrize(
    "path",
    [
        "call_control_applications/99",
        "texml_applications/15",
        "outbound_voice_profiles/99",
        "verified_numbers/%2B13125550100",
    ],
)
def test_what_is_not_owned_is_not_found(path):
    status, body = ask(path)
    assert (status, body["errors"][0]["code"]) == (404, "10005")


def test_without_a_public_key_there_is_no_such_resource():
    assert ask("public_key", replace(USUAL, public_key=""))[0] == 404


@pytest.mark.parametrize("path", ["calls/x", "nothing", "phone_numbers/15", ""])
def test_other_paths_are_left_to_others(path):
    assert ask(path) == (None, None)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, ["111", "112", "113"]),
        ({"filter[connection_id]": "15"}, ["111", "113"]),
        ({"filter[phone_number]": "+13125550112"}, ["112"]),
        ({"filter[phone_number]": "1312555"}, ["111", "112", "113"]),
        ({"filter[phone_number]": "+44"}, []),
        ({"size": 2}, ["111", "112"]),
        ({"size": 2, "page": 2}, ["113"]),
    ],
)
def test_numbers_are_listed_by_filter_and_page(query, found):
    status, body = ask("phone_numbers", Possessions(numbers=NUMBERS), **query)
    assert (status, numbers_of(body)) == (200, found)
    assert body["meta"]["page_size"] == query.get("size", 20)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"filter[connection]": "15"}, "10031"),
        ({"size": 251}, "10033"),
        ({"size": 0}, "10033"),
        ({"page": "x"}, "10033"),
    ],
)
def test_what_telnyx_does_not_understand_is_refused(query, code):
    assert ask("phone_numbers", **query)[1]["errors"][0]["code"] == code


def test_failed_deliveries_are_listed_by_time():
    failures = tuple(
        FailedDelivery(id=f"{n}", url="https://x", code=75001, at=f"2026-02-0{n}T00:00:00.000Z")
        for n in (1, 2, 3)
    )
    owned = Possessions(failed_deliveries=failures)
    since = {"filter[status][eq]": "failed", "filter[started_at][gte]": "2026-02-02T00:00:00Z"}
    assert [d["id"] for d in ask("webhook_deliveries", owned, **since)[1]["data"]] == ["3"]
    since["filter[started_at][gte]"] = "2026-02-01T12:00:00Z"
    assert [d["id"] for d in ask("webhook_deliveries", owned, **since)[1]["data"]] == ["2", "3"]
    assert ask("webhook_deliveries", owned, **{"filter[status][eq]": "delivered"})[1]["data"] == []


def test_faults_can_be_set():
    broken = replace(USUAL, broken=("phone_numbers",))
    assert ask("phone_numbers", broken)[0] == 500
    assert ask("public_key", broken)[0] == 200
    assert ask("phone_numbers", method="DELETE")[0] == 405
    skewed = AccountApi(lambda: replace(USUAL, clock_offset_s=-3600), lambda: WALL)
    answer = skewed.handle(request("public_key"))
    assert answer is not None
    assert answer.headers == {"date": "Mon, 02 Feb 2026 01:40:00 GMT"}


def test_a_profile_of_ones_own_is_shown():
    owned = Possessions(profiles=(VoiceProfile(id="7", destinations=("DE",)),))
    assert ask("outbound_voice_profiles/7", owned)[1]["data"]["whitelisted_destinations"] == ["DE"]
