"""Where the console prints and reads."""

import io

from voiced.testing.console.screen import Screen, open_screen


def test_what_is_being_typed_stays_below_what_is_printed(monkeypatch, capsys):
    screen = Screen(is_terminal=True, typed=lambda: "goodb")

    def typing(prompt):
        screen.write("agent   Hello.")
        return "goodbye"

    monkeypatch.setattr("builtins.input", typing)
    assert screen.read() == "goodbye\n"
    screen.write("agent   Bye.")
    assert capsys.readouterr().out == "\r\x1b[Kagent   Hello.\n> goodb\r\x1b[Kagent   Bye.\n"


def test_the_end_of_what_is_typed_is_the_end_of_lines(monkeypatch):
    def end(prompt):
        raise EOFError

    monkeypatch.setattr("builtins.input", end)
    assert Screen(is_terminal=True).read() == ""


def test_from_a_file_lines_are_read_as_they_stand_and_nothing_moves_a_cursor(monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.StringIO("are you open\n"))
    with open_screen() as screen:
        assert screen.read() == "are you open\n"
        assert screen.read() == ""
        screen.write("agent   Yes.")
    assert capsys.readouterr().out == "agent   Yes.\n"
