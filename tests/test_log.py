import io
import json
import logging
from datetime import datetime, timedelta

import pytest
import structlog
import trio
from pydantic import SecretStr

from voiced.log import configure_logging, get_logger

log = get_logger("voiced.somewhere")


class Terminal(io.StringIO):
    def isatty(self):
        return True


def fail(error):
    raise error


class Broken(io.StringIO):
    def write(self, _text):
        raise BrokenPipeError


@pytest.fixture(autouse=True)
def restored():
    """Leave logging as it was."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


@pytest.fixture
def lines():
    """Return a function: configure, log, then read the JSON lines."""
    stream = io.StringIO()

    def read():
        return [json.loads(line) for line in stream.getvalue().splitlines()]

    configure_logging("info", "json", stream)
    return read


def test_an_event_is_one_json_line_with_time_level_and_keys(lines):
    log.info("call ended", duration_s=1.5, path=None)
    (line,) = lines()
    assert list(line)[:3] == ["timestamp", "level", "event"]
    stamp = datetime.fromisoformat(line.pop("timestamp"))
    assert stamp.utcoffset() == timedelta(0)
    assert line == {
        "level": "info",
        "event": "call ended",
        "logger": "voiced.somewhere",
        "duration_s": 1.5,
        "path": None,
    }


def test_what_json_does_not_know_is_written_as_text(lines):
    log.info("x", value=SecretStr("hush"), other=b"\xff")
    (line,) = lines()
    assert line["value"] == "**********"
    assert line["other"] == "b'\\xff'"


def test_events_below_the_level_are_not_written():
    stream = io.StringIO()
    configure_logging("warning", "json", stream)
    log.info("quiet")
    log.warning("loud")
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["loud"]


async def test_a_call_id_bound_in_a_task_marks_its_lines_and_those_of_its_children(lines):
    async def child():
        await trio.lowlevel.checkpoint()
        log.info("child")

    async def call(call_id):
        structlog.contextvars.bind_contextvars(call=call_id)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(child)
            nursery.start_soon(child)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(call, "a")
        nursery.start_soon(call, "b")
    log.info("outside")
    assert sorted(line.get("call", "") for line in lines()) == ["", "a", "a", "b", "b"]


def test_personal_keys_are_dropped_unless_asked_for():
    for personal, expected in ((False, {"caller"}), (True, {"caller", "personal_number"})):
        stream = io.StringIO()
        configure_logging("info", "json", stream, personal=personal)
        structlog.contextvars.bind_contextvars(personal_number="+13125550123")
        log.info("ringing", caller="known")
        line = json.loads(stream.getvalue())
        assert line.keys() - {"timestamp", "level", "event", "logger"} == expected
        assert ("+1312" in stream.getvalue()) is personal


def test_an_exception_is_rendered_once_and_in_the_line(lines):
    try:
        fail(ValueError("broken"))
    except ValueError:
        log.exception("call failed")
    (line,) = lines()
    assert line["level"] == "error"
    assert line["exception"].startswith("Traceback (most recent call last):")
    assert line["exception"].endswith("\nValueError\n")
    assert "exc_info" not in line


def test_what_a_foreign_error_says_may_be_a_callers_and_stands_in_a_marked_field_only():
    words = ("my name is", "my card", "is 4111")
    for personal in (False, True):
        stream = io.StringIO()
        configure_logging("info", "json", stream, personal=personal)
        try:
            try:
                int(words[0])
            except ValueError as error:
                raise ExceptionGroup(words[1], [KeyError(words[2])]) from error
        except ExceptionGroup as group:
            log.error("failed", exc_info=group)
        line = json.loads(stream.getvalue())
        assert line.pop("personal_error", "").startswith("ExceptionGroup: my card") is personal
        for name in ("ValueError", "ExceptionGroup", "KeyError", "and then:", __file__):
            assert name in line["exception"]
        assert not any(word in str(line) for word in words)


def test_libraries_are_heard_from_warning_on(lines):
    library = logging.getLogger("hypercorn.error")
    library.info("quiet")
    library.warning("%s is odd", "this")
    try:
        fail(OSError("gone"))
    except OSError:
        library.exception("lost")
    first, second = lines()
    assert (first["event"], first["level"], first["logger"]) == (
        "this is odd",
        "warning",
        "hypercorn.error",
    )
    assert "OSError: gone" in second["exception"]


def test_a_library_with_odd_levels_or_arguments_is_heard_all_the_same(lines):
    (ours,) = (h for h in logging.getLogger().handlers if type(h).__module__ == "voiced.log")
    for level, message, args in (
        (35, "in between", ()),
        (99, "above all", ()),
        (30, "%d", ("no number",)),
    ):
        ours.handle(logging.LogRecord("quart", level, "", 0, message, args, None))
    assert [(line["level"], line["event"]) for line in lines()] == [
        ("warning", "in between"),
        ("critical", "above all"),
        ("warning", "%d"),
    ]


def test_configuring_again_replaces_the_stream_also_for_libraries(lines):
    second = io.StringIO()
    configure_logging("info", "json", second)
    log.info("ours")
    logging.getLogger("httpx").error("theirs")
    assert lines() == []
    assert len(second.getvalue().splitlines()) == 2


def test_text_is_one_line_for_people_without_colours_in_a_file():
    stream = io.StringIO()
    configure_logging("info", "text", stream)
    log.warning("no\nkey", remedy="set it", n=3, empty="", odd="a\x1b[31m")
    log.info("next")
    first, second = stream.getvalue().splitlines()
    stamp, rest = first.split(" ", 1)
    assert datetime.fromisoformat(stamp).utcoffset() == timedelta(0)
    assert rest == 'warning no\\nkey remedy="set it" n=3 empty="" odd="a\\u001b[31m"'
    assert second.endswith("Z info    next")


def test_text_shows_the_traceback_indented_below_and_names_libraries():
    stream = io.StringIO()
    configure_logging("info", "text", stream)
    try:
        fail(OSError("broken"))
    except OSError:
        logging.getLogger("quart").exception("lost")
    first, *below = stream.getvalue().splitlines()
    assert first.endswith("error   lost logger=quart")
    assert all(line.startswith("    ") for line in below)
    assert below[-1] == "    OSError: broken"


@pytest.mark.parametrize(
    ("make_stream", "no_color", "is_json", "coloured"),
    [(Terminal, "", False, True), (Terminal, "1", False, False), (io.StringIO, "", True, False)],
)
def test_auto_is_text_on_a_terminal_and_json_otherwise(
    monkeypatch, make_stream, no_color, is_json, coloured
):
    monkeypatch.setenv("NO_COLOR", no_color)
    stream = make_stream()
    configure_logging("info", "auto", stream)
    log.error("x")
    assert stream.getvalue().startswith("{") is is_json
    assert ("\x1b[31m" in stream.getvalue()) is coloured


def test_a_stream_that_is_gone_loses_lines_and_nothing_else():
    ascii_only = io.BytesIO()
    for stream in (Broken(), io.TextIOWrapper(ascii_only, encoding="ascii")):
        configure_logging("info", "text", stream)
        log.info("caf\u00e9", name="\u00e9")
        log.error("still here")
    assert ascii_only.getvalue().endswith(b"error   still here\n")


def test_stderr_is_the_default(capsys):
    configure_logging(format="text")
    log.info("here")
    assert "here" in capsys.readouterr().err


def test_a_logger_without_a_name_leaves_no_name(lines):
    get_logger().info("x")
    assert "logger" not in lines()[0]
