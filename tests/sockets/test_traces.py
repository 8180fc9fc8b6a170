"""Traces on their way to a collector: OTLP over HTTP on a real socket."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import trio
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from voiced.config import TracingConfig
from voiced.record.journal import CallEnded, CallRinging
from voiced.tracing import open_traces

pytestmark = pytest.mark.socket


@pytest.fixture
def collector():
    """A collector on loopback: its URL, and what it has been sent."""
    sent: list[ExportTraceServiceRequest] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            sent.append(ExportTraceServiceRequest.FromString(body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1/traces", sent
        server.shutdown()
        thread.join()


async def test_a_calls_trace_reaches_the_collector_before_the_daemon_ends(collector):
    url, sent = collector
    config = TracingConfig(otlp_endpoint=url)
    async with open_traces(config, instance="desk", wall_offset_s=0.0) as traces:
        traces.note("v3:x", CallRinging(caller="+1", called="+2", at=trio.current_time()))
        traces.note("v3:x", CallEnded(reason="silence", evidence="", at=trio.current_time()))
    ((resource,),) = [request.resource_spans for request in sent]
    names = {a.key: a.value.string_value for a in resource.resource.attributes}
    assert (names["service.name"], names["service.instance.id"]) == ("voiced", "desk")
    ((span,),) = [scope.spans for scope in resource.scope_spans]
    assert span.name == "call"


@pytest.mark.slow
async def test_a_collector_that_is_not_there_holds_nothing_up():
    config = TracingConfig(otlp_endpoint="http://127.0.0.1:9/v1/traces")
    with trio.fail_after(8):
        async with open_traces(config, instance="", wall_offset_s=0.0) as traces:
            traces.note("v3:x", CallRinging(caller="+1", called="+2", at=0.0))
            traces.note("v3:x", CallEnded(reason="silence", evidence="", at=1.0))
