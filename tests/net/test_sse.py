from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiced.net.sse import EVENT_MAX_BYTES, SseEvent, SseParser


def message(data, event="message", event_id=""):
    return SseEvent(event=event, data=data, id=event_id)


# From the standard's own examples, section 9.2.6, and what models really send.
STREAMS = [
    (b"data: YHOO\ndata: +2\ndata: 10\n\n", [message("YHOO\n+2\n10")]),
    (
        b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third\n\n",
        [message("first event", event_id="1"), message("second event"), message(" third")],
    ),
    (b"data\n\ndata\ndata\n\ndata:", [message(""), message("\n")]),
    (b"data:test\n\ndata: test\n\n", [message("test"), message("test")]),
    (b"\xef\xbb\xbfevent: add\r\ndata: 7\r\n\r\n", [message("7", event="add")]),
    (b"data: a\r\rdata: b\r\n\r\n", [message("a"), message("b")]),
    (b"event: ping\n\ndata: x\n\n", [message("x")]),  # a name without data is no event
    (b"retry: 10000\nfoo: bar\ndata: [DONE]\n\n", [message("[DONE]")]),
    (
        b"id: 5\ndata: a\n\nid: \0\ndata: b\n\n",
        [message("a", event_id="5"), message("b", event_id="5")],
    ),
    (b"data: caf\xc3\xa9 \xe2\x98\x8e\n\n", [message("caf\u00e9 \u260e")]),
    (b"data: \xff\n\n", [message("\ufffd")]),
    (b"data: unfinished\n", []),
]  # fmt: skip


@pytest.mark.parametrize(("stream", "expected"), STREAMS)
def test_events_are_read_as_the_standard_says(stream, expected):
    assert SseParser().feed(stream) == expected


@pytest.mark.parametrize(("stream", "expected"), STREAMS)
def test_byte_by_byte_gives_the_same(stream, expected):
    parser = SseParser()
    assert [e for i in range(len(stream)) for e in parser.feed(stream[i : i + 1])] == expected


LINES = st.lists(
    st.tuples(
        st.sampled_from([b"data: ", b"data:", b"event:", b"id: ", b":", b"", b"\xef\xbb\xbf"]),
        st.text(alphabet="a :\u00e9\u2028\0", max_size=5).map(lambda text: text.encode()),
        st.sampled_from([b"\n", b"\r", b"\r\n", b"\n\n", b"\r\n\r\n", b"\r\r"]),
    ).map(b"".join),
    max_size=12,
).map(b"".join)


@given(LINES, st.lists(st.integers(0, 200), max_size=8))
def test_however_a_stream_is_cut_the_events_are_the_same(stream, cuts):
    whole = SseParser().feed(stream)
    places = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    parser = SseParser()
    pieces = [stream[a:b] for a, b in pairwise(places)]
    assert [event for piece in pieces for event in parser.feed(piece)] == whole


def test_an_event_is_given_with_its_empty_line_not_with_what_follows():
    parser = SseParser()
    assert parser.feed(b"data: now\r\n\r") == [message("now")]
    assert parser.feed(b"\ndata: then\n\n") == [message("then")]


@pytest.mark.parametrize("endless", [b"x" * (EVENT_MAX_BYTES + 1), b"data: y\n" * EVENT_MAX_BYTES])
def test_what_has_no_end_is_refused(endless):
    with pytest.raises(ValueError, match="more than 1048576 bytes"):
        SseParser().feed(endless[: EVENT_MAX_BYTES + 300_000])
