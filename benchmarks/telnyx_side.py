"""How calls begin and end, as Telnyx does it; blocking sockets and one thread, out of the window.

`DirectCalls` connects to a media URL that is known beforehand (Pipecat, the floor). `WebhookCalls`
does all of it, for voiced: posts `call.initiated`, serves the REST API that the daemon answers
with, and connects to the `stream_url` of that answer.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
from collections import defaultdict
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import SimpleQueue
from threading import Thread
from time import perf_counter
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import unquote, urlsplit

from benchmarks.frames import TEXT, FrameReader, client_frame, is_upgraded, upgrade_request

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

ANSWER_LIMIT_S = 20.0


class NotAnswered(Exception):
    """A call could not be set up; the text says why."""


class Line:
    """One call's media connection and everything that came in on it."""

    __slots__ = (
        "arrivals",
        "call_id",
        "chunk",
        "closed_at",
        "hung_up_at",
        "messages",
        "reader",
        "socket",
        "unsent",
    )

    def __init__(self, call_id: str, connected: socket.socket, reader: FrameReader) -> None:
        self.call_id = call_id
        self.socket = connected
        self.reader = reader
        self.chunk = 0
        self.unsent = b""
        self.arrivals: list[float] = []
        self.messages: list[bytes] = []
        self.hung_up_at = 0.0
        self.closed_at = 0.0


class Calls(Protocol):
    """What the load asks of the telephone network."""

    def open(self, number: int) -> Line:
        """Set the `number`-th call up, media started. Raises NotAnswered."""
        ...

    def gone_at(self) -> dict[str, float]:
        """Return call id to the time when the server was done with that call."""
        ...

    def live(self) -> int:
        """Return how many calls the server says that it has."""
        ...


def open_calls(
    kind: str, url: str, admin_url: str, rest_port: int
) -> AbstractContextManager[Calls]:
    """Return the network for a server: `kind` is "webhook" or "direct"."""
    if kind == "webhook":
        return open_webhook_calls(url, admin_url, rest_port)
    return _open_direct_calls(url, admin_url)


# -- without webhooks -------------------------------------------------------------------------


class DirectCalls:
    """Connects to `url`; `admin_url` tells of calls that have ended, "" if the server cannot."""

    def __init__(self, url: str, admin_url: str) -> None:
        self._url = url
        self._admin_url = admin_url

    def open(self, number: int) -> Line:
        """Set the `number`-th call up."""
        return _dial(self._url, _call_id(number))

    def gone_at(self) -> dict[str, float]:
        """Ask the server."""
        if not self._admin_url:
            return {}
        ended: dict[str, float] = _get(self._admin_url + "/ended")
        return ended

    def live(self) -> int:
        """Ask the server."""
        return int(_get(self._admin_url + "/live")) if self._admin_url else 0


@contextmanager
def _open_direct_calls(url: str, admin_url: str) -> Iterator[DirectCalls]:
    yield DirectCalls(url, admin_url)


# -- with webhooks ----------------------------------------------------------------------------


class WebhookCalls:
    """Telnyx's webhooks and REST API; made by `open_webhook_calls`."""

    def __init__(self, url: str, admin_url: str, rest: _RestServer) -> None:
        self._url = urlsplit(url)
        self._admin_url = admin_url
        self._rest = rest

    def open(self, number: int) -> Line:
        """Ring, wait for the answer command, connect where it says."""
        call_id = _call_id(number)
        self._post("call.initiated", call_id, direction="incoming", state="parked")
        answers = self._rest.answers[call_id]
        try:
            stream_url = answers.get(timeout=ANSWER_LIMIT_S)
        except Exception as error:
            raise NotAnswered(f"{call_id}: no answer in {ANSWER_LIMIT_S:g} s") from error
        self._post("call.answered", call_id)
        return _dial(stream_url, call_id)

    def gone_at(self) -> dict[str, float]:
        """Return when the hangup command of each call came."""
        return dict(self._rest.hung_up)

    def live(self) -> int:
        """Ask the daemon."""
        return len(_get(self._admin_url + "/calls")["calls"])

    def _post(self, event_type: str, call_id: str, **payload: str) -> None:
        payload |= {
            "call_control_id": call_id,
            "call_leg_id": call_id,
            "call_session_id": call_id,
            "connection_id": "1",
            "from": "+13125550100",
            "to": "+13125550199",
        }
        body = {
            "data": {
                "record_type": "event",
                "event_type": event_type,
                "id": f"{call_id}-{event_type}",
                "occurred_at": "2026-01-01T00:00:00.000000Z",
                "payload": payload,
            }
        }
        connection = http.client.HTTPConnection(self._url.netloc, timeout=ANSWER_LIMIT_S)
        connection.request("POST", self._url.path, json.dumps(body))
        status = connection.getresponse().status
        connection.close()
        if status != 200:
            raise NotAnswered(f"{call_id}: {event_type} was answered with {status}")


class _RestServer(ThreadingHTTPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", port), _RestHandler)
        self.answers: dict[str, SimpleQueue[str]] = defaultdict(SimpleQueue)
        self.hung_up: dict[str, float] = {}


class _RestHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _RestServer

    def do_POST(self) -> None:
        came_at = perf_counter()
        body = json.loads(self.rfile.read(int(self.headers["content-length"])) or b"{}")
        _, _, _, call_id, _, action = map(unquote, self.path.split("/"))
        answer = b'{"data":{"result":"ok"}}'
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)
        if action == "answer":
            self.server.answers[call_id].put(body["stream_url"])
        elif action == "hangup":
            self.server.hung_up.setdefault(call_id, came_at)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the library's name
        """Say nothing."""


@contextmanager
def open_webhook_calls(url: str, admin_url: str, rest_port: int) -> Iterator[WebhookCalls]:
    """Serve the REST API on `rest_port` as long as the context lasts."""
    with _RestServer(rest_port) as rest:
        thread = Thread(target=rest.serve_forever, name="REST API", daemon=True)
        thread.start()
        try:
            yield WebhookCalls(url, admin_url, rest)
        finally:
            rest.shutdown()


def _call_id(number: int) -> str:
    """Return an id that no other run has used with the same server."""
    return f"v3:call-{os.getpid()}-{number}"


# -- the media socket -------------------------------------------------------------------------


def _dial(url: str, call_id: str) -> Line:
    """Connect, upgrade, and start the media stream."""
    parts = urlsplit(url)
    connected = socket.create_connection((parts.hostname or "", parts.port or 80), ANSWER_LIMIT_S)
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    key = os.urandom(16)
    connected.sendall(upgrade_request(parts.netloc, parts.path, key))
    answer = b""
    while b"\r\n\r\n" not in answer:
        if not (data := connected.recv(65536)):
            break
        answer += data
    head, _, rest = answer.partition(b"\r\n\r\n")
    if not is_upgraded(head, key):
        raise NotAnswered(f"{url}: no WebSocket: {head[:80]!r}")
    for message in ({"event": "connected", "version": "1.0.0"}, _start(call_id)):
        connected.sendall(client_frame(TEXT, json.dumps(message).encode()))
    connected.setblocking(False)
    line = Line(call_id, connected, FrameReader())
    now = perf_counter()
    for _, payload in line.reader.take(rest):
        line.arrivals.append(now)
        line.messages.append(payload)
    return line


def _start(call_id: str) -> dict[str, Any]:
    return {
        "event": "start",
        "sequence_number": "1",
        "stream_id": call_id,
        "start": {
            "call_control_id": call_id,
            "call_session_id": call_id,
            "from": "+13125550100",
            "to": "+13125550199",
            "media_format": {"encoding": "PCMU", "sample_rate": 8000, "channels": 1},
        },
    }


def _get(url: str) -> Any:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=ANSWER_LIMIT_S)
    connection.request("GET", parts.path)
    document = json.loads(connection.getresponse().read())
    connection.close()
    return document
