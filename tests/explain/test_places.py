"""A call is found by what an operator has of its id."""

from __future__ import annotations

import json

import pytest

from voiced.errors import AmbiguousCall, CallNotFound
from voiced.explain.places import find_call


@pytest.fixture
def root(tmp_path):
    for stamp, ref, call_id in (
        ("20261122T100000", "aaaa111122223333", "v3:first"),
        ("20261122T110000", "aaaa999922223333", "v3:second"),
        ("20261123T090000", "bbbb111122223333", "v3:third"),
    ):
        directory = tmp_path / f"{stamp}-{ref}"
        directory.mkdir()
        record = {"ref": ref, "call_id": call_id, "state": "ended"}
        (directory / "call.json").write_text(json.dumps(record))
    (tmp_path / "legs.jsonl").write_text("")
    return tmp_path


def found(root, call_id):
    return find_call(root, call_id, lambda _done: None).record["call_id"]


@pytest.mark.parametrize(
    ("call_id", "expected"),
    [
        ("aaaa111122223333", "v3:first"),
        ("bbb", "v3:third"),
        ("aaaa9", "v3:second"),
        ("20261122T11", "v3:second"),
        ("20261123T090000-bbbb111122223333", "v3:third"),
        ("v3:second", "v3:second"),
        ("v3:thi", "v3:third"),
        ("last", "v3:third"),
    ],
)
def test_by_id_beginning_time_telnyxs_id_or_as_the_last(root, call_id, expected):
    assert found(root, call_id) == expected


def test_by_the_path_of_its_directory_or_record(root):
    directory = root / "20261122T100000-aaaa111122223333"
    assert found(root, str(directory)) == "v3:first"
    assert found(root, str(directory / "call.json")) == "v3:first"


def test_a_beginning_that_fits_several_names_them(root):
    with pytest.raises(AmbiguousCall, match="aaaa111122223333, aaaa999922223333: give more"):
        found(root, "aaaa")


@pytest.mark.parametrize("call_id", ["cccc", "aa", "v3:nobody", "legs", "", "nosuch/dir"])
def test_a_call_that_is_not_there_is_said_so(root, call_id):
    with pytest.raises(CallNotFound, match="there is no call"):
        found(root, call_id)


def test_no_directory_of_records_is_said_with_the_remedy(root):
    with pytest.raises(CallNotFound, match=r"\[records\] path .*/none: No such file.*--config"):
        found(root / "none", "abcd")


def test_a_damaged_record_is_named(root):
    (root / "20261122T100000-aaaa111122223333" / "call.json").write_text('{"half": ')
    with pytest.raises(CallNotFound, match="is damaged"):
        found(root, "aaaa1")
    assert found(root, "v3:third") == "v3:third"  # the others are found all the same


def test_a_search_through_the_records_tells_how_far_it_is(root):
    told: list[str] = []
    find_call(root, "v3:first", told.append)
    assert told == ["1 of 3 calls", "2 of 3 calls", "3 of 3 calls"]
