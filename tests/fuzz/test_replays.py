"""Whatever is done to a call, its flight recording is the same call again."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings

from tests.fuzz import scripts
from tests.fuzz.call_target import run_script
from tests.fuzz.steps import Step, script_of
from tests.fuzz.targets import corpus_of
from voiced.flight.entries import LineWriter
from voiced.flight.flight import Flight
from voiced.flight.reading import read_flight
from voiced.testing.replay import replay

APART_S = "0.0031"
"""Between two steps: what comes in one moment of the virtual clock may come in another order."""

a_few = settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow])


class KeptFlights:
    """Keeps all recordings in memory."""

    def __init__(self):
        self.kept = []

    def begin(self, record, token):
        self.kept.append(Flight(record, token, most_bytes=float("inf")))
        return self.kept[-1]


def assert_replays(data):
    """Do a script to a daemon, and hold each of its calls again."""
    flights = KeptFlights()
    run_script(data, flights)
    with TemporaryDirectory() as folder:
        for number, flight in enumerate(flights.kept):
            path = Path(folder) / f"{number}.jsonl"
            lines = map(LineWriter(flight.notes.origin).line, flight.notes.take())
            path.write_text("".join(lines), encoding="utf-8", errors="backslashreplace")
            assert replay(read_flight(path)).differences() == []


def apart(steps):
    """Return the script of `steps`, each in a moment of its own."""
    wait = Step("wait", APART_S)
    return script_of([each for step in steps for each in (step, wait)])


@pytest.mark.slow
@pytest.mark.parametrize("path", corpus_of("call"), ids=lambda path: path.stem)
def test_the_calls_of_a_seed_replay(path):
    assert_replays(path.read_bytes())


@pytest.mark.slow
@a_few
@given(scripts.socket_scripts())
def test_whatever_comes_on_the_media_socket_the_call_replays(steps):
    assert_replays(apart(steps))


@pytest.mark.slow
@a_few
@given(scripts.webhook_scripts())
def test_whatever_webhooks_tell_the_calls_replay(steps):
    assert_replays(apart(steps))
