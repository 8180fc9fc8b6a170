"""Questions to Telnyx and what their answers say."""

import json
from typing import Any

import pytest
from trio.testing import MockClock

from tests.telnyx.test_rest import KEY, LEG, FakeTelnyx, Reply, refusal
from voiced.errors import CallGone, CommandFailed, RemoteProtocolError
from voiced.telnyx.ids import CallControlId, CallLegId
from voiced.telnyx.queries import (
    ListActiveCalls,
    ListRecordings,
    Query,
    RetrieveCall,
    RetrieveRecording,
)
from voiced.telnyx.rest import MAX_PAGES

CALL = {
    "record_type": "call",
    "call_control_id": "v3:leg",
    "call_leg_id": "leg",
    "call_session_id": "session",
    "is_alive": True,
    "client_state": "eA==",
    "call_duration": 50,
}
RECORDING = {
    "record_type": "recording",
    "id": "rec-1",
    "channels": "dual",
    "duration_millis": 60500,
    "recording_started_at": "2026-02-02T22:25:02Z",
    "download_urls": {"wav": "https://storage.example.com/r.wav?x", "mp3": None},
}


def answer(data: Any) -> Reply:
    return Reply(body=json.dumps({"data": data}).encode())


async def ask(fake: FakeTelnyx, query: Query[Any]) -> Any:
    async with fake.open() as telnyx:
        return await telnyx.ask(query)


async def test_a_leg_is_asked_for_with_the_key_and_without_a_body(
    autojump_clock: MockClock,
) -> None:
    fake = FakeTelnyx(answer(CALL))
    status = await ask(fake, RetrieveCall(call_control_id=LEG))
    (request,) = fake.requests
    assert (request.method, request.content) == ("GET", b"")
    assert request.url.raw_path == b"/v2/calls/v3%3Aleg"
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert (status.is_alive, status.has_ended, status.duration_s) == (True, False, 50.0)
    assert (status.call_control_id, status.client_state) == ("v3:leg", "eA==")


@pytest.mark.parametrize(
    ("changes", "has_ended"),
    [
        ({"end_time": "2026-02-02T22:25:02Z"}, True),
        ({}, False),  # a leg that we have dialled, and that still rings
    ],
)
def test_only_an_end_time_proves_that_a_leg_has_ended(
    changes: dict[str, str], has_ended: bool
) -> None:
    data = {**CALL, "is_alive": False, **changes}
    status = RetrieveCall(call_control_id=LEG).read(data)
    assert (status.is_alive, status.has_ended) == (False, has_ended)


def test_recordings_are_found_by_either_id() -> None:
    path = ListRecordings(call_control_id=CallControlId("v3:1")).path
    assert path == "/recordings?filter%5Bcall_control_id%5D=v3%3A1&page%5Bsize%5D=250"


async def test_recordings_are_listed_by_leg(autojump_clock: MockClock) -> None:
    fake = FakeTelnyx(answer([RECORDING]))
    (recording,) = await ask(fake, ListRecordings(call_leg_id=CallLegId("leg/1")))
    assert fake.requests[0].url.path == "/v2/recordings"
    assert dict(fake.requests[0].url.params) == {
        "filter[call_leg_id]": "leg/1",
        "page[size]": "250",
    }
    assert recording.recording_id == "rec-1"
    assert recording.duration_s == 60.5
    assert recording.urls == {"wav": "https://storage.example.com/r.wav?x"}
    assert "storage" not in repr(recording)


def test_paths_hold_ids_of_any_kind() -> None:
    assert RetrieveRecording(recording_id="a/b").path == "/recordings/a%2Fb"
    assert ListActiveCalls(connection_id="12").path.startswith("/connections/12/active_calls?")


def test_active_calls_are_a_list_of_legs() -> None:
    told = {key: CALL[key] for key in CALL if key != "is_alive"}
    (leg,) = ListActiveCalls(connection_id="12").read([told])
    assert (leg.call_control_id, leg.client_state, leg.has_ended) == ("v3:leg", "eA==", False)


@pytest.mark.parametrize(
    ("query", "data"),
    [
        (RetrieveCall(call_control_id=LEG), []),
        (RetrieveCall(call_control_id=LEG), {}),
        (RetrieveRecording(recording_id="1"), {"id": "1", "download_urls": "https://x"}),
        (ListRecordings(call_leg_id=CallLegId("1")), {}),
        (ListRecordings(call_leg_id=CallLegId("1")), ["x"]),
    ],
)
def test_what_is_not_such_an_answer_is_refused(query: Query[Any], data: Any) -> None:
    with pytest.raises(RemoteProtocolError):
        query.read(data)


async def test_an_answer_that_cannot_be_read_is_a_failure_that_names_the_field(
    autojump_clock: MockClock,
) -> None:
    with pytest.raises(CommandFailed, match="retrieve call: call: must be an object"):
        await ask(FakeTelnyx(answer([])), RetrieveCall(call_control_id=LEG))


async def test_an_ended_leg_is_told_apart(autojump_clock: MockClock) -> None:
    with pytest.raises(CallGone):
        await ask(FakeTelnyx(refusal(422, "90018")), RetrieveCall(call_control_id=LEG))


async def test_a_query_is_tried_again_as_a_command_is(autojump_clock: MockClock) -> None:
    fake = FakeTelnyx(refusal(500), answer(CALL))
    assert (await ask(fake, RetrieveCall(call_control_id=LEG))).is_alive
    assert len(fake.requests) == 2


def pages_of(*documents: dict[str, Any]) -> FakeTelnyx:
    return FakeTelnyx(*(Reply(body=json.dumps(document).encode()) for document in documents))


def queries_of(pages: FakeTelnyx) -> list[str]:
    return [request.url.query.decode() for request in pages.requests]


async def all_of(pages: FakeTelnyx, query: Query[tuple[Any, ...]]) -> tuple[Any, ...]:
    async with pages.open() as telnyx:
        return await telnyx.ask_all(query)


async def test_counted_pages_are_asked_for_one_after_another(autojump_clock: MockClock) -> None:
    pages = pages_of(
        *(
            {
                "data": [RECORDING | {"id": f"rec-{n}"}],
                "meta": {"page_number": n, "total_pages": 3, "page_size": 1, "total_results": 3},
            }
            for n in (1, 2, 3)
        )
    )
    found = await all_of(pages, ListRecordings(call_leg_id=CallLegId("leg")))
    assert [recording.recording_id for recording in found] == ["rec-1", "rec-2", "rec-3"]
    first, *later = queries_of(pages)
    assert later == [f"{first}&page%5Bnumber%5D={n}" for n in (2, 3)]


async def test_pages_with_a_cursor_are_followed(autojump_clock: MockClock) -> None:
    more = {"cursors": {"after": "a/b=", "before": None}, "next": "https://api.example.com/next"}
    last = {"cursors": {"after": "c"}, "next": None}
    pages = pages_of({"data": [CALL], "meta": more}, {"data": [CALL], "meta": last})
    assert len(await all_of(pages, ListActiveCalls(connection_id="1"))) == 2
    assert queries_of(pages)[1].endswith("&page%5Bafter%5D=a%2Fb%3D")


@pytest.mark.parametrize(
    "meta", [None, 5, {}, {"page_number": 1, "total_pages": 1}, {"cursors": 3, "next": "x"}]
)
async def test_answer_that_tells_of_no_other_page_is_the_last(
    meta: object, autojump_clock: MockClock
) -> None:
    pages = pages_of({"data": [CALL], "meta": meta})
    assert len(await all_of(pages, ListActiveCalls(connection_id="1"))) == 1


async def test_list_without_end_is_given_up(autojump_clock: MockClock) -> None:
    page = {"data": [], "meta": {"page_number": 1, "total_pages": 2}}
    pages = pages_of(*[page] * 100)
    with pytest.raises(CommandFailed, match="more than 40 pages"):
        await all_of(pages, ListActiveCalls(connection_id="1"))
    assert len(pages.requests) == MAX_PAGES
