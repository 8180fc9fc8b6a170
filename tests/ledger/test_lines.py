"""Lines of open items: what they say, and what is left of them after a crash."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiced.ledger.lines import Contents, drop_line, put_line, read_lines, whole_file

FACTS = st.lists(st.tuples(st.sampled_from("abc"), st.none() | st.integers()), max_size=20)


def written(facts):
    """Return a file of these facts (key, number or None for done), and what is open after it."""
    lines = b""
    items: dict[str, Any] = {}
    for key, number in facts:
        if number is None:
            lines += drop_line(key)
            items.pop(key, None)
        else:
            items[key] = {"n": number}
            lines += put_line(key, items[key])
    return lines, items


@given(FACTS)
def test_what_is_put_and_not_dropped_is_open(facts):
    content, items = written(facts)
    assert read_lines(content) == Contents(items=items, n_lines=len(facts))


@given(FACTS)
def test_a_whole_file_says_the_same_in_as_few_lines(facts):
    content, items = written(facts)
    assert read_lines(whole_file(read_lines(content).items)) == Contents(
        items=items, n_lines=len(items)
    )


@given(FACTS, st.data())
def test_a_file_torn_anywhere_keeps_all_lines_that_are_whole(facts, data):
    content, _ = written(facts)
    torn = content[: data.draw(st.integers(0, len(content)))]
    assert read_lines(torn) == read_lines(torn[: torn.rfind(b"\n") + 1])
    assert read_lines(torn).n_damaged == 0


@pytest.mark.parametrize(
    "line",
    [
        b"garbage",
        b"\xff\xfe\x00",
        b"[]",
        b"null",
        b'{"put":1,"item":{}}',
        b'{"put":"k","item":[]}',
        b'{"put":"k"}',
        b'{"drop":null}',
        b"[" * 100_000,
    ],
)
def test_a_line_that_says_nothing_is_counted_and_costs_no_other(line):
    content = put_line("a", {"n": 1}) + line + b"\n" + put_line("b", {"n": 2})
    contents = read_lines(content)
    assert contents.items == {"a": {"n": 1}, "b": {"n": 2}}
    assert (contents.n_lines, contents.n_damaged) == (3, 1)


def test_an_empty_file_has_nothing_open():
    assert read_lines(b"") == read_lines(b"\n\n") == Contents()
