"""Records on the disk: whole or not at all, for their owner only, and never in a call's way."""

import io
import json
import os
import shutil
import stat
import tempfile
import threading
from pathlib import Path

import pytest
import structlog
import trio

import voiced.record.store
from voiced.errors import StartupError
from voiced.log import configure_logging
from voiced.record.store import DISK_THREADS, RecordStore

DOCUMENT = {
    "call_id": "v3:abc",
    "ref": "a/../DEF",
    "started_at": "2026-11-22T10:00:00.123+00:00",
    "x": 1,
}


@pytest.fixture
def log_text():
    text = io.StringIO()
    configure_logging("debug", "json", text)
    yield text
    structlog.reset_defaults()


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


async def test_a_record_is_written_for_its_owner_only(tmp_path):
    old = os.umask(0)
    try:
        store = RecordStore(tmp_path / "a" / "calls")
        await store.save(DOCUMENT)
    finally:
        os.umask(old)
    directory = store.directory(DOCUMENT)
    assert json.loads((directory / "call.json").read_text()) == DOCUMENT
    assert mode_of(tmp_path / "a" / "calls") == mode_of(directory) == 0o700
    assert mode_of(directory / "call.json") == 0o600
    assert [path.name for path in directory.iterdir()] == ["call.json"]


def test_a_call_has_a_directory_of_its_own_whatever_its_id_holds(tmp_path):
    store = RecordStore(tmp_path)
    directory = store.directory(DOCUMENT)
    assert directory.parent == tmp_path
    assert directory.name == "20261122T100000-aDEF"
    other = store.directory({**DOCUMENT, "ref": "other"})
    assert other != directory


@pytest.mark.parametrize("text", ["Zürich, 東京", "half a pair: \ud800", "\0\x1b[31m\u2028"])
async def test_any_text_can_be_written_and_read_again(tmp_path, monkeypatch, text):
    monkeypatch.setenv("LC_ALL", "C")
    store = RecordStore(tmp_path)
    await store.save({**DOCUMENT, "x": text})
    written = (store.directory(DOCUMENT) / "call.json").read_text(encoding="utf-8")
    assert json.loads(written)["x"] == text


async def test_a_record_that_cannot_be_written_is_logged_and_an_older_one_stays(tmp_path, log_text):
    store = RecordStore(tmp_path)
    await store.save(DOCUMENT)
    directory = store.directory(DOCUMENT)
    (directory / ".call.json.new").mkdir()
    await store.save({**DOCUMENT, "x": 2})
    assert json.loads((directory / "call.json").read_text())["x"] == 1
    line = json.loads(log_text.getvalue())
    assert (line["level"], line["event"]) == ("error", "record not written")
    assert line["directory"] == str(directory)
    assert line["error"]


async def test_a_directory_that_has_gone_is_made_again(tmp_path, log_text):
    store = RecordStore(tmp_path / "calls")
    (tmp_path / "calls").rmdir()
    await store.save(DOCUMENT)
    assert (store.directory(DOCUMENT) / "call.json").exists()
    assert log_text.getvalue() == ""


async def test_a_disk_that_hangs_holds_nobody_up(tmp_path, monkeypatch):
    release = threading.Event()
    monkeypatch.setattr(voiced.record.store, "_write", lambda *_: release.wait(30))
    store = RecordStore(tmp_path)
    try:
        with trio.fail_after(5):
            for _ in range(DISK_THREADS + 1):
                with trio.move_on_after(0.01) as scope:
                    await store.save(DOCUMENT)
                assert scope.cancelled_caught
    finally:
        release.set()


def test_a_root_that_cannot_be_made_is_a_startup_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StartupError, match=r"\[records\] path .*file/calls: .*writable"):
        RecordStore(tmp_path / "file" / "calls")


@pytest.fixture
def foreign_directory():
    """A directory that this process may read and not write."""
    path = Path(tempfile.mkdtemp())
    path.chmod(0o555)
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65534)
    yield path
    if is_root:
        os.seteuid(0)
    path.chmod(0o700)
    shutil.rmtree(path)


def test_a_root_that_cannot_be_written_is_a_startup_error(foreign_directory):
    with pytest.raises(StartupError, match=r"\[records\] path .*: .*writable"):
        RecordStore(foreign_directory)


async def test_a_record_that_begins_never_takes_the_place_of_one_that_is_there(tmp_path, log_text):
    store = RecordStore(tmp_path)
    await store.begin({**DOCUMENT, "state": "live"})
    directory = store.directory(DOCUMENT)
    assert json.loads((directory / "call.json").read_text())["state"] == "live"
    assert mode_of(directory / "call.json") == 0o600
    await store.save({**DOCUMENT, "state": "ended"})
    await store.begin({**DOCUMENT, "state": "live"})
    assert json.loads((directory / "call.json").read_text())["state"] == "ended"
    assert [path.name for path in directory.iterdir()] == ["call.json"]
    assert log_text.getvalue() == ""


async def test_a_record_is_amended_whole_or_not_at_all(tmp_path):
    store = RecordStore(tmp_path)
    await store.save(DOCUMENT)
    name = store.name(DOCUMENT)
    assert await store.amend(name, lambda found: {**found, "y": 2}) is True
    assert await store.amend("new", lambda found: {**found, "z": 3}) is True
    assert json.loads((tmp_path / name / "call.json").read_text()) == {**DOCUMENT, "y": 2}
    assert json.loads((tmp_path / "new" / "call.json").read_text()) == {"z": 3}


async def test_an_amendment_of_nothing_leaves_all_as_it_is(tmp_path):
    store = RecordStore(tmp_path)
    await store.save(DOCUMENT)
    assert await store.amend("new", lambda _: {}) is False
    assert await store.amend(store.name(DOCUMENT), lambda _: {}) is False
    assert json.loads((store.directory(DOCUMENT) / "call.json").read_text()) == DOCUMENT
    assert not (tmp_path / "new").exists()


async def test_amendments_of_one_record_do_not_lose_each_other(tmp_path):
    store = RecordStore(tmp_path)
    await store.save(DOCUMENT)
    name = store.name(DOCUMENT)
    async with trio.open_nursery() as nursery:
        for n in range(20):
            nursery.start_soon(store.amend, name, lambda found, n=n: {**found, str(n): n})
    found = json.loads((tmp_path / name / "call.json").read_text())
    assert all(found[str(n)] == n for n in range(20))


@pytest.mark.parametrize("content", [b"garbage", b"[]", b"\xff"])
async def test_a_record_that_cannot_be_read_is_as_none(tmp_path, content):
    store = RecordStore(tmp_path)
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "call.json").write_bytes(content)
    assert await store.amend("a", lambda found: {**found, "x": 1}) is True
    assert json.loads((tmp_path / "a" / "call.json").read_text()) == {"x": 1}


async def test_an_amendment_that_cannot_be_written_is_logged(tmp_path, log_text):
    store = RecordStore(tmp_path)
    (tmp_path / "a" / "call.json").mkdir(parents=True)
    assert await store.amend("a", lambda found: found) is False
    assert json.loads(log_text.getvalue())["event"] == "record not read"


async def test_a_record_is_found_by_what_we_call_the_call(tmp_path):
    store = RecordStore(tmp_path)
    document = {**DOCUMENT, "ref": "0123456789abcdef"}
    await store.save(document)
    await store.save({**DOCUMENT, "ref": "fedcba9876543210"})
    assert await store.find("0123456789abcdef") == document
    for ref in ("0123456789abcdee", "", "*", "../../../../../x", "89abcdef"):
        assert await store.find(ref) == {}
