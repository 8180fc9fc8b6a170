import pytest
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

from benchmarks.frames import (
    CLOSE,
    PING,
    TEXT,
    FrameReader,
    client_frame,
    is_upgraded,
    upgrade_request,
)

KEY = bytes(range(16))


def upgraded_server():
    server = ServerProtocol()
    server.receive_data(upgrade_request("127.0.0.1:80", "/media", KEY))
    (request,) = server.events_received()
    assert isinstance(request, Request)
    server.send_response(server.accept(request))
    return server


def serverside(payload, opcode=Opcode.TEXT):
    return Frame(opcode, payload).serialize(mask=False)


def test_the_upgrade_is_one_that_a_server_accepts():
    answer = b"".join(upgraded_server().data_to_send())
    assert is_upgraded(answer.partition(b"\r\n\r\n")[0], KEY)
    assert not is_upgraded(answer, bytes(16))
    assert not is_upgraded(b"HTTP/1.1 403 Forbidden\r\n", KEY)


@pytest.mark.parametrize("size", [0, 1, 125, 126, 300, 65535])
def test_a_server_reads_what_the_client_writes(size):
    server = upgraded_server()
    server.receive_data(client_frame(TEXT, b"a" * size))
    (frame,) = server.events_received()
    assert isinstance(frame, Frame)
    assert (frame.opcode, bytes(frame.data)) == (Opcode.TEXT, b"a" * size)


def test_frames_are_found_however_the_bytes_are_cut():
    wire = serverside(b"one") + serverside(b"x" * 300) + serverside(b"y" * 70_000)
    wire += serverside(b"!", Opcode.PING) + serverside(b"", Opcode.CLOSE)
    whole = [(TEXT, b"one"), (TEXT, b"x" * 300), (TEXT, b"y" * 70_000), (PING, b"!"), (CLOSE, b"")]
    assert FrameReader().take(wire) == whole
    for step in (1, 2, 3, 299, 4096):
        reader = FrameReader()
        pieces = [wire[at : at + step] for at in range(0, len(wire), step)]
        assert [frame for piece in pieces for frame in reader.take(piece)] == whole
