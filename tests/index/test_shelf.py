"""Both databases find what the rules say, and nothing else; rows that they refuse cost no other."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.index.records import record
from voiced.errors import IndexUnavailable
from voiced.index.query import CallQuery, Place, matches
from voiced.index.row import row_of
from voiced.index.shelf import Noted
from voiced.index.sql import TABLE

NUMBERS = ["+13125550100", "+13125550199", "+1312555", "sip:a_b@x", "sip:a%b@x", ""]
TEXTS = ["Table", "100% sure", "a_b", "back\\slash", "Straße", "weiß", "ÄÖ", "", "x'; DROP TABLE"]

calls = st.builds(
    record,
    st.text("abc", min_size=1, max_size=2),
    st.integers(0, 3),
    line=st.sampled_from(["", "sales"]),
    direction=st.sampled_from(["incoming", "outgoing"]),
    state=st.sampled_from(["live", "ended"]),
    duration_s=st.sampled_from([None, 0.0, 9.5, 60]),
    end=st.sampled_from([None, {"reason": "silence", "evidence": ""}]),
    outcome=st.sampled_from([None, "busy"]),
    turns=st.lists(st.sampled_from(TEXTS).map(lambda text: {"text": text}), max_size=2),
).flatmap(
    lambda made: st.builds(
        lambda from_, to: made | {"from": from_, "to": to},
        st.sampled_from(NUMBERS),
        st.sampled_from(NUMBERS),
    )
)
queries = st.builds(
    CallQuery,
    state=st.sampled_from(["any", "live", "ended"]),
    reason=st.sampled_from(["", "silence"]),
    outcome=st.sampled_from(["", "busy"]),
    number=st.sampled_from([*NUMBERS, "+1312*", "sip:a_*", "*"]),
    since=st.sampled_from(["", "2026-11-22T10:01:00"]),
    until=st.sampled_from(["", "2026-11-22T10:02:00"]),
    line=st.sampled_from([None, "", "sales"]),
    direction=st.sampled_from(["", "incoming"]),
    min_duration_s=st.sampled_from([0.0, 9.5]),
    text=st.sampled_from([*TEXTS, "STRASSE", "äö"]),
    limit=st.integers(1, 4),
    after=st.sampled_from([None, "2026-11-22T10:01:00.000+00:00~b"]),
)


def noted(document, directory, changed_ns=0):
    text = json.dumps(document)
    return Noted(row_of(document, directory=directory, instance="one"), changed_ns, text)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(calls, max_size=6), st.lists(queries, min_size=1, max_size=6))
def test_a_database_finds_what_the_rules_say(shelf, documents, asked):
    shelf.prepare()
    shelf.forget("home", sorted(shelf.directories("home")))
    shelf.note("home", [noted(document, str(n)) for n, document in enumerate(documents)])
    rows = [
        row_of(document, directory=str(n), instance="one") for n, document in enumerate(documents)
    ]
    for query in asked:
        expected = sorted(
            ((row.started_at, row.ref, row.summary) for row in rows if matches(query, row)),
            key=lambda found: found[:2],
            reverse=True,
        )
        found = shelf.search(query)
        assert [f[:2] for f in found] == [e[:2] for e in expected[: query.limit + 1]]
        assert {f[2] for f in found} <= {e[2] for e in expected}


def test_all_calls_are_told_once_page_by_page(shelf):
    shelf.prepare()
    documents = [record(f"r{n:02}", minute=n // 3) for n in range(20)]
    shelf.note("home", [noted(document, document["ref"]) for document in documents])
    told, after = [], None
    while True:
        found = shelf.search(CallQuery(limit=7, after=after))
        told += [ref for _, ref, _ in found[:7]]
        if len(found) <= 7:
            break
        after = str(Place(*found[6][:2]))
    assert told == [f"r{n:02}" for n in reversed(range(20))]


def test_an_older_state_of_a_call_never_takes_the_place_of_a_newer_one(shelf):
    shelf.prepare()
    live = record("a", state="live", hangup_confirmed=None, end=None)
    shelf.note("home", [noted(record("a"), "d", changed_ns=2_000_000_000_000_000_000)])
    shelf.note("home", [noted(live, "d", changed_ns=1)])
    assert shelf.settled("home") == {"d": 2_000_000_000_000_000_000}


def test_the_calls_of_two_homes_do_not_mix_and_are_found_together(shelf):
    shelf.prepare()
    shelf.note("here", [noted(record("a"), "same")])
    shelf.note("there", [noted(record("b"), "same")])
    assert [ref for _, ref, _ in shelf.search(CallQuery())] == ["b", "a"]
    assert shelf.directories("here") == {"same"}
    shelf.forget("here", ["same"])
    assert [ref for _, ref, _ in shelf.search(CallQuery())] == ["b"]


@pytest.mark.parametrize("call_id", ["a", "v3:a"])
def test_a_call_is_found_by_our_name_and_by_telnyxs(shelf, call_id):
    shelf.prepare()
    shelf.note("home", [noted(record("a"), "d"), noted(record("b"), "e")])
    home, directory, text = shelf.find(call_id)
    assert (home, directory, json.loads(text)["ref"]) == ("home", "d", "a")
    assert shelf.find("nobody") is None


def test_a_table_that_is_missing_is_an_index_that_cannot_be_used(shelf):
    with pytest.raises(IndexUnavailable, match=TABLE):
        shelf.search(CallQuery())
    with pytest.raises(IndexUnavailable, match=TABLE):
        shelf.note("home", [noted(record("a"), "d")])


@pytest.mark.socket
@pytest.mark.slow
def test_instances_that_start_at_once_make_one_table(postgres):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: postgres.prepare(), range(8)))
    assert postgres.search(CallQuery()) == []
