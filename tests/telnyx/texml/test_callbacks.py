"""TeXML's requests become records, and the events of Call Control."""

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import jsonschema
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from voiced.errors import RemoteProtocolError, WebhookRejected
from voiced.telnyx import events, texml
from voiced.telnyx.machine import MachineJudge, Verdict, default_settings
from voiced.telnyx.webhook import WebhookVerifier

SCHEMA: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "data/telnyx/texml-callbacks.schema.json").read_text()
)
NOW = datetime(2026, 2, 2, 22, 25, tzinfo=UTC)
EXAMPLES = [(kind, form) for kind, part in SCHEMA["$defs"].items() for form in part["examples"]]
RECORDS: dict[str, type[Any]] = {
    "call_status": texml.CallStatusChanged,
    "stream": texml.StreamChanged,
    "recording": texml.RecordingChanged,
}


def example(kind: str, **wanted: str) -> dict[str, str]:
    return next(
        dict(form)
        for name, form in EXAMPLES
        if name == kind and all(form.get(key) == value for key, value in wanted.items())
    )


def posted(form: dict[str, str]) -> texml.TexmlCallback:
    return texml.parse_callback(texml.parse_form(urlencode(form).encode()))


@pytest.mark.parametrize(("kind", "form"), EXAMPLES)
def test_examples_are_read_as_what_they_are(kind: str, form: dict[str, str]) -> None:
    jsonschema.validate(form, SCHEMA["$defs"][kind])
    if kind == "instruction_fetch":
        fetch = texml.parse_fetch(texml.parse_form(urlencode(form).encode()))
        assert (fetch.from_, fetch.to) == (form["From"], form["To"])
        assert fetch.call_control_id == form["CallSid"]
        assert fetch.caller_id == form["CallerId"]
    else:
        callback = posted(form)
        assert type(callback) is RECORDS[kind]
        assert callback.call_control_id == form["CallSid"]
        assert callback.account_sid == form["AccountSid"]


STATUSES: list[str] = SCHEMA["$defs"]["call_status"]["properties"]["CallStatus"]["enum"]


@pytest.mark.parametrize("status", STATUSES)
def test_every_status_has_its_event(status: str) -> None:
    form = example("call_status") | {"CallStatus": status}
    expected = {
        "initiated": type(None),
        "ringing": type(None),
        "in-progress": events.CallAnswered,
    }.get(status, events.CallHangup)
    assert type(texml.as_event(posted(form), NOW)) is expected


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        ("completed", "normal_clearing"),
        ("busy", "user_busy"),
        ("no-answer", "no_answer"),
        ("canceled", "originator_cancel"),
        ("failed", "unspecified"),
    ],
)
def test_last_status_tells_the_cause_where_none_is_named(status: str, cause: str) -> None:
    form = example("call_status") | {"CallStatus": status}
    hangup = texml.as_event(posted(form), NOW)
    assert isinstance(hangup, events.CallHangup)
    assert (hangup.cause, hangup.source) == (cause, "unknown")


def test_completed_call_tells_all_that_it_knows() -> None:
    stats = {"inbound": {"mos": "4.50"}, "outbound": {"packet_count": "3"}}
    form = example("call_status") | {
        "CallStatus": "completed",
        "SequenceNumber": "7",
        "CallDuration": "12",
        "CallLegId": "leg",
        "CallSessionId": "session",
        "HangupCause": "time_limit",
        "HangupSource": "caller",
        "CallQualityStats": json.dumps(stats),
        "AnsweredBy": "Human",
    }
    callback = posted(form)
    assert isinstance(callback, texml.CallStatusChanged)
    assert callback.dedup_key == (form["CallSid"], 7)
    assert (callback.duration_s, callback.answered_by) == (12, "human")
    hangup = texml.as_event(callback, NOW)
    assert isinstance(hangup, events.CallHangup)
    assert (hangup.cause, hangup.source) == ("time_limit", "caller")
    assert (hangup.call_leg_id, hangup.call_session_id) == ("leg", "session")
    assert hangup.inbound is not None
    assert hangup.inbound.mos == 4.5
    assert hangup.outbound is not None


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("stream-started", events.StreamingStarted),
        ("stream-stopped", events.StreamingStopped),
        ("stream-failed", events.StreamingFailed),
        ("stream-error", events.StreamingFailed),
        ("Stream-Started", events.StreamingStarted),
        ("stream-paused", type(None)),
    ],
)
def test_every_stream_event_has_its_event(told: str, expected: type[Any]) -> None:
    form = example("stream") | {"StreamEvent": told, "StreamError": "Connection timeout"}
    event = texml.as_event(posted(form), NOW)
    assert type(event) is expected
    if isinstance(event, events.StreamingFailed):
        assert (event.reason, event.stream_id) == ("Connection timeout", form["StreamSid"])


@pytest.mark.parametrize(
    ("url", "form"),
    [("https://a.example/r.mp3?x=.wav", "mp3"), ("https://a.example/r.WAV?x", "wav")],
)
def test_finished_recording_tells_its_address(url: str, form: str) -> None:
    event = texml.as_event(posted(example("recording") | {"RecordingUrl": url}), NOW)
    assert isinstance(event, events.RecordingSaved)
    assert event.urls == {form: url}
    assert event.channels == "dual"


@pytest.mark.parametrize(
    "form",
    [
        {"CallSid": "c", "RecordingStatus": "in-progress"},
        {"CallSid": "c", "RecordingStatus": "absent"},
        {"CallSid": "c", "Digits": "12"},
        {"CallSid": "c", "CallStatus": "brand-new"},
    ],
)
def test_what_changes_nothing_is_no_event(form: dict[str, str]) -> None:
    assert texml.as_event(posted(form), NOW) is None


@pytest.mark.parametrize(
    ("answered_by", "verdict"),
    [
        ("human", Verdict.HUMAN),
        ("machine", Verdict.MACHINE),
        ("Fax", Verdict.FAX),
        ("unknown", Verdict.HUMAN),
    ],
)
def test_who_has_answered_is_judged_as_by_premium_detection(
    answered_by: str, verdict: Verdict
) -> None:
    event = texml.as_event(posted({"CallSid": "c", "AnsweredBy": answered_by}), NOW)
    assert isinstance(event, events.PremiumDetectionEnded)
    judge = MachineJudge(default_settings("premium"))
    assert judge.hear(event, 1.0).verdict is verdict


def test_fetch_is_an_incoming_call_and_twice_the_same_one() -> None:
    fetch = texml.parse_fetch(example("instruction_fetch"))
    call = texml.as_initiated(fetch, NOW)
    assert call.direction == "incoming"
    assert (call.from_, call.to, call.occurred_at) == (fetch.from_, fetch.to, NOW)
    assert call.webhook_id == texml.as_initiated(fetch, datetime.now(UTC)).webhook_id


def test_callback_delivered_again_keeps_its_id_and_others_differ() -> None:
    first = example("call_status") | {"CallStatus": "in-progress", "SequenceNumber": "2"}
    last = first | {"CallStatus": "completed", "SequenceNumber": "3"}
    other = last | {"CallSid": "v3:other"}
    unnumbered = {key: value for key, value in last.items() if key != "SequenceNumber"}
    forms = [first, last, other, unnumbered, example("stream", StreamEvent="stream-started")]
    ids = [getattr(texml.as_event(posted(form), NOW), "webhook_id", None) for form in forms]
    assert len(set(ids)) == len(forms)
    assert None not in ids
    again = texml.as_event(posted(first), NOW)
    assert again is not None
    assert again.webhook_id == ids[0]


@pytest.mark.parametrize("number", [None, "", "many", "-1", "9" * 30])
def test_callback_without_a_usable_number_has_no_key(number: str | None) -> None:
    form = {"CallSid": "c", "CallStatus": "completed"}
    if number is not None:
        form["SequenceNumber"] = number
    callback = posted(form)
    assert isinstance(callback, texml.CallStatusChanged)
    assert callback.dedup_key is None


@pytest.mark.parametrize(
    ("stamp", "expected"),
    [
        ("2024-01-15T10:30:00Z", datetime(2024, 1, 15, 10, 30, tzinfo=UTC)),
        ("2024-01-15T10:30:00", datetime(2024, 1, 15, 10, 30, tzinfo=UTC)),
        ("Mon, 15 Jan 2024 10:30:00 +0000", datetime(2024, 1, 15, 10, 30, tzinfo=UTC)),
        ("", NOW),
        ("yesterday", NOW),
    ],
)
def test_times_of_either_form_are_read_and_others_are_now(stamp: str, expected: datetime) -> None:
    form = example("call_status") | {"CallStatus": "in-progress", "Timestamp": stamp}
    event = texml.as_event(posted(form), NOW)
    assert isinstance(event, events.CallAnswered)
    assert event.occurred_at == expected


def test_numbers_and_errors_stay_out_of_the_repr() -> None:
    fetch = repr(texml.parse_fetch(example("instruction_fetch")))
    assert "+35319605860" not in fetch
    assert "+13129457420" not in fetch


def test_signature_over_the_form_body_is_checked() -> None:
    key = Ed25519PrivateKey.generate()
    public = base64.b64encode(key.public_key().public_bytes_raw()).decode()
    body = urlencode(example("call_status")).encode()
    signature = base64.b64encode(key.sign(b"1700000000|" + body)).decode()
    headers = {"Telnyx-Timestamp": "1700000000", "Telnyx-Signature-Ed25519": signature}
    verifier = WebhookVerifier(public)
    verifier.verify(headers, body, 1700000001.0)
    with pytest.raises(WebhookRejected):
        verifier.verify(headers, body.replace(b"ringing", b"completed"), 1700000001.0)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"CallSid=a&CallSid=b", "comes twice"),
        (b"CallSid=%ff", "UTF-8"),
        (b"CallSid=\xff", "UTF-8"),
        (b"&".join(b"a%d=1" % n for n in range(300)), "more than 200"),
        (b"", "CallSid is missing"),
        (b"CallSid=", "CallSid is missing"),
        (b'{"data":{}}', "CallSid is missing"),
    ],
)
def test_malformed_forms_are_refused(body: bytes, reason: str) -> None:
    with pytest.raises(RemoteProtocolError, match=reason):
        texml.parse_callback(texml.parse_form(body))


KEYS = sorted({key for _, form in EXAMPLES for key in form} | {"AnsweredBy", "Digits"})


@settings(max_examples=40)
@given(st.dictionaries(st.sampled_from(KEYS), st.text(max_size=12), max_size=6))
def test_any_form_of_a_call_is_read(form: dict[str, str]) -> None:
    callback = posted({**form, "CallSid": "c"})
    texml.as_event(callback, NOW)
    repr(callback)
    texml.as_initiated(texml.parse_fetch({**form, "CallSid": "c"}), NOW)


@given(st.binary(max_size=200))
def test_any_bytes_give_a_form_or_a_refusal(body: bytes) -> None:
    try:
        form = texml.parse_form(body)
    except RemoteProtocolError:
        return
    assert isinstance(form, dict)
