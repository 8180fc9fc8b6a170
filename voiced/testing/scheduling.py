"""The order in which Trio runs the tasks of one instant: random by intent, repeatable here.

Trio shuffles tasks that are ready together, so that nobody relies on their order. With a seed, the
shuffle is the same every time. Trio has no public switch for it; this module is the one place that
reaches for the private one, which Trio keeps for Hypothesis.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import trio

from voiced.errors import StartupError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def shuffled_by(seed: int) -> Iterator[None]:
    """Let every `trio.run` inside shuffle its tasks as `seed` says.

    Raises:
        StartupError: this Trio has no such switch any more.
    """
    run = trio._core._run  # see above
    try:
        random, was_deterministic = run._r, run._ALLOW_DETERMINISTIC_SCHEDULING
    except AttributeError:
        raise StartupError(
            f"Trio {trio.__version__} cannot be made to repeat a schedule: use an older one"
        ) from None
    state = random.getstate()
    random.seed(seed)
    setattr(run, "_ALLOW_DETERMINISTIC_SCHEDULING", True)  # noqa: B010  # Final to type checkers
    try:
        yield
    finally:
        setattr(run, "_ALLOW_DETERMINISTIC_SCHEDULING", was_deterministic)  # noqa: B010
        random.setstate(state)
