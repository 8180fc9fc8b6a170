"""The same work done with Pipecat, as its documentation for Telnyx shows it.

Runs in the rivals' environment: `python pipecat_server.py PORT WORKLOAD AUDIO TRIM RATE_HZ`.

A FastAPI WebSocket endpoint makes a FastAPIWebsocketTransport with a TelnyxFrameSerializer for
each call, and a pipeline of its input, the work, and its output. Everything is at its default, but
nothing is logged, and the serializer does not hang up by the REST API, whose URL is fixed.

TRIM "plain" is what its own Telnyx example installs and runs: asyncio's event loop, and RTVI (a
protocol for web and mobile clients) in every pipeline. "tuned" has uvloop and httptools, as
uvicorn's documentation advises, and no RTVI.
"""

from __future__ import annotations

import asyncio
import sys
import time
from itertools import cycle
from pathlib import Path

import uvicorn
from fastapi import FastAPI, WebSocket
from loguru import logger
from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.frames.frames import (
    CancelFrame,
    EndFrame,
    Frame,
    InputAudioRawFrame,
    OutputAudioRawFrame,
    StartFrame,
    TTSAudioRawFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.audio.vad_processor import VADProcessor
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.runner.utils import parse_telephony_websocket
from pipecat.serializers.telnyx import TelnyxFrameSerializer
from pipecat.transports.websocket.fastapi import FastAPIWebsocketParams, FastAPIWebsocketTransport
from pipecat.workers.runner import WorkerRunner

TALK_RATE_HZ = 24_000
AHEAD_S = 2.0


class Echo(FrameProcessor):
    """Turns the caller's audio into the bot's."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Take one frame."""
        await super().process_frame(frame, direction)
        if isinstance(frame, InputAudioRawFrame):
            frame = OutputAudioRawFrame(frame.audio, frame.sample_rate, frame.num_channels)
        await self.push_frame(frame, direction)


class Talk(FrameProcessor):
    """Speaks without end, as a speech service does: a second of audio at a time, some ahead."""

    def __init__(self, seconds: list[bytes]) -> None:
        super().__init__()
        self._seconds = seconds
        self._speaking: asyncio.Task[None] | None = None

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Take one frame; the caller's audio ends here."""
        await super().process_frame(frame, direction)
        if isinstance(frame, InputAudioRawFrame):
            return
        if isinstance(frame, (EndFrame, CancelFrame)) and self._speaking:
            await self.cancel_task(self._speaking)
            self._speaking = None
        await self.push_frame(frame, direction)
        if isinstance(frame, StartFrame):
            self._speaking = self.create_task(self._speak())

    async def _speak(self) -> None:
        due = time.monotonic() - AHEAD_S
        for audio in cycle(self._seconds):
            await self.push_frame(TTSAudioRawFrame(audio, TALK_RATE_HZ, 1))
            due += len(audio) / 2 / TALK_RATE_HZ
            await asyncio.sleep(max(0.0, due - time.monotonic()))


def make_app(workload: str, audio: bytes, rate_hz: int, *, rtvi: bool) -> FastAPI:
    """Return the application: `/media` for calls, `/live` and `/ended` for the benchmark."""
    app = FastAPI()
    live: set[str] = set()
    ended: dict[str, float] = {}
    block = TALK_RATE_HZ * 2
    seconds = [audio[at : at + block] for at in range(0, len(audio), block)]

    def work() -> list[FrameProcessor]:
        if workload == "talk":
            return [Talk(seconds)]
        if workload == "listen":
            return [VADProcessor(vad_analyzer=SileroVADAnalyzer()), Echo()]
        return [Echo()]

    @app.get("/live")
    def count_live() -> int:
        return len(live)

    @app.get("/ended")
    def tell_ended() -> dict[str, float]:
        return ended

    @app.websocket("/media")
    async def media(websocket: WebSocket) -> None:
        await websocket.accept()
        _, call = await parse_telephony_websocket(websocket)
        live.add(call["call_id"])
        try:
            await run_bot(websocket, call)
        finally:
            live.discard(call["call_id"])
            ended[call["call_id"]] = time.perf_counter()

    async def run_bot(websocket: WebSocket, call: dict[str, str]) -> None:
        serializer = TelnyxFrameSerializer(
            stream_id=call["stream_id"],
            outbound_encoding=call["outbound_encoding"],
            inbound_encoding="PCMU",
            params=TelnyxFrameSerializer.InputParams(auto_hang_up=False),
        )
        transport = FastAPIWebsocketTransport(
            websocket,
            FastAPIWebsocketParams(
                audio_in_enabled=True, audio_out_enabled=True, serializer=serializer
            ),
        )
        out_hz = TALK_RATE_HZ if workload == "talk" else rate_hz
        worker = PipelineWorker(
            Pipeline([transport.input(), *work(), transport.output()]),
            params=PipelineParams(audio_in_sample_rate=rate_hz, audio_out_sample_rate=out_hz),
            enable_rtvi=rtvi,
        )

        @transport.event_handler("on_client_disconnected")
        async def hang_up(_transport: FastAPIWebsocketTransport, _client: WebSocket) -> None:
            await worker.cancel()

        runner = WorkerRunner(handle_sigint=False)
        await runner.add_workers(worker)
        await runner.run()

    return app


def main(port: str, workload: str, audio: str, trim: str, rate_hz: str) -> None:
    """Serve until killed."""
    logger.remove()
    app = make_app(workload, Path(audio).read_bytes(), int(rate_hz), rtvi=trim == "plain")
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=int(port),
        log_level="warning",
        loop="asyncio" if trim == "plain" else "uvloop",
        http="h11" if trim == "plain" else "httptools",
    )
    uvicorn.Server(config).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
