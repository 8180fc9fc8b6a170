"""Indexes of both kinds: SQLite in a file, PostgreSQL as a real server of the tests' own."""

import pytest

from voiced.index.postgres import postgres_shelf
from voiced.index.sqlite import INDEX_FILE, sqlite_shelf


@pytest.fixture
def postgres(postgres_url):
    """An empty index in the server."""
    return postgres_shelf(postgres_url)


@pytest.fixture(
    params=["sqlite", pytest.param("postgres", marks=[pytest.mark.socket, pytest.mark.slow])]
)
def shelf(request, tmp_path):
    """An index of each kind."""
    if request.param == "postgres":
        return request.getfixturevalue("postgres")
    return sqlite_shelf(tmp_path / INDEX_FILE)
