import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiced.audio.reorder import Reorder, ReorderStatistics


def payload(chunk):
    return str(chunk).encode()


def run(chunks, window=3):
    """Feed `chunks`, then flush; return what came out, as numbers, and the statistics."""
    reorder = Reorder(window)
    out = [piece for chunk in chunks for piece in reorder.add(chunk, payload(chunk))]
    out += reorder.flush()
    return [None if piece is None else int(piece) for piece in out], reorder.statistics()


def counts(**nonzero):
    zero = dict.fromkeys(
        ("received", "lost", "late", "duplicated", "reordered", "resynchronized"), 0
    )
    return ReorderStatistics(**(zero | nonzero))


CASES = {
    "in order from 1": ([1, 2, 3], [1, 2, 3], {}),
    "in order from 0": ([0, 1, 2], [0, 1, 2], {}),
    "in order from anywhere": ([7000, 7001], [7000, 7001], {}),
    "nothing": ([], [], {}),
    "a swapped pair": ([1, 3, 2, 4], [1, 2, 3, 4], {"reordered": 1}),
    "two chunks early": ([1, 3, 4, 2, 5], [1, 2, 3, 4, 5], {"reordered": 1}),
    "backwards": ([1, 4, 3, 2, 5], [1, 2, 3, 4, 5], {"reordered": 2}),
    "lost": ([1, 3, 4, 5, 6], [1, None, 3, 4, 5, 6], {"lost": 1}),
    "lost at the end": ([1, 2, 4], [1, 2, None, 4], {"lost": 1}),
    "two lost together": ([1, 4, 5, 6, 7], [1, None, None, 4, 5, 6, 7], {"lost": 2}),
    "two lost apart": ([1, 3, 5, 6, 7, 8], [1, None, 3, None, 5, 6, 7, 8], {"lost": 2}),
    "too late": ([1, 3, 4, 5, 2, 6], [1, None, 3, 4, 5, 6], {"lost": 1, "late": 1}),
    "before the start": ([5, 4, 6], [5, 6], {"late": 1}),
    "again at once": ([1, 1, 2], [1, 2], {"duplicated": 1}),
    "again while held": ([1, 3, 3, 2], [1, 2, 3], {"duplicated": 1, "reordered": 1}),
    "again much later": ([1, 2, 3, 4, 5, 1], [1, 2, 3, 4, 5], {"duplicated": 1}),
    "late and again": (
        [1, 3, 4, 5, 2, 2],
        [1, None, 3, 4, 5],
        {"lost": 1, "late": 1, "duplicated": 1},
    ),
    "a second of loss": ([1, 51, 52, 53], [1, *[None] * 49, 51, 52, 53], {"lost": 49}),
    "far forward": ([1, 2, 500, 501], [1, 2, 500, 501], {"resynchronized": 1}),
    "far back": ([500, 501, 1, 2], [500, 501, 1, 2], {"resynchronized": 1}),
    "far with a gap": ([1, 3, 900, 901], [1, None, 3, 900, 901], {"lost": 1, "resynchronized": 1}),
}


@pytest.mark.parametrize("case", CASES)
def test_chunks_come_out_in_order_and_are_counted(case):
    chunks, expected, counted = CASES[case]
    out, statistics = run(chunks)
    assert out == expected
    assert statistics == counts(received=len(chunks), **counted)


def test_a_chunk_in_order_is_given_on_at_once():
    reorder = Reorder()
    for chunk in range(1, 200):
        assert reorder.add(chunk, payload(chunk)) == [payload(chunk)]


@pytest.mark.parametrize("window", [1, 2, 3, 10])
def test_a_gap_is_waited_for_until_the_window_is_full(window):
    reorder = Reorder(window)
    reorder.add(1, payload(1))
    for chunk in range(3, 2 + window):  # 2 is missing
        assert reorder.add(chunk, payload(chunk)) == []
    last = 2 + window
    ready = [None, *(payload(chunk) for chunk in range(3, last + 1))]
    assert reorder.add(last, payload(last)) == ready


def test_each_of_two_missing_chunks_is_waited_for_as_long():
    reorder = Reorder()
    reorder.add(1, payload(1))
    assert reorder.add(4, payload(4)) == []
    assert reorder.add(5, payload(5)) == [None]
    assert reorder.add(6, payload(6)) == [None, payload(4), payload(5), payload(6)]


def test_the_stream_may_go_on_after_a_flush():
    reorder = Reorder()
    assert reorder.flush() == []
    reorder.add(1, payload(1))
    reorder.add(3, payload(3))
    assert reorder.flush() == [None, payload(3)]
    assert reorder.flush() == []
    assert reorder.add(2, payload(2)) == []  # too late
    assert reorder.add(4, payload(4)) == [payload(4)]


def test_an_empty_payload_is_a_chunk_and_not_a_loss():
    reorder = Reorder()
    assert reorder.add(1, b"") == [b""]
    assert reorder.add(3, b"") == []
    assert reorder.add(2, b"") == [b"", b""]


@pytest.mark.parametrize("window", [0, -1, 51])
def test_a_window_that_makes_no_sense_is_refused(window):
    with pytest.raises(ValueError, match=f"window = {window}: must be 1 to 50"):
        Reorder(window)


@given(
    st.integers(-5, 10**12),
    st.integers(1, 8),
    st.lists(st.floats(0, 1, exclude_max=True), max_size=80),
)
def test_any_permutation_within_the_window_comes_out_in_order_once(start, window, jitter):
    # A chunk overtakes another only if their numbers are less than the window apart.
    later = range(start + 1, start + 1 + len(jitter))
    arrival = dict(zip(later, (n + window * j for n, j in enumerate(jitter)), strict=True))
    chunks = [start, *sorted(later, key=arrival.__getitem__)]
    out, statistics = run(chunks, window)
    assert out == [start, *later]
    highest = [max(chunks[: n + 1]) for n in range(len(chunks))]
    overtaken = sum(chunk < high for chunk, high in zip(chunks, highest, strict=True))
    assert statistics == counts(received=len(chunks), reordered=overtaken)


@given(st.lists(st.integers(100, 150), max_size=150), st.integers(1, 5))
def test_no_chunk_comes_out_twice_or_out_of_order(chunks, window):
    out, statistics = run(chunks, window)
    if out:
        numbered = list(range(chunks[0], chunks[0] + len(out)))
        assert all(piece in (None, number) for piece, number in zip(out, numbered, strict=True))
    assert statistics.received == len(chunks)
    assert statistics.lost == out.count(None)
    assert statistics.late + statistics.duplicated == len(chunks) - len(out) + out.count(None)
    assert statistics.resynchronized == 0


@given(st.lists(st.integers(-(10**6), 10**6) | st.integers(0, 120), max_size=150))
def test_whatever_comes_in_each_numbering_comes_out_in_order_and_nothing_floods(chunks):
    reorder = Reorder()
    due = None
    for chunk in chunks:
        before = reorder.statistics().resynchronized
        ready = reorder.add(chunk, payload(chunk))
        assert len(ready) <= 50 + 1
        restarted = reorder.statistics().resynchronized > before
        if restarted:
            assert ready[-1] == payload(chunk)
        due = chunk if due is None else due
        for piece in ready[:-1] if restarted else ready:
            assert piece in (None, payload(due))
            due += 1
        if restarted:
            due = chunk + 1
    assert reorder.statistics().received == len(chunks)
