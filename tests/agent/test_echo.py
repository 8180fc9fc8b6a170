from typing import Any

import numpy as np
import pytest
import trio
from pydantic import ValidationError

from voiced.agent.base import AudioAgent, CallInfo
from voiced.agent.echo import EchoAgent, EchoSettings
from voiced.audio.frame import Frame, Pcm

CALL = CallInfo(call_id="c1", caller="+15551230000", called="+15551230001")


class Line:
    """All of a line that an echo needs."""

    def __init__(self) -> None:
        self.played: list[tuple[Pcm, int]] = []
        self.unplayed_s = 0.0

    async def play(self, pcm: Pcm, rate_hz: int) -> None:
        await trio.lowlevel.checkpoint()
        self.played.append((pcm, rate_hz))


async def test_every_frame_comes_back_in_order_until_they_end():
    line: Any = Line()
    send, receive = trio.open_memory_channel[Frame](10)
    async with EchoAgent.open(EchoSettings()) as agent:
        assert isinstance(agent, AudioAgent)
        with send:
            frames = [Frame(pcm=np.full(320, i, np.int16), at=i * 0.02) for i in range(5)]
            for frame in frames:
                send.send_nowait(frame)
        await agent.converse(CALL, receive, line)
    assert all(pcm is frame.pcm for (pcm, _), frame in zip(line.played, frames, strict=True))
    assert {rate for _, rate in line.played} == {16_000}
    with pytest.raises(trio.ClosedResourceError):
        receive.receive_nowait()


async def test_frames_are_left_out_while_the_line_is_behind():
    line: Any = Line()
    line.unplayed_s = 0.5
    send, receive = trio.open_memory_channel[Frame](10)
    with send:
        send.send_nowait(Frame(pcm=np.zeros(320, np.int16), at=0.0))
    await EchoAgent().converse(CALL, receive, line)
    assert line.played == []


def test_echo_has_no_settings():
    with pytest.raises(ValidationError, match="gain"):
        EchoSettings.model_validate({"gain": 2})
