"""What is noted of the media socket."""

import pytest

from voiced.errors import MediaStreamClosed
from voiced.flight.notes import Notes
from voiced.flight.taps.socket import TappedSocket


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
    notes = Notes("r")
    socket = TappedSocket(LostSocket(), notes)
    for method in order:
        with pytest.raises(MediaStreamClosed):
            await getattr(socket, method)()
    assert [(kind, data) for _, kind, data in notes.take()] == [("close", {"code": 1006})]
