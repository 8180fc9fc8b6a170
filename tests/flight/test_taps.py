"""What the wrappers around a call's surroundings note."""

import pytest

from voiced.errors import MediaStreamClosed
from voiced.flight.flight import Flight
from voiced.flight.taps import TappedSocket

RECORD = {"call_id": "v3:abc", "ref": "r", "started_at": "2026-11-22T10:00:00.000+00:00"}


class LostSocket:
    """A media socket that takes and gives nothing any more."""

    async def receive_text(self):
        raise MediaStreamClosed(1006)

    def send_text_nowait(self, text):
        return False

    async def flush(self):
        raise MediaStreamClosed(1006, "the far end has stopped reading")


@pytest.mark.parametrize("order", [("flush", "receive_text"), ("receive_text", "flush")])
async def test_a_lost_socket_is_noted_once_whoever_learns_it_first(order):
    flight = Flight(RECORD, "token")
    socket = TappedSocket(LostSocket(), flight)
    for method in order:
        with pytest.raises(MediaStreamClosed):
            await getattr(socket, method)()
    assert [(kind, data) for _, kind, data in flight.take()] == [("close", {"code": 1006})]
