"""What may be asked for, and what each filter means."""

import pytest

from tests.index.records import record
from voiced.errors import BadRequest
from voiced.index.query import CallQuery, Place, matches
from voiced.index.row import row_of
from voiced.switchboard.call_request import read_request

CALL = record(
    "a",
    minute=5,
    line="sales",
    outcome="completed",
    direction="outgoing",
    **{"from": "+13125550199", "to": "+442079460000"},
)


def row(document=CALL):
    return row_of(document, directory="d", instance="one")


def asked(**given):
    return read_request(CallQuery, {name: str(value) for name, value in given.items()})


@pytest.mark.parametrize(
    "filters",
    [
        {},
        {"state": "ended"},
        {"reason": "caller_hung_up"},
        {"outcome": "completed"},
        {"number": "+442079460000"},
        {"number": "+4420*"},
        {"number": "+13125550199"},
        {"number": " 442079460000"},  # a plus sign as a form reads it
        {"number": "*"},
        {"since": "2026-11-22"},
        {"since": "2026-11-22T10:05:00"},
        {"since": "2026-11-22T11:05:00+01:00"},
        {"until": "2026-11-22T10:05:00.001Z"},
        {"line": "sales"},
        {"direction": "outgoing"},
        {"instance": "one"},
        {"min_duration_s": 30},
        {"text": "TABLE for"},
        {"after": "2026-11-22T10:05:00.000+00:00~b"},
        {"after": "2026-11-22T10:05:00.000 00:00~b"},
    ],
)
def test_a_call_is_found_by_what_is_true_of_it(filters):
    assert matches(asked(**filters), row())


@pytest.mark.parametrize(
    "filters",
    [
        {"state": "live"},
        {"reason": "silence"},
        {"outcome": "busy"},
        {"number": "+44207946000"},
        {"number": "+4421*"},
        {"since": "2026-11-22T10:05:00.001Z"},
        {"until": "2026-11-22T10:05:00"},
        {"line": ""},
        {"direction": "incoming"},
        {"instance": "two"},
        {"min_duration_s": 30.1},
        {"text": "goodbye"},
        {"after": "2026-11-22T10:05:00.000+00:00~a"},
        {"after": "2026-11-22T10:04:59.000+00:00~z"},
    ],
)
def test_a_call_is_not_found_by_what_is_not(filters):
    assert not matches(asked(**filters), row())


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"state": "dead"}, 'state: must be "live", "ended" or "any"'),
        ({"since": "yesterday"}, "since: must be a time, like 2026-11-22"),
        ({"until": "9999-12-31T23:59:59-23:00"}, "until: must be a time"),
        ({"number": "+1*2"}, "number: must be a number or SIP URI, or its beginning"),
        ({"number": "+1\u0663"}, "number: must be a number or SIP URI"),
        ({"limit": "0"}, "limit: "),
        ({"limit": "1001"}, "limit: "),
        ({"limit": "many"}, "limit: "),
        ({"min_duration_s": "nan"}, "min_duration_s: "),
        ({"min_duration_s": "-1"}, "min_duration_s: "),
        ({"after": "12"}, "after: must be the `next` of an earlier answer"),
        ({"after": "2026-11-22~a"}, "after: must be the `next` of an earlier answer"),
        ({"text": "a\0b"}, "text: must not contain control characters"),
        ({"text": "x" * 201}, "text: "),
        ({"colour": "red"}, "'colour' is unknown here (known: state, reason"),
    ],
)
def test_a_query_that_makes_no_sense_is_told_what_is_wrong(given, told):
    with pytest.raises(BadRequest) as caught:
        read_request(CallQuery, given)
    assert str(caught.value).startswith(told)


def test_a_place_is_read_as_it_was_written():
    place = Place("2026-11-22T10:05:00.000+00:00", "abc")
    assert asked(after=str(place)).after == place
