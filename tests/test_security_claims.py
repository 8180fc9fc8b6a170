"""Every claim of docs/security.md has a test, and there is such a test."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs/security.md").read_text(encoding="utf-8")

NO_TEST = {
    "the limits below",
    "few of them, versions locked, the environment held against the lock",
}
"""Rows that point elsewhere: to the next table, and to `make check`."""


def rows():
    """Yield the cells of each row of each table."""
    for line in TEXT.splitlines():
        if line.startswith("| ") and not line.startswith(("| who |", "| limit |")):
            yield [cell.strip() for cell in line.strip("|").split(" | ")]


def names_of_tests():
    """Return the names of all tests."""
    names = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                names.add(node.name)
    return names


@pytest.mark.slow
def test_the_tests_that_are_named_are_there():
    named = set(re.findall(r"`(test_\w+)`", TEXT))
    assert len(named) > 50
    assert named - names_of_tests() == set()
    for path in re.findall(r"`(tests/[\w/.]+)`", TEXT):
        assert (ROOT / path).exists(), path


def test_every_line_names_one():
    listed = list(rows())
    assert len(listed) > 30
    for cells in listed:
        if not NO_TEST & {*cells}:
            assert "`test_" in cells[-1], cells
