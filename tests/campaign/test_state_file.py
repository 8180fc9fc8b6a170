import json
import stat

import pytest

from voiced.campaign import open_state
from voiced.campaign.state_file import Progress
from voiced.errors import CallListError
from voiced.telnyx.outcome import Outcome

NOW = 1_770_000_000.0
ONE, TWO = "+13125550121", "+13125550122"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "list.state"


def test_what_was_written_is_known_again(path):
    with open_state(path) as state:
        assert state.progress == {}
        state.attempt(ONE, 1, "key-1", NOW)
        state.outcome(ONE, 1, Outcome.BUSY, NOW + 30)
        state.attempt(TWO, 1, "key-2", NOW + 40)
    with open_state(path) as state:
        assert state.progress == {
            ONE: Progress(outcomes=(Outcome.BUSY,), ended_at=NOW + 30),
            TWO: Progress(is_open=True, key="key-2"),
        }


def test_an_attempt_is_on_the_disk_before_it_returns(path):
    with open_state(path) as state:
        state.attempt(ONE, 1, "key-1", NOW)
        lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    assert lines[-1] == {"attempt": 1, "number": ONE, "key": "key-1", "at": NOW}


def test_a_torn_last_line_is_cut_off(path):
    with open_state(path) as state:
        state.attempt(ONE, 1, "key-1", NOW)
    whole = path.read_bytes()
    for size in range(1, 30):
        path.write_bytes(whole + b'{"attempt": 1, "number": "+13125550129"'[:size])
        with open_state(path) as state:
            assert state.progress == {ONE: Progress(is_open=True, key="key-1")}
            state.outcome(ONE, 1, Outcome.COMPLETED, NOW)
        with open_state(path) as state:
            assert state.progress[ONE].outcomes == (Outcome.COMPLETED,)
        path.write_bytes(whole)


def test_a_file_that_was_torn_in_its_first_line_begins_anew(path):
    path.write_bytes(b'{"voiced": "ca')
    with open_state(path) as state:
        state.attempt(ONE, 1, "key", NOW)
    with open_state(path) as state:
        assert state.progress == {ONE: Progress(is_open=True, key="key")}


@pytest.mark.parametrize(
    "line",
    [
        b"{}",
        b"[]",
        b"hello",
        b'{"outcome": "jubilant", "number": "+13125550121", "at": 1}',
        b'{"outcome": "busy", "number": "+13125550121"}',
        b'{"attempt": 1, "number": 5}',
    ],
)
def test_a_line_that_cannot_be_read_stops_everything(path, line):
    with open_state(path):
        pass
    path.write_bytes(path.read_bytes() + line + b'\n{"attempt": 1, "number": "+1312"}\n')
    with pytest.raises(CallListError, match="line 2: not a line of voiced's"), open_state(path):
        pass


def test_somebody_elses_file_is_left_alone(path):
    path.write_bytes(b"number\n+13125550121\n")
    with pytest.raises(CallListError, match="line 1"), open_state(path):
        pass
    assert path.read_bytes() == b"number\n+13125550121\n"


def test_a_list_is_called_by_one_at_a_time(path):
    with open_state(path), pytest.raises(CallListError, match="is in use"), open_state(path):
        pass
    with open_state(path):  # and is free again
        pass


def test_the_file_is_its_owners_only(path):
    with open_state(path):
        pass
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_directory_that_is_not_there_is_told(path):
    with pytest.raises(CallListError, match="No such file"), open_state(path / "x"):
        pass


def test_an_attempt_that_was_withdrawn_never_was(path):
    with open_state(path) as state:
        state.attempt(ONE, 1, "key-1", NOW)
        state.withdrawn(ONE, 1, NOW)
        state.attempt(TWO, 1, "key-2", NOW)
        state.outcome(TWO, 1, Outcome.BUSY, NOW)
        state.attempt(TWO, 2, "key-3", NOW + 1)
        state.withdrawn(TWO, 2, NOW + 1)
    with open_state(path) as state:
        busy = Progress(outcomes=(Outcome.BUSY,), ended_at=NOW, key="key-3")
        assert state.progress == {TWO: busy}


def test_an_attempt_that_was_left_is_settled(path):
    with open_state(path) as state:
        state.attempt(ONE, 1, "key-1", NOW)
    settled = Progress(outcomes=(Outcome.BUSY,), ended_at=NOW + 9)
    with open_state(path) as state:
        state.settle(ONE, Outcome.BUSY, NOW + 9)
        assert state.progress == {ONE: settled}
    with open_state(path) as state:
        assert state.progress == {ONE: settled}
