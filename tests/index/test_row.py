"""What the index makes of a record, whatever that holds."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.index.records import record
from voiced.index.row import MOST_WORDS, row_of


def row(document):
    return row_of(document, directory="d", instance="one")


def test_a_list_shows_of_a_call_what_an_order_is_told_and_whose_it_is():
    shown = json.loads(row(record("a")).summary)
    assert shown["id"] == "a"
    assert shown["end"] == {"reason": "caller_hung_up", "evidence": "call.hangup"}
    assert (shown["instance"], shown["turns"], shown["worst_latency_s"]) == ("one", 3, 0.7)


@pytest.mark.parametrize(
    ("changes", "settled"),
    [
        ({}, True),
        ({"hangup_confirmed": False}, False),
        ({"hangup_confirmed": None}, False),
        ({"state": "live"}, False),
    ],
)
def test_a_call_is_settled_once_it_has_ended_and_its_leg_is_gone(changes, settled):
    assert row(record("a", **changes)).is_settled is settled


def test_times_of_any_zone_sort_as_they_came():
    there = row(record("a", started_at="2026-11-22T12:00:00+02:00")).started_at
    assert there == "2026-11-22T10:00:00.000+00:00"


def test_what_is_kept_of_a_long_talk_is_bounded():
    turns = [{"who": "caller", "text": "word " * 1000}] * 100
    assert len(row(record("a", turns=turns)).words) <= MOST_WORDS


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from([*record("a")]), json_values))
def test_a_record_that_is_none_makes_no_row_and_no_other_error(changes):
    try:
        found = row(record("a") | changes)
    except ValueError:
        return
    assert "\0" not in found.ref + found.words + found.from_
    found.words.encode()
