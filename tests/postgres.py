"""A real PostgreSQL server of the tests' own, in a temporary directory."""

import os
import pwd
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from glob import glob
from pathlib import Path
from typing import Any


@contextmanager
def open_postgres():
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
