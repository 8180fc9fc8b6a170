"""What two processes say to each other, read as it was written."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiced.errors import RemoteProtocolError
from voiced.handover.wire import (
    MOST_BYTES,
    Answer,
    Drain,
    Go,
    Hello,
    Hurry,
    Offered,
    read_answer,
    read_order,
    write_answer,
    write_order,
)

ORDERS = st.one_of(
    st.builds(Hello, version=st.integers(0, 99)),
    st.just(Go()),
    st.builds(Drain, limit_s=st.floats(0, 14400)),
    st.just(Hurry()),
)
ANSWERS = st.builds(
    Answer,
    state=st.sampled_from(["serving", "busy", "elder", "gone"]),
    listeners=st.lists(st.builds(Offered, name=st.text(), bind=st.text()), max_size=4).map(tuple),
)


@given(ORDERS)
def test_an_order_is_read_as_it_was_given(order):
    line = write_order(order)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert read_order(line) == order


@given(ANSWERS)
def test_an_answer_is_read_as_it_was_given(answer):
    line = write_answer(answer)
    assert line.count(b"\n") == 1
    assert read_answer(line) == answer


def test_an_answer_of_ours_is_far_shorter_than_a_line_may_be():
    listeners = tuple(Offered(name=name, bind="[::1]:65535") for name in ("public", "admin"))
    assert len(write_answer(Answer(state="serving", listeners=listeners))) < MOST_BYTES / 50


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\xff",
        b"GET / HTTP/1.1",
        b"[]",
        b"null",
        b"{}",
        b'{"hello": "1"}',
        b'{"do": "drain"}',
        b'{"do": "drain", "limit_s": "60"}',
        b'{"do": "dance"}',
        b"[" * 10_000,
    ],
)
def test_what_is_no_order_is_refused(line):
    with pytest.raises(RemoteProtocolError, match="handover: not"):
        read_order(line)


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b'{"state": "serving"}',
        b'{"state": "sleeping", "listeners": []}',
        b'{"state": "serving", "listeners": {}}',
        b'{"state": "serving", "listeners": [{"name": "public"}]}',
        b'{"state": "serving", "listeners": ["public"]}',
    ],
)
def test_what_is_no_answer_is_refused(line):
    with pytest.raises(RemoteProtocolError, match="handover: not"):
        read_answer(line)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(st.one_of(st.binary(), JSON.map(lambda thing: json.dumps(thing).encode())))
def test_whatever_comes_is_read_or_refused(line):
    for read in (read_order, read_answer):
        with suppress(RemoteProtocolError):
            read(line)
