"""Indexes of both kinds: SQLite in a file, PostgreSQL as a real server of the tests' own."""

import os
import pwd
import shutil
import subprocess
import tempfile
from glob import glob
from pathlib import Path
from typing import Any

import pytest

from voiced.index.postgres import postgres_shelf
from voiced.index.sqlite import INDEX_FILE, sqlite_shelf


@pytest.fixture(scope="session")
def postgres_url():
    """A server on a socket file, as a user without privileges: PostgreSQL refuses root."""
    folder = Path(tempfile.mkdtemp(prefix="voiced-pg-", dir="/tmp"))
    user: dict[str, Any] = {}
    if os.getuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}

    def run(program, *arguments):
        command = [_program(program), *arguments]
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=60, check=False, **user
        )
        assert done.returncode == 0, done.stderr + done.stdout

    data = str(folder / "data")
    settings = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off"
    run("initdb", "-D", data, "-U", "voiced", "-A", "trust", "-E", "UTF8", "--no-sync")
    try:
        run("pg_ctl", "-D", data, "-w", "-l", str(folder / "log"), "-o", settings, "start")
        try:
            yield f"postgresql:///postgres?host={folder}&user=voiced"
        finally:
            run("pg_ctl", "-D", data, "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _program(name):
    """Debian keeps the server's programs where no PATH leads."""
    places = sorted(glob(f"/usr/lib/postgresql/*/bin/{name}"))
    found = places[-1] if places else shutil.which(name)
    assert found is not None, f"{name} is missing: make peers installs it"
    return found


@pytest.fixture
def postgres(postgres_url):
    """An empty index in the server."""
    import psycopg

    from voiced.index.sql import TABLE

    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"DROP TABLE IF EXISTS {TABLE}")
    return postgres_shelf(postgres_url)


@pytest.fixture(
    params=["sqlite", pytest.param("postgres", marks=[pytest.mark.socket, pytest.mark.slow])]
)
def shelf(request, tmp_path):
    """An index of each kind."""
    if request.param == "postgres":
        return request.getfixturevalue("postgres")
    return sqlite_shelf(tmp_path / INDEX_FILE)
