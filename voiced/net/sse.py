"""Server-sent events: bytes in, events out. Pure.

After the WHATWG HTML standard, section 9.2.6 "Interpreting an event stream"
(https://html.spec.whatwg.org/multipage/server-sent-events.html): UTF-8, lines that end in CR, LF or
CRLF, fields `event`, `data`, `id` and `retry`, an event at each empty line. However the bytes are
cut into pieces, the events are the same. What is not finished by an empty line is dropped, as the
standard wants it.
"""

from __future__ import annotations

from dataclasses import dataclass

EVENT_MAX_BYTES = 1024 * 1024
"""Longer lines and events are refused; a model's delta has some hundred bytes."""

_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True, kw_only=True)
class SseEvent:
    """One event; `event` is "message" where the stream gave no name."""

    event: str
    data: str
    id: str = ""


class SseParser:
    """Parses one stream."""

    def __init__(self) -> None:
        self._rest = b""
        self._begun = False
        self._after_cr = False
        self._clear()
        self._id = ""

    def _clear(self) -> None:
        self._event = ""
        self._data: list[str] = []
        self._size = 0

    def feed(self, data: bytes) -> list[SseEvent]:
        """Take what has come; return the events that are whole now.

        Raises:
            ValueError: a line or an event is larger than `EVENT_MAX_BYTES`.
        """
        events: list[SseEvent] = []
        for line in self._lines(data):
            event = self._take(line)
            if event is not None:
                events.append(event)
        return events

    def _lines(self, data: bytes) -> list[bytes]:
        """Return the lines that are whole, without their ends."""
        data = self._rest + data
        if not self._begun:
            if len(data) < len(_BOM) and _BOM.startswith(data):
                self._rest = data
                return []
            data = data.removeprefix(_BOM)
            self._begun = True
        if self._after_cr and data:
            data = data.removeprefix(b"\n")
            self._after_cr = False
        # A CR at the end is an end of line at once: the event must not wait for what may follow.
        self._after_cr = data.endswith(b"\r")
        *lines, self._rest = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        self._check_size(len(self._rest))
        return lines

    def _check_size(self, n_bytes: int) -> None:
        if n_bytes > EVENT_MAX_BYTES:
            raise ValueError(f"a server-sent event of more than {EVENT_MAX_BYTES} bytes")

    def _take(self, line: bytes) -> SseEvent | None:
        if not line:
            return self._dispatch()
        self._size += len(line)
        self._check_size(self._size)
        name, _, value = line.decode("utf-8", "replace").partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._event = value
        elif name == "id" and "\0" not in value:
            self._id = value
        return None  # comments, `retry` (nobody reconnects to a completion), unknown fields

    def _dispatch(self) -> SseEvent | None:
        data, event = self._data, self._event
        self._clear()
        if not data:
            return None
        return SseEvent(event=event or "message", data="\n".join(data), id=self._id)
