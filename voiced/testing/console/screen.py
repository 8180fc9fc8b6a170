"""Where the console prints and reads: a terminal, or files. IO, and `read` blocks."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PROMPT = "> "


class Screen:
    """On a terminal what is being typed stays at the bottom, whatever is printed meanwhile."""

    def __init__(self, *, is_terminal: bool, typed: Callable[[], str] = str) -> None:
        """`typed` returns what has been typed of a line that has not ended yet."""
        self.is_terminal = is_terminal
        self._typed = typed
        self._is_reading = False

    def write(self, line: str) -> None:
        """Print a line."""
        text = line.encode(sys.stdout.encoding or "utf-8", "backslashreplace").decode()
        below = f"{PROMPT}{self._typed()}" if self._is_reading else ""
        sys.stdout.write(f"\r\x1b[K{text}\n{below}" if self.is_terminal else f"{text}\n")
        sys.stdout.flush()

    def read(self) -> str:
        """Return the next line as it was typed, "" at the end of lines."""
        if not self.is_terminal:
            return sys.stdin.readline()
        self._is_reading = True
        try:
            return f"{input(PROMPT)}\n"
        except EOFError:
            return ""
        finally:
            self._is_reading = False

    def close(self) -> None:
        """Leave no prompt behind; what is written from here on goes to the end."""
        self._is_reading = False
        if self.is_terminal:
            sys.stdout.write("\r\x1b[K")
            sys.stdout.flush()


@contextmanager
def open_screen() -> Iterator[Screen]:
    """Yield the screen; at the end the terminal is as it was, also under a line half typed."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        yield Screen(is_terminal=False)
        return
    import readline  # edits lines, keeps those before, and knows what has been typed
    import termios

    before = termios.tcgetattr(sys.stdin)
    screen = Screen(is_terminal=True, typed=readline.get_line_buffer)
    try:
        yield screen
    finally:
        screen.close()
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
