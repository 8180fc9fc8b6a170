"""The fixture `replay_call`: recorded calls as tests.

In the `conftest.py` of your tests: `pytest_plugins = ["voiced.testing.pytest_plugin"]`. Then:

    def test_the_caller_who_cut_in_is_answered(replay_call):
        replayed = replay_call("recordings/cut_in.jsonl.gz")
        assert replayed.record["end"]["reason"] == "agent_hung_up"
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from voiced.testing.replay import Replayed

ReplayCall: TypeAlias = "Callable[..., Replayed]"


@pytest.fixture
def replay_call() -> ReplayCall:
    """Hold a recorded call again: `replay_call(path, seeds=1)`.

    Fails with a readable difference when the call came to something else than it was to come to
    (see `voiced replay`), under any of so many seeds of Trio's scheduler. Returns the last replay.
    For plain tests, not for async ones: a replay is a Trio run of its own.
    """
    from voiced.flight.reading import read_flight
    from voiced.testing.replay import replay
    from voiced.testing.replay.expected import find_recording, read_expected

    def replay_call(path: str | Path, *, seeds: int = 1) -> Replayed:
        file = find_recording(Path(path))
        recording, expected = read_flight(file), read_expected(file)
        replayed = None
        for seed in range(seeds):
            replayed = replay(recording, seed=seed)
            differences = replayed.differences(expected)
            if differences:
                pytest.fail("\n".join([f"{path} changed (seed {seed}):", *differences]), False)
        assert replayed is not None
        return replayed

    return replay_call
