import io

from voiced.progress import Progress


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
