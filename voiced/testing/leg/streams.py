"""The media streams of one leg, one after the other: started, told about, dialled again."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeAlias

import trio

from voiced.testing.faults import SocketTroubles
from voiced.testing.media import StreamParties
from voiced.testing.stream import Stream, StreamEnd, StreamRequest
from voiced.testing.webhooks import derived_id

if TYPE_CHECKING:
    from voiced.testing.leg.context import LegContext

_RECONNECTS_AFTER = (StreamEnd.LOST, StreamEnd.DROPPED)

_Wanted: TypeAlias = tuple[StreamRequest, trio.Event]


class LegStreams:
    """Starts and stops streams; at most one is open. `run` is a task.

    Args:
        context: of the leg.
        answered: `start` is said from then on.
    """

    def __init__(self, context: LegContext, answered: trio.Event) -> None:
        self.current: Stream | None = None
        self._context = context
        self._answered = answered
        self._n_streams = 0
        self._n_wanted = 0
        self.latest_id = ""
        # Unbounded, but each entry is a command of the daemon.
        self._requests_in, self._requests = trio.open_memory_channel[_Wanted](math.inf)

    @property
    def is_wanted(self) -> bool:
        """Tell whether a stream is open, or about to be."""
        return self._n_wanted > 0

    def start(self, request: StreamRequest) -> trio.Event:
        """Ask for a stream; never waits. The event says that it has ended for good."""
        ended = trio.Event()
        self._n_wanted += 1
        self._requests_in.send_nowait((request, ended))
        return ended

    def press(self, digit: str, occurred_at: str) -> None:
        """Report a key on the open stream, if there is one."""
        if self.current is not None:
            self.current.press(digit, occurred_at)

    def stop(self) -> None:
        """End the open stream, if there is one; the leg goes on."""
        if self.current is not None:
            self.current.stop()

    def close(self) -> None:
        """End the open stream because the call has been hung up; no other will come."""
        stream = self.current
        if stream is not None:
            stream.stop()
            self._tell_stopped(stream)
        self._requests_in.close()

    async def run(self) -> None:
        """Carry one media stream after the other, until closed."""
        async for request, ended in self._requests:
            end = await self._dial(request)
            while request.reconnects and end in _RECONNECTS_AFTER and self._context.is_up:
                self._context.state.stream_dialled_again()
                end = await self._dial(request)
            self._n_wanted -= 1
            ended.set()

    async def _dial(self, request: StreamRequest) -> StreamEnd:
        await trio.sleep(self._context.services.latencies.connect_s)
        if not self._context.is_up:
            return StreamEnd.FAILED
        stream = self.current = self._new_stream(request)
        return await stream.run(self._context.services.deliveries.network)

    def _new_stream(self, request: StreamRequest) -> Stream:
        self._n_streams += 1
        faults = self._context.faults
        parties = self._parties(request)
        self.latest_id = parties.stream_id
        return Stream(
            request,
            parties,
            faults=faults,
            troubles=SocketTroubles(faults, is_first=self._n_streams == 1),
            ledger=self._context.ledger,
            answered=self._answered,
            on_start=lambda: self._context.tell("streaming.started", stream_url=request.url),
            on_end=self._ended,
        )

    def _parties(self, request: StreamRequest) -> StreamParties:
        parties = self._context.parties
        return StreamParties(
            stream_id=derived_id("stream", parties.call_control_id, self._n_streams),
            user_id=parties.user_id,
            call_control_id=parties.call_control_id,
            call_session_id=parties.call_session_id,
            from_=parties.from_,
            to=parties.to,
            client_state=self._context.state.client_state,
            custom_parameters=request.custom_parameters,
        )

    def _ended(self, stream: Stream, end: StreamEnd) -> None:
        self.current = None
        self._context.state.stream_ended()
        if not self._context.is_up:
            return
        if end is not StreamEnd.FAILED:
            self._tell_stopped(stream)
            return
        self._context.tell(
            "streaming.failed",
            failure_reason="connection_failed",
            stream_id=stream.stream_id,
            stream_type="websocket",
            stream_params={"stream_url": stream.request.url, "track": stream.request.track},
        )

    def _tell_stopped(self, stream: Stream) -> None:
        if stream.has_started:
            self._context.tell("streaming.stopped", stream_url=stream.request.url)
