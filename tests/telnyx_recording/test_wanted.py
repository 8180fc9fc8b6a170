"""Which recordings are wanted, and what is written down of them."""

from datetime import UTC, datetime

import pytest

from voiced.telnyx.queries import StoredRecording
from voiced.telnyx_recording.wanted import (
    Wanted,
    entry_of,
    item_of,
    lost_entry,
    may_be_fetched,
    pick_url,
    read_wanted,
)

WANTED = Wanted(call_leg_id="leg", call_control_id="v3:a", directory="call-a", at=5.0)
BEGAN = datetime(2026, 11, 22, 10, tzinfo=UTC)


def recording(recording_id="rec-1", started_at=BEGAN, **urls):
    return StoredRecording(
        recording_id=recording_id,
        channels="dual",
        duration_s=1.5,
        started_at=started_at,
        urls=urls,
    )


def test_what_is_written_down_is_read_again():
    done = WANTED.with_entry(entry_of(recording(), file="telnyx.wav", n_bytes=9))
    assert read_wanted("leg", item_of(done)) == done
    assert done.is_complete
    assert not WANTED.is_complete


@pytest.mark.parametrize(
    "changes", [{"directory": "../x"}, {"directory": ""}, {"at": "x"}, {"begun": None}]
)
def test_what_is_no_such_thing_is_not_read(changes):
    assert read_wanted("leg", {**item_of(WANTED), **changes}) is None


def test_a_recording_is_known_by_its_id_or_by_its_beginning():
    done = WANTED.with_entry(entry_of(recording(), file="telnyx.wav"))
    assert done.has(recording())
    assert done.has(recording(recording_id=""))
    assert done.has(recording(started_at=None))
    assert not done.has(recording("rec-2", BEGAN.replace(hour=11)))
    lost = WANTED.with_entry(lost_entry("why"))
    assert not lost.has(recording("", None))


def test_files_are_numbered_from_the_second_on():
    once = WANTED.with_entry(lost_entry("why"))
    assert (WANTED.file_name("wav"), once.file_name("mp3")) == ("telnyx.wav", "telnyx-2.mp3")


def test_the_better_format_is_picked():
    assert pick_url(recording(mp3="m", wav="w")) == ("wav", "w")
    assert pick_url(recording(mp3="m")) == ("mp3", "m")
    assert pick_url(recording(ogg="o")) == ("", "")


@pytest.mark.parametrize(
    ("url", "api_base", "may"),
    [
        ("https://s3.example.com/x", "https://api.telnyx.com/v2", True),
        ("http://s3.example.com/x", "https://api.telnyx.com/v2", False),
        ("http://127.0.0.1:80/x", "https://api.telnyx.com/v2", False),
        ("http://127.0.0.1:80/x", "http://127.0.0.1:99/v2", True),
        ("http://s3.example.com/x", "http://127.0.0.1:99/v2", False),
        ("gs://bucket/x", "https://api.telnyx.com/v2", False),
        ("file:///etc/passwd", "http://127.0.0.1/v2", False),
    ],
)
def test_voices_travel_encrypted_or_not_at_all(url, api_base, may):
    assert may_be_fetched(url, api_base) is may
