"""Text messages cut out beside the library: the same frames, faults and answers."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

from tests.sockets.conftest import frame, upgrade
from voiced.public.framing import FrameReader, text_frame

LIMIT = 70_000


def connected():
    protocol = ServerProtocol(max_size=LIMIT)
    protocol.receive_data(upgrade("/telnyx/media/x"))
    (request,) = protocol.events_received()
    assert isinstance(request, Request)
    protocol.send_response(protocol.accept(request))
    protocol.data_to_send()
    return protocol


def as_read(pieces):
    """Return what our reader makes of `pieces`: its frames, and how the protocol then stands."""
    protocol = connected()
    reader = FrameReader(protocol, LIMIT)
    found = []
    for piece in pieces:
        for item in reader.feed(piece):
            is_text = not isinstance(item, Frame)
            found.append((Opcode.TEXT, item, True) if is_text else plain(item))
    return found, *standing(protocol)


def as_the_library_reads(pieces):
    protocol = connected()
    found = []
    for piece in pieces:
        protocol.receive_data(piece)
        found += [plain(event) for event in protocol.events_received()]
    return found, *standing(protocol)


def plain(event):
    return event.opcode, bytes(event.data), event.fin


def standing(protocol):
    answers = b"".join(protocol.data_to_send())
    return protocol.state, repr(protocol.parser_exc), protocol.close_code, answers


def cut(data, places):
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[a:b] for a, b in pairwise(edges) if a < b]


PAYLOADS = st.sampled_from([0, 1, 5, 125, 126, 127, 375, 400, 65_535, 65_536, LIMIT, LIMIT + 1])
GOOD = st.builds(
    lambda size, opcode, fin: frame("x" * size, opcode=opcode, fin=fin),
    PAYLOADS,
    st.sampled_from([1, 1, 1, 1, 2, 0]),
    st.sampled_from([True, True, True, False]),
)
CONTROL = st.builds(
    lambda payload, opcode: frame(payload, opcode=opcode),
    st.sampled_from([b"", b"ping", b"\x03\xe8", b"\x03\xe8bye", b"\x01"]),
    st.sampled_from([8, 9, 9, 9, 10]),
)
BAD = st.one_of(
    st.binary(min_size=1, max_size=12),
    st.sampled_from([b"\xc1\x85abcdhello", b"\x81\x05hello", b"\x83\x80abcd", b"\xff\xff\xff"]),
    st.just(b"\x81\xfe\x00\x05abcdhello"),  # a length that would fit in fewer bytes
    st.just(b"\x89\xfe\x00\xc8abcd" + bytes(200)),  # a ping that is too long
)


@given(
    st.lists(st.one_of(GOOD, GOOD, CONTROL), max_size=8),
    st.one_of(st.just(b""), BAD),
    st.lists(st.integers(0, 400_000), max_size=12),
)
def test_whatever_comes_is_read_as_the_library_reads_it(frames, end, places):
    pieces = cut(b"".join(frames) + end + (frame("after") if end else b""), places)
    assert as_read(pieces) == as_the_library_reads(pieces)


@given(st.lists(st.one_of(GOOD, CONTROL), max_size=3), st.integers(1, 3))
def test_the_size_of_the_pieces_makes_no_difference(frames, size):
    data = b"".join(each for each in frames if len(each) < 1000)
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    assert as_read(pieces) == as_the_library_reads(pieces)


def test_a_message_in_one_frame_does_not_reach_the_library():
    protocol = connected()
    reader = FrameReader(protocol, LIMIT)
    protocol.receive_data = None
    assert reader.feed(frame("x" * 375)) == [b"x" * 375]
    assert reader.feed(frame("one") + frame("two")) == [b"one", b"two"]
    assert reader.feed(frame("x" * 375)[:1]) == []
    assert reader.feed(frame("x" * 375)[1:]) == [b"x" * 375]


@pytest.mark.parametrize("size", [0, 125, 126, 375, 65_535, 65_536])
def test_a_sent_frame_is_the_library_s(size):
    protocol = connected()
    protocol.send_text(b"x" * size)
    assert text_frame(b"x" * size) == b"".join(protocol.data_to_send())
    assert protocol.state is State.OPEN
