import io

import pytest
import trio

from voiced.progress import Progress, telling


class Terminal(io.StringIO):
    def isatty(self):
        return True


def tell(stream, *at_s):
    now = 0.0
    with Progress("reading", stream, clock=lambda: now) as progress:
        for now in at_s:
            progress(f"{now:g} s")


def test_what_takes_less_than_two_seconds_says_nothing():
    for stream in (io.StringIO(), Terminal()):
        tell(stream, 0.5, 1.0, 1.9)
        assert stream.getvalue() == ""


def test_a_terminal_has_one_line_that_is_gone_at_the_end():
    stream = Terminal()
    tell(stream, 2.0, 2.1, 12.0)
    assert stream.getvalue() == "\rreading: 2 s\rreading: 12 s\r             \r"


def test_a_file_gets_a_line_now_and_then():
    stream = io.StringIO()
    tell(stream, 2.0, 5.0, 11.9, 12.0)
    assert stream.getvalue() == "reading: 2 s\nreading: 12 s\n"


async def test_a_wait_says_how_long_it_is_until_it_is_over(autojump_clock, monkeypatch):
    stream = Terminal()
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setattr("voiced.progress.time.perf_counter", trio.current_time)
    monkeypatch.setattr(Progress.__init__, "__defaults__", (None, trio.current_time))
    async with telling("waiting") as is_over:
        await trio.sleep(3.1)
        is_over.set()
        await trio.sleep(10)
    assert "\rwaiting: 3 s" in stream.getvalue()
    assert "4 s" not in stream.getvalue()
    assert stream.getvalue().endswith("\r")


async def test_what_fails_while_one_is_told_fails_as_it_did():
    with pytest.raises(ValueError, match="no"):
        async with telling("waiting"):
            raise ValueError("no")
