"""The fuzzer finds what chance alone would not."""

from pathlib import Path

import pytest

from tests.fuzz import guide

HERE = Path(__file__).parent


def lock(data):
    """Opened by the right lines in the right order: each that fits is another step in the code."""
    lines = data.split(b"\n")
    if lines[0:1] != [b"one"]:
        return
    if lines[1:2] != [b"two"]:
        return
    if lines[2:3] != [b"three"]:
        return
    if lines[3:4] != [b"four"]:
        return
    if lines[4:5] == [b"five"]:
        raise ValueError("opened")


SEED = b"five\nfour\nthree\ntwo\none\nsix\nseven\neight"


def at_most(n_runs):
    return lambda found: found.n_runs < n_runs


def test_it_works_its_way_through_nested_conditions():
    found = guide.explore(lock, [SEED], package=HERE, go_on=at_most(5000))
    assert found.failure is not None
    data, error = found.failure
    assert data.startswith(b"one\ntwo\nthree\nfour\nfive")
    assert isinstance(error, ValueError)


def test_without_its_guide_it_is_lost():
    found = guide.explore(lock, [SEED], package=HERE / "nowhere", go_on=at_most(5000))
    assert found.failure is None


def test_code_elsewhere_does_not_count():
    found = guide.explore(lock, [SEED], package=HERE / "nowhere", go_on=at_most(50))
    assert found.edges == set()
    assert found.kept == [SEED, b""]


def test_the_same_seed_makes_the_same_run():
    runs = [
        guide.explore(lock, [SEED], package=HERE, seed=7, go_on=at_most(200)).kept for _ in range(2)
    ]
    assert runs[0] == runs[1]


def test_a_failing_input_is_cut_to_what_it_needs():
    def target(data):
        if {b"one", b"two"} <= set(data.split(b"\n")):
            raise ValueError

    assert guide.shorten(target, b"zero\none\nand\ntwo\nthree") == b"one\ntwo"


@pytest.mark.parametrize("data", [b"", b"\n", b"one line", b"a\nb\nc", bytes(range(256))])
def test_every_input_can_be_changed(data):
    mutator = guide.Mutator(seed=3)
    assert any(mutator.change(data, [data, b"x y\nz"]) != data for _ in range(20))
