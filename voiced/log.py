"""One structured line for each event worth knowing, on stderr.

Call `get_logger(__name__)` at module top and `configure_logging` once, at the start. What is bound
with `structlog.contextvars.bind_contextvars` (the call id, first thing in a call) marks every line
of the task and of the tasks started after it. Numbers carry their unit in the key's name
(`latency_ms=120`). Phone numbers and spoken words stand only under keys that begin with
`personal_`, and those are dropped unless asked for; so does what an error says that is not ours: it
may repeat what a caller said (`invalid literal for int() with base 10: 'my name is'`). Warnings of
the libraries below us (Hypercorn, httpx, Quart) come the same way.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import textwrap
import traceback
from typing import TYPE_CHECKING, Literal, TextIO, TypeAlias, cast

import structlog

from voiced.errors import VoicedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

Level: TypeAlias = Literal["debug", "info", "warning", "error"]
Format: TypeAlias = Literal["auto", "text", "json"]

PERSONAL_PREFIX = "personal_"
OURS = "voiced"

_LEVELS: dict[Level, int] = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
_COLOURS = {"warning": "\x1b[33m", "error": "\x1b[31m", "critical": "\x1b[31m", "debug": "\x1b[2m"}
_PLAIN = "\x1b[0m"
_BARE = re.compile(r'[^\s"=]+')


def get_logger(name: str = "") -> FilteringBoundLogger:
    """Return a logger; `name` (give `__name__`) stands in the JSON line under `logger`."""
    return cast("FilteringBoundLogger", structlog.get_logger(name))


def configure_logging(
    level: Level = "info",
    format: Format = "auto",  # noqa: A002  # named like the key in [log]
    stream: TextIO | None = None,
    *,
    personal: bool = False,
) -> None:
    """Send log lines to `stream`; calling it again replaces what was set.

    Args:
        level: least severe level that is written. Libraries are heard from `warning` on.
        format: `text` for people, `json` for machines, `auto`: text if `stream` is a terminal.
        stream: stderr by default. A line that cannot be written is lost; no call is.
        personal: keep the keys that begin with `personal_`.
    """
    stream = sys.stderr if stream is None else stream
    terminal = stream.isatty()
    as_text = format == "text" or (format == "auto" and terminal)
    colours = terminal and not os.environ.get("NO_COLOR")
    processors: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        _tell_error,
        *([] if personal else [drop_personal]),
        structlog.processors.add_log_level,
        _add_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _TextRenderer(colours=colours) if as_text else render_json,
    ]
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=_LineWriterFactory(stream),
        cache_logger_on_first_use=False,  # module-level loggers must follow a new configuration
    )
    _route_libraries(max(_LEVELS[level], logging.WARNING))


def drop_personal(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Leave out the keys that hold a person's number or words."""
    return {key: value for key, value in event.items() if not key.startswith(PERSONAL_PREFIX)}


def _tell_error(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Turn `exc_info` into `exception`, the traceback, and `personal_error`, what was said."""
    given = event.pop("exc_info", None)
    error = given if isinstance(given, BaseException) else None
    if given is True:
        error = sys.exc_info()[1]
    elif isinstance(given, tuple):
        error = given[1]
    if error is None:
        return event
    said = f"{type(error).__name__}: {error}"
    return {**event, "exception": "".join(_traceback(error, set())), "personal_error": said}


def _traceback(error: BaseException, told: set[int]) -> Iterator[str]:
    """Yield what Python prints of an error, without the words of those that are not ours."""
    told.add(id(error))
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None and id(before) not in told:
        yield from _traceback(before, told)
        yield "\nand then:\n\n"
    yield "Traceback (most recent call last):\n"
    yield from traceback.format_tb(error.__traceback__)
    is_clean = isinstance(error, VoicedError | OSError)
    yield f"{type(error).__qualname__}{f': {error}' if is_clean else ''}\n"
    for inner in error.exceptions if isinstance(error, BaseExceptionGroup) else ():
        if id(inner) not in told:
            yield textwrap.indent("".join(_traceback(inner, told)), "  | ")


def _add_name(logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    if logger.name:
        event["logger"] = logger.name
    return event


def render_json(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    """Return the event as one line of JSON: time, level and event first."""
    return json.dumps(_in_order(event), default=str)


class _TextRenderer:
    """The event as one line for people; a traceback follows it, indented."""

    def __init__(self, *, colours: bool) -> None:
        self._colours = colours

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> str:
        rest = _in_order(event)
        time, level = rest.pop("timestamp", ""), str(rest.pop("level", ""))
        message, traceback = rest.pop("event", ""), rest.pop("exception", "")
        if str(rest.get("logger", "")).partition(".")[0] == OURS:
            del rest["logger"]  # people know; libraries are named
        words = [str(time), self._painted(f"{level:<7}", level), _printable(str(message))]
        words += [f"{key}={_value(value)}" for key, value in rest.items()]
        indented = "".join(f"\n    {line}" for line in str(traceback).splitlines())
        return " ".join(words) + indented

    def _painted(self, text: str, level: str) -> str:
        colour = _COLOURS.get(level, "") if self._colours else ""
        return f"{colour}{text}{_PLAIN}" if colour else text


class _LineWriter:
    """Writes lines; when the stream is gone they are lost, and no call with them."""

    def __init__(self, stream: TextIO, name: str) -> None:
        self._stream = stream
        self.name = name

    def msg(self, line: str) -> None:
        """Write one line and flush it."""
        try:
            self._stream.write(line + "\n")
            self._stream.flush()
        except (OSError, ValueError):  # broken pipe, full disk; closed, or cannot be encoded
            pass

    debug = info = warning = error = critical = exception = msg


class _LineWriterFactory:
    """Makes the writer of a logger; all write to one stream."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __call__(self, name: str = "", *_args: object) -> _LineWriter:
        return _LineWriter(self._stream, name)


class _LibraryHandler(logging.Handler):
    """Takes records of the standard library's logging into our processors."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log the record under the library's name."""
        try:
            message = record.getMessage()
        except (TypeError, ValueError, KeyError):  # arguments that do not fit their text
            message = str(record.msg)
        level = min(record.levelno // 10 * 10, logging.CRITICAL)  # structlog knows no others
        get_logger(record.name).log(level, message, exc_info=record.exc_info)


def _route_libraries(level: int) -> None:
    root = logging.getLogger()
    for handler in [h for h in root.handlers if isinstance(h, _LibraryHandler)]:
        root.removeHandler(handler)
    root.addHandler(_LibraryHandler(level))
    root.setLevel(level)


def _in_order(event: EventDict) -> dict[str, object]:
    first = {key: event[key] for key in ("timestamp", "level", "event") if key in event}
    return {**first, **{key: value for key, value in event.items() if key not in first}}


def _value(value: object) -> str:
    text = str(value)
    if _BARE.fullmatch(text) and text.isprintable():
        return text
    return json.dumps(text, ensure_ascii=not text.isprintable())


def _printable(text: str) -> str:
    """Return `text` without line breaks and escape codes, so that one event stays one line."""
    return text if text.isprintable() else json.dumps(text)[1:-1]
