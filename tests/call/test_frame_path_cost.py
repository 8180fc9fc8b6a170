"""What one frame of audio costs, in counts that no busy machine can change.

A steady call on the virtual clock, over a socket pair, through the real media socket. Counted is
what the daemon's tasks do, and nothing of the test's own:

* steps: how often a task of the daemon was resumed;
* calls: Python functions entered while it ran, coroutine resumptions included;
* channel: those of them in trio's memory channels;
* retained: memory blocks that are still there afterwards (a leak, or something that grows).

CEILINGS lie about a tenth above what was counted when they were last set, with Python 3.11 and the
locked versions ("retained" apart: some 200 blocks come and go whatever happens, so that 0.5 of a
thousand frames is what one object kept for each frame would break). To renew them, run this file
with `-s`, which prints the counts, and write down 1.1 times each: always when the path has become
cheaper; dearer only for something that callers or operators get for it.
"""

import gc
import socket
import sys
from collections import Counter
from dataclasses import dataclass

import numpy as np
import pytest
import trio
from websockets.client import ClientProtocol
from websockets.uri import parse_uri

from tests.call.conftest import media_frame, start_message
from voiced.agent.echo import EchoAgent

SPEECH = np.zeros(24_000, np.int16)
FRAMES = 1000
WARM_UP_FRAMES = 100

CEILINGS = {
    "echo": {"steps": 2.2, "calls": 139.0, "channel": 4.4, "retained": 0.5},
    "talk": {"steps": 2.45, "calls": 111.0, "channel": 4.4, "retained": 0.5},
}


class TalkAgent(EchoAgent):
    """Speaks without end while it takes the caller's audio."""

    async def converse(self, call, frames, line):
        async def speak():
            while True:
                await line.play(SPEECH, 24_000)

        with frames:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(speak)
                async for _ in frames:
                    pass
                nursery.cancel_scope.cancel()


class Meter(trio.abc.Instrument):
    """Counts what all tasks do but one, the test's."""

    def __init__(self, own):
        self._own = own
        self.counts: Counter[str] = Counter()

    def before_task_step(self, task):
        if task is not self._own:
            self.counts["steps"] += 1
            sys.setprofile(self._profile)

    def after_task_step(self, task):
        sys.setprofile(None)

    def _profile(self, frame, event, argument):
        if event == "call":
            self.counts["calls"] += 1
            if frame.f_code.co_filename.endswith("trio/_channel.py"):
                self.counts["channel"] += 1


@dataclass
class Wire:
    """Telnyx's end of a media socket, without a task of its own."""

    socket: socket.socket
    protocol: ClientProtocol
    received: int = 0

    def flush(self):
        self.socket.sendall(b"".join(self.protocol.data_to_send()))

    def send(self, text):
        self.protocol.send_text(text.encode())
        self.flush()

    def drain(self):
        """Take what has come, and forget it."""
        try:
            self.protocol.receive_data(self.socket.recv(1 << 20))
        except BlockingIOError:
            return
        self.received += len(self.protocol.events_received())


async def dial(url, core, nursery):
    near, far = socket.socketpair()
    near.setblocking(False)
    stream = trio.SocketStream(trio.socket.from_stdlib_socket(near))
    wire = Wire(far, ClientProtocol(parse_uri(url)))
    wire.protocol.send_request(wire.protocol.connect())
    request = b"".join(wire.protocol.data_to_send())
    nursery.start_soon(core.media.serve, stream, request)
    await trio.sleep(0.01)
    far.setblocking(False)
    wire.drain()
    return wire


@pytest.mark.socket
@pytest.mark.slow
@pytest.mark.parametrize(("name", "agent"), [("echo", EchoAgent()), ("talk", TalkAgent())])
async def test_a_frame_costs_no_more_than_it_did(name, agent, open_line, autojump_clock):
    frames = [media_frame(chunk) for chunk in range(1, WARM_UP_FRAMES + FRAMES + 1)]
    meter = Meter(trio.lowlevel.current_task())

    async def speak(wire, some):
        for frame in some:
            wire.send(frame)
            await trio.sleep(0.02)
            wire.drain()

    async with open_line(agent=agent) as line, trio.open_nursery() as nursery:
        await line.ring()
        wire = await dial(line.media_url, line.core, nursery)
        wire.send(start_message())
        await speak(wire, frames[:WARM_UP_FRAMES])
        came_before = wire.received
        gc.collect()
        gc.disable()
        blocks = sys.getallocatedblocks()
        trio.lowlevel.add_instrument(meter)
        await speak(wire, frames[WARM_UP_FRAMES:])
        trio.lowlevel.remove_instrument(meter)
        gc.collect()
        meter.counts["retained"] = sys.getallocatedblocks() - blocks
        gc.enable()
        n_messages = wire.received - came_before
        wire.socket.close()
        nursery.cancel_scope.cancel()

    per_frame = {what: meter.counts[what] / FRAMES for what in CEILINGS[name]}
    print(f"\n{name}: {per_frame}, {n_messages / FRAMES:g} messages out")  # noqa: T201  # to renew
    due = FRAMES / (1 if name == "echo" else 5)
    assert abs(n_messages - due) <= 2, "this was no steady call"
    above = {what: n for what, n in per_frame.items() if n > CEILINGS[name][what]}
    assert not above, f"a frame costs more than {CEILINGS[name]}"
