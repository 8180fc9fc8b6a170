"""Every wire event of a call, page by page."""

import json
from pathlib import Path

import pytest

from voiced.dashboard.wire import MOST_CHARS, PAGE, wire_page
from voiced.flight.entries import Entry
from voiced.flight.reading import stream_flight

RECORDINGS = sorted((Path(__file__).parents[1] / "recordings").glob("*.jsonl.gz"))


def media(n):
    message = {
        "event": "media",
        "media": {"track": "inbound", "chunk": str(n), "payload": "A" * 216},
    }
    return Entry(at_s=n / 50, kind="rx", data={"m": json.dumps(message)})


def note(n, kind="order", **data):
    return Entry(at_s=float(n), kind=kind, data={"what": f"event {n}", **data})


def only(entry):
    (event,) = wire_page([entry], first=0, with_media=True).events
    return event


def test_messages_with_audio_are_shown_only_if_wanted():
    entries = [note(0), media(1), media(2), note(3)]
    assert [e.kind for e in wire_page(entries, first=0, with_media=False).events] == ["order"] * 2
    assert len(wire_page(entries, first=0, with_media=True).events) == 4


def test_pages_follow_each_other_without_a_gap():
    entries = [note(n) for n in range(2 * PAGE + 5)]
    seen, first, more = [], 0, True
    while more:
        page = wire_page(entries, first=first, with_media=False)
        seen += [event.gist for event in page.events]
        first, more = first + PAGE, page.has_more
    assert seen == [f"event {n}" for n in range(2 * PAGE + 5)]


def test_a_page_behind_the_end_is_empty():
    page = wire_page([note(1)], first=1000, with_media=False)
    assert (page.events, page.has_more) == ((), False)


def test_a_webhook_is_told_by_its_type_and_read_as_json():
    body = json.dumps({"data": {"event_type": "call.hangup", "payload": {"hangup_cause": "busy"}}})
    event = only(Entry(at_s=1.0, kind="webhook", data={"headers": {}, "body": body}))
    assert event.gist == "call.hangup"
    assert '"hangup_cause": "busy"' in event.text


def test_a_command_is_told_by_its_action_and_path():
    data = {"n": 1, "action": "answer", "method": "POST", "path": "/calls/x", "body": "{}"}
    assert only(Entry(at_s=1.0, kind="request", data=data)).gist == "answer POST /calls/x"


def test_audio_is_told_by_its_size():
    assert "AAAA" not in only(media(1)).text
    assert "(216 characters of audio)" in only(media(1)).text


def test_what_is_no_json_is_shown_as_it_is():
    assert only(Entry(at_s=1.0, kind="rx", data={"m": "{not json"})).gist.startswith("m={not json")


def test_a_monster_is_cut():
    event = only(note(1, body="x" * 100_000))
    assert len(event.text) < MOST_CHARS + 100
    assert "characters more" in event.text


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.name.split(".")[0])
def test_every_event_of_a_real_call_has_a_line(path):
    _, entries = stream_flight(path)
    for event in wire_page(entries, first=0, with_media=True).events:
        assert event.gist, event
        assert len(event.gist) <= 140
        assert "\n" not in event.gist
