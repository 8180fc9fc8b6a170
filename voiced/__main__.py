"""Where `voiced` begins: runs the command line and gives every error its sentence and exit code.

0 fine, 1 failed, 2 wrong usage or configuration, 130 interrupted. One sentence on stderr for each
error, and a traceback only for those asked for with --debug that nobody foresaw.
"""

from __future__ import annotations

import sys
import traceback
from typing import TYPE_CHECKING

from voiced.cli import run
from voiced.errors import BadRequest, ConfigError, VoicedError, leaves_of

if TYPE_CHECKING:
    from collections.abc import Sequence

FAILED = 1
WRONG = 2
INTERRUPTED = 130  # 128 + SIGINT, as shells have it


def main(argv: Sequence[str] | None = None) -> int:
    """Run `voiced` with the arguments `argv` (the process's own by default); returns exit code."""
    arguments = sys.argv[1:] if argv is None else argv
    try:
        return run(arguments)
    except (Exception, BaseExceptionGroup, KeyboardInterrupt) as error:  # noqa: BLE001  # outermost
        return _explain(error, debug="--debug" in arguments)


def _explain(error: BaseException, *, debug: bool) -> int:
    """Tell the user what went wrong; returns the exit code."""
    # Trio wraps what leaves a nursery in groups, also the interrupt.
    leaves = list(leaves_of(error))
    if all(isinstance(leaf, KeyboardInterrupt) for leaf in leaves):
        return INTERRUPTED
    foreseen = [leaf for leaf in leaves if isinstance(leaf, VoicedError)]
    unforeseen = [leaf for leaf in leaves if not isinstance(leaf, VoicedError | KeyboardInterrupt)]
    for leaf in foreseen:
        _complain(leaf)
    if not unforeseen:
        wrong = any(isinstance(leaf, ConfigError | BadRequest) for leaf in foreseen)
        return WRONG if wrong else FAILED
    if debug:
        traceback.print_exception(error)
        return FAILED
    first = unforeseen[0]
    what = " ".join(f"{type(first).__name__}: {first}".split())
    print(f"voiced: unexpected {what} (--debug shows the traceback)", file=sys.stderr)
    return FAILED


def _complain(error: VoicedError) -> None:
    if isinstance(error, ConfigError):
        for problem in error.problems:
            print(f"voiced: {problem}", file=sys.stderr)
    else:
        print(f"voiced: {error}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
