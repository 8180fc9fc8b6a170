"""Calls as traces of OpenTelemetry: a span for each call, turn, reply and tool.

An observer that makes spans of journal events after the fact, with their own times; the exporter
sends them from a thread of its own and drops what it cannot send. It needs the extra `tracing`, and
is neither imported nor called where `[tracing] otlp_endpoint` is empty.

No span holds a number or a word. A call's id is the attribute `voiced.call`, as in the log.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import trio

from voiced import __version__
from voiced.errors import ConfigError, Problem, StartupError
from voiced.record.end_words import is_failure
from voiced.record.journal import (
    AgentHeard,
    AgentSpeaking,
    BargeIn,
    CallAnswered,
    CallEnded,
    CallerSaid,
    CallerSpeaking,
    CallRinging,
    ProviderFailed,
    ProviderSwitched,
    ToolRan,
    TransferBegan,
    TransferEnded,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span, Tracer

    from voiced.config import TracingConfig
    from voiced.record.journal import JournalEvent

CLOSE_LIMIT_S = 3.0
"""For the last spans, when the daemon stops."""

MOST_REPLIES = 50
"""Passages of one call of which it is not known yet what was heard; then the oldest is given up."""


@dataclass(slots=True)
class _CallTrace:
    """The open spans of one call; `id` is "" until Telnyx has told that of one that we placed."""

    id: str
    span: Span
    context: Context
    turn: Span | None = None
    turn_context: Context | None = None
    replies: dict[str, Span] = field(default_factory=dict)


_current: ContextVar[_CallTrace | None] = ContextVar("voiced_trace", default=None)
"""Of the call whose task this is: calls that we place have no id yet when they begin."""


class Traces:
    """Observes calls; bounded by the live ones."""

    def __init__(self, tracer: Tracer, *, wall_offset_s: float) -> None:
        """Make spans with `tracer`; `wall_offset_s` makes unix time of Trio's."""
        from opentelemetry import trace

        self._api = trace
        self._tracer = tracer
        self._offset_s = wall_offset_s
        self._calls: dict[str, _CallTrace] = {}

    def note(self, call_id: str, event: JournalEvent) -> None:
        """Take one event."""
        match event:
            case CallRinging():
                self._begin(call_id, event.at)
            case CallEnded():
                self._end(call_id, event)
            case _:
                call = self._find(call_id)
                if call is not None:
                    self._note_inside(call, event)

    def _begin(self, call_id: str, at: float) -> None:
        attributes = {"voiced.call": call_id} if call_id else {}
        span = self._tracer.start_span("call", start_time=self._ns(at), attributes=attributes)
        context = self._api.set_span_in_context(span)
        call = _CallTrace(id=call_id, span=span, context=context)
        _current.set(call)
        if call_id:
            self._calls[call_id] = call

    def _find(self, call_id: str) -> _CallTrace | None:
        """Return a call by the task that tells of it, or by its id where that is another's."""
        call = _current.get() or self._calls.get(call_id)
        if call is not None and call_id and not call.id:
            call.id = call_id
            call.span.set_attribute("voiced.call", call_id)
            self._calls[call_id] = call
        return call

    def _end(self, call_id: str, event: CallEnded) -> None:
        call = self._find(call_id)
        if call is None:
            return
        _current.set(None)
        self._calls.pop(call.id, None)
        for span in (*call.replies.values(), call.turn):
            if span is not None:
                span.end(end_time=self._ns(event.at))
        call.span.set_attribute("voiced.end_reason", event.reason)
        if is_failure(event.reason):
            call.span.set_status(self._api.StatusCode.ERROR, event.reason)
        call.span.end(end_time=self._ns(event.at))

    def _note_inside(self, call: _CallTrace, event: JournalEvent) -> None:
        match event:
            case CallerSpeaking():
                self._begin_turn(call, event)
            case CallerSaid(text=text, confidence=confidence) if call.turn is not None:
                call.turn.set_attribute("voiced.understood", bool(text))
                call.turn.set_attribute("voiced.confidence", confidence)
            case AgentSpeaking():
                self._begin_reply(call, event)
            case AgentHeard():
                self._end_reply(call, event)
            case ToolRan():
                self._tool(call, event)
            case _:
                self._mark(call, event)

    def _begin_turn(self, call: _CallTrace, event: CallerSpeaking) -> None:
        if call.turn is not None:
            return  # he goes on: one turn, of several utterances
        at = event.at if event.voice_at is None else event.voice_at
        span = self._tracer.start_span("turn", context=call.context, start_time=self._ns(at))
        call.turn, call.turn_context = span, self._api.set_span_in_context(span)

    def _begin_reply(self, call: _CallTrace, event: AgentSpeaking) -> None:
        """A passage begins; the first of an answer ends the turn, and says what was waited for."""
        attributes: dict[str, Any] = {"voiced.filler": event.filler}
        if event.latency_s is not None:
            attributes["voiced.latency_s"] = event.latency_s
        context = call.turn_context or call.context
        started = self._tracer.start_span(
            "reply", context=context, start_time=self._ns(event.at), attributes=attributes
        )
        while len(call.replies) >= MOST_REPLIES:
            call.replies.pop(next(iter(call.replies))).end(end_time=self._ns(event.at))
        before = call.replies.pop(event.text, None)
        if before is not None:
            before.end(end_time=self._ns(event.at))
        call.replies[event.text] = started
        if event.latency_s is not None and call.turn is not None:
            for part, seconds in asdict(event.latency).items() if event.latency else ():
                call.turn.set_attribute(f"voiced.{part}", seconds)
            call.turn.end(end_time=self._ns(event.at))
            call.turn = call.turn_context = None

    def _end_reply(self, call: _CallTrace, event: AgentHeard) -> None:
        span = call.replies.pop(event.text, None)
        if span is not None:
            span.set_attribute("voiced.heard", event.heard)
            span.end(end_time=self._ns(event.at))

    def _tool(self, call: _CallTrace, event: ToolRan) -> None:
        span = self._tracer.start_span(
            f"tool {event.name}",
            context=call.turn_context or call.context,
            start_time=self._ns(event.began_at),
        )
        if not event.ok:
            span.set_status(self._api.StatusCode.ERROR)
        span.end(end_time=self._ns(event.at))

    def _mark(self, call: _CallTrace, event: JournalEvent) -> None:
        """Note on the call's span what has no length."""
        attributes: dict[str, str] = {}
        match event:
            case CallAnswered():
                name = "answered"
            case BargeIn():
                name = "barge-in"
            case TransferBegan():
                name = "transfer"
            case TransferEnded(outcome=outcome):
                name, attributes = "transfer ended", {"voiced.outcome": outcome}
            case ProviderFailed(role=role, provider=provider, kind=kind):
                name = "provider failed"
                attributes = {"role": role, "provider": provider, "kind": kind}
            case ProviderSwitched(role=role, provider=provider, to=to):
                name = "provider stands in"
                attributes = {"role": role, "provider": provider, "to": to}
            case _:
                return
        call.span.add_event(name, attributes, timestamp=self._ns(event.at))

    def _ns(self, at: float) -> int:
        return int((at + self._offset_s) * 1e9)


def check_tracing(config: TracingConfig) -> None:
    """Say whether what `[tracing]` asks for is installed.

    Raises:
        ConfigError: it is not.
    """
    if not config.otlp_endpoint:
        return
    try:
        make_provider(config, "").shutdown()
    except StartupError as error:
        _, _, reason = str(error).partition(": ")
        key = "tracing.otlp_endpoint"
        raise ConfigError([Problem(key=key, value=config.otlp_endpoint, reason=reason)]) from None


def make_provider(config: TracingConfig, instance: str) -> TracerProvider:
    """Return what sends spans to `[tracing] otlp_endpoint`, from a thread of its own.

    Raises:
        StartupError: the extra is not installed.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.sampling import TraceIdRatioBased
    except ImportError as error:
        raise StartupError(
            f"[tracing] otlp_endpoint: the extra is not installed ({error.name}); "
            "pip install 'voiced[tracing]', or leave the key empty"
        ) from None
    resource = Resource.create(
        {
            "service.name": "voiced",
            "service.version": __version__,
            "service.instance.id": instance,
        }
    )
    provider = TracerProvider(
        resource=resource, sampler=TraceIdRatioBased(config.sample), shutdown_on_exit=False
    )
    exporter = OTLPSpanExporter(endpoint=config.otlp_endpoint, timeout=CLOSE_LIMIT_S)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


@asynccontextmanager
async def open_traces(
    config: TracingConfig, *, instance: str, wall_offset_s: float
) -> AsyncIterator[Traces]:
    """Yield an observer that sends traces; at the end the last spans are sent.

    Raises:
        StartupError: as `make_provider`.
    """
    provider = make_provider(config, instance)
    try:
        yield Traces(provider.get_tracer("voiced", __version__), wall_offset_s=wall_offset_s)
    finally:
        with trio.move_on_after(CLOSE_LIMIT_S, shield=True):
            await trio.to_thread.run_sync(provider.shutdown, abandon_on_cancel=True)
