"""Phrases in a directory: private, bounded, and whole after a crash."""

import os
import stat

import numpy as np
import pytest
from structlog.testing import capture_logs

from voiced.synthesizer.phrase import Phrase
from voiced.synthesizer.phrase_disk import PhraseDisk

SIZE = 10_000


def phrase(value=1):
    return Phrase(pcm=np.full(SIZE // 2, value, np.int16))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "cache" / "phrases"


def test_a_phrase_is_there_after_a_restart(path):
    PhraseDisk(path, 10**6).save("a.phrase", phrase(7), 8000)
    loaded = PhraseDisk(path, 10**6).load("a.phrase", 8000)
    assert loaded is not None
    assert np.array_equal(loaded.pcm, phrase(7).pcm)
    assert PhraseDisk(path, 10**6).load("b.phrase", 8000) is None


def test_files_are_for_their_owner_only(path):
    PhraseDisk(path, 10**6).save("a.phrase", phrase(), 8000)
    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert stat.S_IMODE((path / "a.phrase").stat().st_mode) == 0o600


def test_the_least_recently_used_phrases_make_room_after_a_restart_too(path):
    disk = PhraseDisk(path, 3 * SIZE + 1000)
    for name in "abc":
        disk.save(f"{name}.phrase", phrase(), 8000)
        os.utime(path / f"{name}.phrase", (1000 + ord(name), 1000 + ord(name)))
    disk = PhraseDisk(path, 3 * SIZE + 1000)
    assert disk.load("a.phrase", 8000) is not None
    disk.save("d.phrase", phrase(), 8000)
    assert sorted(file.name for file in path.iterdir()) == ["a.phrase", "c.phrase", "d.phrase"]


def test_a_phrase_larger_than_all_room_is_not_kept(path):
    disk = PhraseDisk(path, SIZE // 2)
    disk.save("a.phrase", phrase(), 8000)
    assert not path.exists()


def test_a_damaged_file_is_deleted_and_not_spoken(path):
    disk = PhraseDisk(path, 10**6)
    disk.save("a.phrase", phrase(), 8000)
    content = (path / "a.phrase").read_bytes()
    (path / "a.phrase").write_bytes(content[:-1])
    assert disk.load("a.phrase", 8000) is None
    assert not (path / "a.phrase").exists()
    disk.save("a.phrase", phrase(), 8000)
    assert disk.load("a.phrase", 8000) is not None


def test_what_a_crash_left_half_written_is_deleted_and_other_files_are_left_alone(path):
    path.mkdir(parents=True)
    (path / "a.phrase.new").write_bytes(b"half")
    (path / "notes.txt").write_text("mine")
    PhraseDisk(path, 10**6).load("a.phrase", 8000)
    assert [file.name for file in path.iterdir()] == ["notes.txt"]


def test_another_daemon_may_use_the_same_directory(path):
    ours, theirs = PhraseDisk(path, 10**6), PhraseDisk(path, 2 * SIZE)
    with capture_logs() as lines:
        ours.save("a.phrase", phrase(), 8000)
        for name in "bc":
            theirs.save(f"{name}.phrase", phrase(), 8000)
        assert ours.load("a.phrase", 8000) is None
        ours.save("a.phrase", phrase(), 8000)
        assert ours.load("a.phrase", 8000) is not None
    assert lines == []


def test_a_disk_that_cannot_be_written_is_told_once_and_costs_nothing_more(tmp_path):
    (tmp_path / "file").write_text("no directory")
    disk = PhraseDisk(tmp_path / "file" / "phrases", 10**6)
    with capture_logs() as lines:
        for _ in range(3):
            disk.save("a.phrase", phrase(), 8000)
            assert disk.load("a.phrase", 8000) is None
    assert [line["event"] for line in lines] == ["phrase cache cannot be used"]
