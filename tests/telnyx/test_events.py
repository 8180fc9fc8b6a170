"""Webhooks become records; what is malformed is refused with the field's name."""

import copy
import json
from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voiced.errors import RemoteProtocolError
from voiced.telnyx import events
from voiced.telnyx.events import (
    CallAnswered,
    CallHangup,
    CallInitiated,
    RecordingSaved,
    UnknownEvent,
    WebhookEvent,
    parse_event,
)
from voiced.telnyx.ids import CallControlId, CallLegId, CallSessionId, WebhookId

DATA = Path(__file__).parents[1] / "data/telnyx"
FIXTURES = json.loads((DATA / "fixtures.json").read_text())
WEBHOOKS: dict[str, Any] = FIXTURES["webhooks"]
ODD: dict[str, Any] = FIXTURES["webhooks_odd"]
REST = json.loads((DATA / "call-control.json").read_text())


def official_examples() -> dict[str, dict[str, Any]]:
    schemas = REST["components"]["schemas"]
    found = {}
    for name, webhook in REST["webhooks"].items():
        schema = schemas[webhook["$ref"].rpartition("/")[2]]
        data = schema.get("properties", {}).get("data", schema)
        while "$ref" in data:
            data = schemas[data["$ref"].rpartition("/")[2]]
        found[name] = data["example"]
    return found


EXAMPLES = official_examples()


def parse(document: object) -> WebhookEvent:
    return parse_event(json.dumps(document).encode())


def odd(start: str) -> Any:
    return copy.deepcopy(next(body for name, body in ODD.items() if name.startswith(start)))


def with_payload(name: str, **changes: object) -> dict[str, Any]:
    """Return webhook `name` with `changes` in its payload; Ellipsis takes a key away."""
    body: dict[str, Any] = copy.deepcopy(WEBHOOKS[name])
    payload = body["data"]["payload"]
    for key, value in changes.items():
        if value is ...:
            del payload[key]
        else:
            payload[key] = value
    return body


def test_there_are_55_official_examples() -> None:
    assert len(EXAMPLES) == 55


@pytest.mark.parametrize("name", EXAMPLES)
def test_official_examples_parse(name: str) -> None:
    data = EXAMPLES[name]
    event = parse({"data": data, "meta": {"attempt": 1, "delivered_to": "https://a.example"}})
    assert event.webhook_id == data["id"]
    assert event.call_leg_id == data["payload"].get("call_leg_id", "")
    if isinstance(event, UnknownEvent):
        assert event.event_type == data["event_type"]
        assert event.raw == data
    else:
        assert event.occurred_at.tzinfo is not None


@pytest.mark.parametrize("name", WEBHOOKS)
def test_fixtures_parse_to_the_class_of_their_type(name: str) -> None:
    data = WEBHOOKS[name]["data"]
    event = parse(WEBHOOKS[name])
    expected = events.EVENTS.get(data["event_type"], (UnknownEvent, {}))[0]
    assert type(event) is expected
    assert event.call_control_id == data["payload"]["call_control_id"]
    assert event.client_state == data["payload"].get("client_state")


SDK_ONLY = {
    "call.machine.premium.call_screening.detected": {"result": "screening"},
    "call.machine.premium.detection.started": {},
}
NOT_OURS = (
    "call.ai_",
    "call.conversation",
    "call.deepfake",
    "call.fork.",
    "conference.",
    "siprec.",
)


def test_every_official_event_has_a_record_unless_it_is_of_what_we_never_start() -> None:
    official = {data["event_type"] for data in EXAMPLES.values()}
    ours = {name for name in official if not name.startswith(NOT_OURS)}
    assert set(events.EVENTS) == ours | set(SDK_ONLY)
    assert {kind for kind, _ in events.EVENTS.values()} | {UnknownEvent} == set(
        get_args(WebhookEvent)
    )


@pytest.mark.parametrize(("event_type", "extra"), SDK_ONLY.items())
def test_events_that_only_the_sdk_knows_parse(event_type: str, extra: dict[str, str]) -> None:
    body = with_payload("call.machine.premium.detection.ended", **{"result": ..., **extra})
    body["data"]["event_type"] = event_type
    event = parse(body)
    assert type(event) is events.EVENTS[event_type][0]


def schema_of(node: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in node:
        node = REST["components"]["schemas"][node["$ref"].rpartition("/")[2]]
    return node


def enumerated() -> list[tuple[str, str, str]]:
    """Return webhook, field and value for every value of every enumeration of known events."""
    found = []
    for name, webhook in REST["webhooks"].items():
        if EXAMPLES[name]["event_type"] not in events.EVENTS:
            continue
        data = schema_of(schema_of(webhook)["properties"].get("data", schema_of(webhook)))
        payload = schema_of(schema_of(data)["properties"]["payload"])["properties"]
        for field, value in payload.items():
            found += [(name, field, choice) for choice in schema_of(value).get("enum", ())]
    return found


@pytest.mark.parametrize(("name", "field", "value"), enumerated())
def test_values_of_telnyx_enumerations_are_kept_and_so_are_new_ones(
    name: str, field: str, value: str
) -> None:
    data = copy.deepcopy(EXAMPLES[name])
    told = [value] if field == "direction" else [value, "brand_new"]
    for each in told:
        data["payload"][field] = each
        event = parse({"data": data})
        assert not isinstance(event, UnknownEvent)
        if field == "calling_party_type" or (field == "state" and "nitiated" not in name):
            continue  # says nothing that is not said elsewhere
        assert each in [getattr(event, item.name) for item in fields(event)]


def test_incoming_call_is_read_in_full() -> None:
    assert parse(WEBHOOKS["call.initiated (inbound)"]) == CallInitiated(
        webhook_id=WebhookId("0ccc7b54-4df3-4bca-a65a-000000000001"),
        attempt=1,
        call_control_id=CallControlId("v3:MdI91X4lWFEs7IgbBEOT9M4AigoY08M0WWZFISt1Yw2axZ_IiE4pqg"),
        call_leg_id=CallLegId("428c31b6-7af4-4bcb-b7f5-5013ef9657c1"),
        call_session_id=CallSessionId("428c31b6-abf3-3bc1-b7f4-5013ef9657c1"),
        connection_id="1494404757140276705",
        client_state=None,
        occurred_at=datetime(2026, 2, 2, 22, 25, 1, 521992, tzinfo=UTC),
        direction="incoming",
        from_="+35319605860",
        to="+13129457420",
        caller_id_name="Anna",
        state="parked",
        start_time=datetime(2026, 2, 2, 22, 25, 1, tzinfo=UTC),
        tags=(),
        custom_headers=(),
        sip_headers=(),
        offered_codecs="PCMU,PCMA",
        shaken_stir_attestation="",
        shaken_stir_validated=None,
        call_screening_result="",
    )


def test_headers_tags_and_attestation_of_an_incoming_call_are_read() -> None:
    event = parse(
        with_payload(
            "call.initiated (inbound)",
            tags=["vip", 7],
            custom_headers=[{"name": "X-Case", "value": "17"}, {"name": "X-Odd"}, "x"],
            sip_headers=[
                {"name": "User-to-User", "value": "a"},
                {"name": "Diversion", "value": ""},
            ],
            shaken_stir_attestation="A",
            shaken_stir_validated=True,
            start_time="2026-02-02T22:25:01Z",
        )
    )
    assert isinstance(event, CallInitiated)
    assert event.tags == ("vip",)
    assert event.custom_headers == (("X-Case", "17"),)
    assert event.sip_headers == (("User-to-User", "a"), ("Diversion", ""))
    assert (event.shaken_stir_attestation, event.shaken_stir_validated) == ("A", True)
    assert event.start_time == datetime(2026, 2, 2, 22, 25, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "field", ["tags", "custom_headers", "shaken_stir_attestation", "start_time"]
)
@pytest.mark.parametrize("value", [None, 5, {}, "x", [None], [{"name": 1, "value": 2}]])
def test_what_is_only_shown_never_refuses_a_call(field: str, value: object) -> None:
    assert isinstance(
        parse(with_payload("call.initiated (inbound)", **{field: value})), CallInitiated
    )


def test_hangup_tells_the_quality_that_telnyx_measured() -> None:
    event = parse({"data": EXAMPLES["callHangup"]})
    assert isinstance(event, CallHangup)
    assert event.inbound == events.Quality(
        mos=4.5, jitter_max_variance=2.74, packet_count=591, skip_packet_count=9
    )
    assert event.outbound is not None
    assert event.outbound.mos is None


@pytest.mark.parametrize("stats", [None, [], {"inbound": 3}, {"outbound": {"mos": {}}}])
def test_hangup_without_usable_quality_passes(stats: object) -> None:
    event = parse(with_payload("call.hangup", call_quality_stats=stats))
    assert isinstance(event, CallHangup)
    assert event.inbound is None


def test_costs_are_exact_amounts() -> None:
    event = parse({"data": EXAMPLES["callCost"]})
    assert isinstance(event, events.CallCost)
    assert (event.total, event.billed_s, event.status) == (Decimal("0.0106"), 120, "success")
    assert event.parts[0] == events.CostPart(
        product="sip-trunking",
        cost=Decimal("0.0050"),
        rate=Decimal("0.0050"),
        currency="USD",
        billed_s=60,
    )


@pytest.mark.parametrize("amount", [None, "free", "NaN", "-Infinity", [], True, "1e999999999"])
def test_cost_that_is_no_amount_is_untold(amount: object) -> None:
    event = parse(with_payload("call.cost", total_cost=amount, billed_duration_secs=amount))
    assert isinstance(event, events.CallCost)
    assert event.billed_s is None
    assert event.total is None or event.total.is_finite()


def test_words_that_telnyx_heard_are_read_and_stay_out_of_the_repr() -> None:
    event = parse(WEBHOOKS["call.transcription"])
    assert isinstance(event, events.TranscriptionReceived)
    assert (event.transcript, event.is_final, event.track) == ("hello", True, "inbound")
    assert event.confidence == 0.97
    assert "hello" not in repr(event)


def test_place_in_a_queue_is_read() -> None:
    enqueued = parse({"data": EXAMPLES["callEnqueued"]})
    assert isinstance(enqueued, events.CallEnqueued)
    assert (enqueued.queue, enqueued.position, enqueued.average_wait_s) == ("support", 5, 0)
    dequeued = parse({"data": EXAMPLES["callLeftQueue"]})
    assert isinstance(dequeued, events.CallDequeued)
    assert (dequeued.queue, dequeued.position, dequeued.reason) == ("support", 3, "leave")


def test_recording_without_addresses_passes_to_be_asked_for_later() -> None:
    event = parse(with_payload("call.recording.saved", recording_urls=None, recording_id="r1"))
    assert isinstance(event, RecordingSaved)
    assert (event.urls, event.recording_id) == ({}, "r1")


def test_socket_url_of_a_stream_stays_out_of_the_repr() -> None:
    event = parse(WEBHOOKS["streaming.started"])
    assert isinstance(event, events.StreamingStarted)
    assert event.stream_url.startswith("wss://")
    assert "wss://" not in repr(event)


@pytest.mark.parametrize("payload", [None, "x", {"call_control_id": 7, "client_state": []}])
def test_nothing_in_an_unknown_event_can_be_wrong(payload: object) -> None:
    event = parse({"data": {"event_type": "a.b", "id": "1", "payload": payload, "occurred_at": 5}})
    assert isinstance(event, UnknownEvent)
    assert (event.call_control_id, event.occurred_at, event.client_state) == ("", None, None)


def test_hangup_tells_cause_source_and_sip_status() -> None:
    event = parse(WEBHOOKS["call.hangup"])
    assert isinstance(event, CallHangup)
    assert (event.cause, event.source, event.sip_cause) == ("normal_clearing", "caller", "200")


def test_hangup_with_new_or_missing_cause_passes() -> None:
    event = parse(with_payload("call.hangup", hangup_cause="solar_flare", hangup_source=...))
    assert isinstance(event, CallHangup)
    assert (event.cause, event.source) == ("solar_flare", "unknown")


def test_recording_urls_that_are_null_are_left_out() -> None:
    urls = {"mp3": "https://x.example/r.mp3", "wav": None}
    event = parse(with_payload("call.recording.saved", recording_urls=urls))
    assert isinstance(event, RecordingSaved)
    assert event.urls == {"mp3": "https://x.example/r.mp3"}
    assert event.started_at == datetime(2026, 2, 2, 22, 25, 2, tzinfo=UTC)


def test_redelivery_keeps_its_id_and_counts_the_attempt() -> None:
    first = parse(WEBHOOKS["call.initiated (inbound)"])
    again = parse(odd("redelivery"))
    assert again.webhook_id == first.webhook_id
    assert (first.attempt, again.attempt) == (1, 2)


def test_null_client_state_is_none() -> None:
    event = parse(odd("null client_state"))
    assert isinstance(event, CallAnswered)
    assert event.client_state is None


def test_event_under_metadata_is_read() -> None:
    event = parse(odd("legacy metadata"))
    assert isinstance(event, CallAnswered)
    assert event.webhook_id == "e-meta"


def test_flat_event_with_dotted_name_is_read() -> None:
    flat = copy.deepcopy(WEBHOOKS["call.answered"]["data"])
    flat["created_at"] = flat.pop("occurred_at")
    event = parse(flat)
    assert isinstance(event, CallAnswered)
    assert event.occurred_at == datetime(2026, 2, 2, 22, 25, 3, 521992, tzinfo=UTC)


def test_v1_webhook_is_refused_with_the_setting_to_change() -> None:
    with pytest.raises(RemoteProtocolError, match=r"webhook_api_version .* to 2"):
        parse(odd("v1 flat"))


def test_unknown_event_passes_with_its_object() -> None:
    event = parse(odd("unknown future"))
    assert isinstance(event, UnknownEvent)
    assert event.event_type == "call.something.new"
    assert event.raw["payload"]["weird"] == [1, 2]


def test_event_type_is_read_in_any_case() -> None:
    body = copy.deepcopy(WEBHOOKS["call.answered"])
    body["data"]["event_type"] = "Call.Answered"
    assert isinstance(parse(body), CallAnswered)


def test_numbers_keys_and_state_stay_out_of_the_repr() -> None:
    for name in ("call.initiated (outbound leg)", "call.dtmf.received", "call.gather.ended"):
        shown = repr(parse(WEBHOOKS[name]))
        for secret in ("+35319605860", "+13129457420", "'5'", "'12'", "eyJydW4i"):
            assert secret not in shown


@pytest.mark.parametrize(
    ("name", "changes", "field"),
    [
        ("call.answered", {"call_control_id": ...}, "call_control_id"),
        ("call.answered", {"call_control_id": 7}, "call_control_id"),
        ("call.answered", {"from": ["+1"]}, "from"),
        ("call.answered", {"client_state": {}}, "client_state"),
        ("call.initiated (inbound)", {"direction": ...}, "direction"),
        ("call.initiated (inbound)", {"direction": "sideways"}, "direction"),
        ("call.hangup", {"hangup_cause": 16}, "hangup_cause"),
        ("call.dtmf.received", {"digit": ""}, "digit"),
        ("call.machine.detection.ended", {"result": None}, "result"),
        ("call.recording.saved", {"recording_urls": "x"}, "recording_urls"),
        ("call.recording.saved", {"recording_urls": {"mp3": 1}}, "recording_urls.mp3"),
        ("call.recording.saved", {"recording_started_at": "soon"}, "recording_started_at"),
        ("call.refer.completed", {"sip_notify_response": True}, "sip_notify_response"),
        ("call.refer.completed", {"sip_notify_response": -1}, "sip_notify_response"),
    ],
)
def test_wrong_payload_fields_are_named(name: str, changes: dict[str, Any], field: str) -> None:
    with pytest.raises(RemoteProtocolError, match=rf"data\.payload\.{field}"):
        parse(with_payload(name, **changes))


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        (("data",), [], "data: must be an object"),
        (("data", "id"), "", "data.id"),
        (("data", "event_type"), None, "data.event_type"),
        (("data", "payload"), "x", "data.payload"),
        (("data", "occurred_at"), 5, "occurred_at"),
        (("data", "occurred_at"), "yesterday", "occurred_at"),
        (("data", "occurred_at"), None, "occurred_at: is missing"),
        (("meta",), 3, "meta"),
        (("meta", "attempt"), "often", "attempt"),
        (("meta", "attempt"), 2**70, "attempt"),
    ],
)
def test_wrong_envelope_fields_are_named(path: tuple[str, ...], value: object, named: str) -> None:
    body = copy.deepcopy(WEBHOOKS["call.answered"])
    where = body
    for key in path[:-1]:
        where = where[key]
    where[path[-1]] = value
    with pytest.raises(RemoteProtocolError, match=named):
        parse(body)


def unknown_event(inside: str) -> bytes:
    return ('{"data":{"event_type":"call.new","id":"1","payload":{},"x":' + inside + "}}").encode()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not JSON"),
        (b"null", "must be a JSON object"),
        (b'["data"]', "must be a JSON object"),
        (b"\xff\xfe{}", "not UTF-8"),
        ('{"data":{}}'.encode("utf-16"), "not UTF-8"),
        (b"{} {}", "not JSON"),
        (unknown_event("NaN"), "NaN"),
        (unknown_event("-Infinity"), "Infinity"),
        (unknown_event("1e999"), "out of range"),
        (unknown_event("9" * 5000), "not JSON"),
        (unknown_event("[" * 100_000), "nested too deeply"),
        (unknown_event("[" * 40 + "]" * 40), "nested more than"),
        (unknown_event('{"a":' * 40 + "1" + "}" * 40), "nested more than"),
        (unknown_event(r'"\ud800"'), "surrogate"),
        (b"event_type=call.initiated", "not JSON"),
        (b"{}", "event_type"),
    ],
)
def test_malformed_bodies_are_refused(body: bytes, reason: str) -> None:
    with pytest.raises(RemoteProtocolError, match=reason):
        parse_event(body)


@pytest.mark.parametrize(
    "inside", ["[" * 20 + "]" * 20, '[{"a":[]},{}]' * 1, "[" + "[],[]," * 50 + "1]"]
)
def test_what_is_wide_but_not_deep_passes(inside: str) -> None:
    assert isinstance(parse_event(unknown_event(inside)), UnknownEvent)


def test_emoji_written_as_a_surrogate_pair_passes() -> None:
    event = parse_event(unknown_event(r'"\ud83d\ude00"'))
    assert isinstance(event, UnknownEvent)
    assert event.raw["x"] == "\N{GRINNING FACE}"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
)


def reads_or_refuses(call: Callable[[], object]) -> None:
    try:
        result = call()
    except RemoteProtocolError:
        return
    assert result is not None
    repr(result).encode()


@given(st.binary(max_size=300))
def test_any_bytes_give_a_record_or_a_refusal(body: bytes) -> None:
    reads_or_refuses(lambda: parse_event(body))


@settings(max_examples=50)
@given(json_values, st.sampled_from(["data", "metadata", "event_type", "payload"]))
def test_any_json_gives_a_record_or_a_refusal(value: object, key: str) -> None:
    reads_or_refuses(lambda: parse(value))
    reads_or_refuses(lambda: parse({key: value}))


@settings(max_examples=30)
@given(
    st.sampled_from(sorted(WEBHOOKS)),
    st.dictionaries(
        st.sampled_from(
            sorted({key for body in WEBHOOKS.values() for key in body["data"]["payload"]})
        ),
        json_values,
        min_size=1,
        max_size=3,
    ),
)
def test_any_payload_fields_give_a_record_or_a_refusal(name: str, changes: dict[str, Any]) -> None:
    reads_or_refuses(lambda: parse(with_payload(name, **changes)))
