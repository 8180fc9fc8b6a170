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
    phone: Any = None
    failed_transfer = ""
    position_s = 0.0

    def __init__(self) -> None:
        self.played: list[tuple[Pcm, int]] = []
        self.behind_s = 0.0
        self.past: list[Any] = []

    async def play(self, pcm: Pcm, rate_hz: int) -> None:
        await trio.lowlevel.checkpoint()
        self.played.append((pcm, rate_hz))

    def note(self, event: Any, /) -> None:
        raise AssertionError("echo tells nothing")

    def transfer(self, to: str, briefing: str = "") -> None:
        raise AssertionError("echo transfers nobody")

    def mark(self, when_played: Any) -> object:
        raise AssertionError("echo marks nothing")

    def clear(self) -> float:
        raise AssertionError("echo never clears")

    @property
    def unplayed_s(self) -> float:
        return self.behind_s


async def test_every_frame_comes_back_in_order_until_they_end():
    line = Line()
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
    line = Line()
    line.behind_s = 0.5
    send, receive = trio.open_memory_channel[Frame](10)
    with send:
        send.send_nowait(Frame(pcm=np.zeros(320, np.int16), at=0.0))
    await EchoAgent().converse(CALL, receive, line)
    assert line.played == []


def test_echo_has_no_settings():
    with pytest.raises(ValidationError, match="gain"):
        EchoSettings.model_validate({"gain": 2})
