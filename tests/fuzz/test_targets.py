"""Short runs of what `make fuzz` does for long: seeds, inputs that failed once, a few at random."""

import json

import pytest
import trio
from hypothesis import HealthCheck, given, settings

from tests.fuzz import guide, scripts
from tests.fuzz.call_target import check_stream, run_script
from tests.fuzz.far_side import Stream
from tests.fuzz.messages import frame
from tests.fuzz.steps import parse_script, script_of
from tests.fuzz.targets import TARGETS, corpus_of

SEEDS = [(name, path) for name in TARGETS for path in corpus_of(name)]
SLOW = {"call"}
a_few = settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize(("name", "path"), SEEDS, ids=lambda value: getattr(value, "stem", value))
def test_a_seed_or_a_former_failure_passes(name, path):
    TARGETS[name](path.read_bytes())


@pytest.mark.parametrize("name", [name for name in TARGETS if name not in SLOW])
def test_changed_seeds_pass(name):
    mutator = guide.Mutator(seed=1)
    seeds = [path.read_bytes() for path in corpus_of(name)]
    for n in range(150):
        TARGETS[name](mutator.change(seeds[n % len(seeds)], seeds))


@pytest.mark.slow
@a_few
@given(scripts.socket_scripts())
def test_whatever_comes_on_the_media_socket_the_call_ends_and_leaves_nothing(steps):
    run_script(script_of(steps))


@pytest.mark.slow
@a_few
@given(scripts.webhook_scripts())
def test_whatever_webhooks_tell_every_call_ends_once_with_a_reason(steps):
    run_script(script_of(steps))


@given(scripts.socket_scripts() | scripts.webhook_scripts())
def test_a_script_is_read_as_it_was_written(steps):
    assert [(s.verb, s.rest.strip()) for s in parse_script(script_of(steps))] == [
        (s.verb, s.rest.strip()) for s in steps
    ]


# The checks themselves: each must be able to fail.


def stream_of(*sent, given=((0.0, "start"),)):
    stream = Stream("in0", None)  # type: ignore[arg-type]  # what was sent is all that is looked at
    stream.sent += sent
    stream.given += given
    return stream


def media(n_bytes):
    whole = frame(1, n_bytes, "inbound")
    return json.dumps({"event": "media", "media": {"payload": whole["media"]["payload"]}})


@pytest.mark.parametrize(
    ("stream", "fault"),
    [
        (stream_of((1.0, media(160)), given=[]), "before the start"),
        (stream_of((1.0, media(160)), given=[(0.0, "start"), (0.5, "stop")]), "after the end"),
        (stream_of((1.0, media(80))), "80 bytes"),
        (stream_of(*[(1.0, media(1600))] * 3), "ahead"),
        (stream_of((1.0, '{"event":"mark","mark":{}}')), "not valid"),
        (stream_of((1.0, b"{}")), "binary"),
    ],
)
def test_a_forbidden_message_is_found(stream, fault):
    with pytest.raises(AssertionError, match=fault):
        check_stream(stream)


def test_an_error_of_a_task_is_found(monkeypatch):
    def receive(self, text):
        raise ZeroDivisionError

    monkeypatch.setattr("voiced.telnyx.media.MediaStream.receive", receive)
    with pytest.raises(AssertionError, match="fault of ours"):
        run_script(b"ring in0\nwait 0.1\nopen in0\nsay connected\n")


def test_a_task_that_is_left_is_found(monkeypatch):
    async def leave_one(self, *_):
        trio.lowlevel.spawn_system_task(trio.sleep_forever, name="left")

    monkeypatch.setattr("tests.fuzz.call_target._Keeper.begin", leave_one)
    with pytest.RaisesGroup(
        pytest.RaisesExc(AssertionError, match="tasks are left"), flatten_subgroups=True
    ):
        run_script(b"ring in0\nwait 0.1\n")
