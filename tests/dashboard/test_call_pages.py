"""The pages of a call that has ended, and what belongs to them."""

import html
import io
import json
import shutil
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trio
from quart_trio import QuartTrio

from tests.dashboard.synthetic import NOON, SyntheticHouse
from voiced.audio.wav import write_wav
from voiced.dashboard.audience import Audience
from voiced.dashboard.behind import Dashboard
from voiced.dashboard.call_pages import add_call_pages
from voiced.dashboard.files import open_call_files
from voiced.errors import IndexUnavailable
from voiced.explain.answers import answers_of
from voiced.flight.reading import read_flight
from voiced.index import Page
from voiced.index.query import Place
from voiced.record.store import RecordStore

BARGE_IN = Path(__file__).parents[1] / "recordings" / "barge_in.jsonl.gz"


class Desk:
    """Knows one call, which has ended."""

    def __init__(self, record):
        self.record = record
        self.page = Page(calls=[], next=None)
        self.query = None

    def live(self, call_id):
        return None

    async def document(self, call_id):
        await trio.lowlevel.checkpoint()
        return self.record if call_id == self.record["ref"] else None

    async def search(self, query):
        await trio.lowlevel.checkpoint()
        self.query = query
        if self.page is None:
            raise IndexUnavailable("gone")
        return self.page


@pytest.fixture
def record():
    return {**(read_flight(BARGE_IN).record or {}), "ref": "0123456789abcdef"}


@pytest.fixture
def client(tmp_path, record):
    """A client of the pages; the call has left its record and its flight recording."""
    store = RecordStore(tmp_path)
    directory = store.directory(record)
    directory.mkdir()
    (directory / "call.json").write_text(json.dumps(record))
    shutil.copy(BARGE_IN, directory / "wire.jsonl.gz")
    app = QuartTrio("pages", static_folder=None)
    house = SyntheticHouse(lambda: NOON)
    with open_call_files(store) as files:
        audience = Audience(house.board, house, house.wall_clock)
        desk = Desk(record)
        add_call_pages(app, desk, Dashboard(audience=audience, files=files), has_token=False)
        client: Any = app.test_client()
        client.desk, client.directory, client.url = (
            desk,
            directory,
            f"/dashboard/calls/{record['ref']}",
        )
        yield client


def wav_of(data):
    with wave.open(io.BytesIO(data)) as file:
        return file.getnchannels(), file.getframerate(), file.getnframes()


async def test_the_page_tells_what_was_heard_and_what_went_wrong(client, record):
    response = await client.get(client.url)
    text = await response.get_data(as_text=True)
    assert response.status_code == 200
    assert 'class="unheard"' in text
    assert "cut off" in text
    assert record["end"]["evidence"] in text
    assert 'data-audio-from="0.0"' in text
    assert f"{client.url}/wire" in text


async def test_the_page_answers_what_is_asked_first(client, record):
    record["providers"] = {"recognizer": "deepgram", "agent": "script", "synthesizer": "flite"}
    text = await (await client.get(client.url)).get_data(as_text=True)
    answers = html.unescape(text[text.index('class="answers"') : text.index("</section>")])
    for sentence in (answers_of(record).last_words, answers_of(record).served_by):
        assert sentence
        assert sentence in answers
    assert "What went wrong" in answers
    assert f"({record['end']['evidence']})" in answers


@pytest.mark.slow
async def test_sound_is_made_from_the_flight_recording_and_given_piece_by_piece(client, record):
    whole = await client.get(f"{client.url}/audio.wav")
    data = await whole.get_data()
    channels, rate_hz, n_frames = wav_of(data)
    assert (whole.status_code, channels, rate_hz) == (200, 2, 8000)
    assert n_frames / rate_hz == pytest.approx(record["duration_s"], abs=1.0)
    assert int(whole.headers["Content-Length"]) == len(data)

    part = await client.get(f"{client.url}/audio.wav", headers={"Range": "bytes=100-199"})
    assert (part.status_code, await part.get_data()) == (206, data[100:200])
    assert part.headers["Content-Range"] == f"bytes 100-199/{len(data)}"
    rest = await client.get(f"{client.url}/audio.wav", headers={"Range": "bytes=-50"})
    assert (rest.status_code, await rest.get_data()) == (206, data[-50:])
    beyond = await client.get(f"{client.url}/audio.wav", headers={"Range": "bytes=99999999-"})
    assert (beyond.status_code, beyond.headers["Content-Range"]) == (416, f"bytes */{len(data)}")


async def test_a_recording_goes_before_the_flight_recording(client):
    assert 'preload="none"' in await (await client.get(client.url)).get_data(as_text=True)
    with (client.directory / "audio.wav").open("wb") as file:
        write_wav(file, np.zeros((800, 2), np.int16), 8000)
    response = await client.get(f"{client.url}/audio.wav")
    assert wav_of(await response.get_data()) == (2, 8000, 800)
    assert 'preload="metadata"' in await (await client.get(client.url)).get_data(as_text=True)


@pytest.mark.slow
async def test_the_picture_is_drawn_without_a_style_of_its_own(client):
    response = await client.get(f"{client.url}/picture")
    text = await response.get_data(as_text=True)
    assert response.status_code == 200
    assert text.startswith("<svg")
    assert "data-px-per-s" in text
    assert "<style" not in text
    assert "style=" not in text


@pytest.mark.slow
async def test_what_was_said_before_a_crash_is_shown_from_the_flight_recording(client, record):
    record["end"] = {"reason": "daemon_died", "evidence": "the daemon died during the call"}
    record["turns"] = []
    (client.directory / "call.json").write_text(json.dumps(record))
    text = await (await client.get(client.url)).get_data(as_text=True)
    assert 'class="unheard"' in text
    assert "You said opening hours." in text


@pytest.mark.slow
async def test_wire_events_are_paged(client):
    response = await client.get(f"{client.url}/wire?media=1")
    text = await response.get_data(as_text=True)
    assert "call.initiated" in text
    assert "?from=100&amp;media=1" in text
    later = await client.get(f"{client.url}/wire?from=100&media=1")
    assert "?from=0&amp;media=1" in await later.get_data(as_text=True)


async def test_a_call_that_left_nothing_says_so(client):
    shutil.rmtree(client.directory)
    text = await (await client.get(client.url)).get_data(as_text=True)
    assert "No audio of this call was kept." in text
    assert "/wire" not in text
    assert (await client.get(f"{client.url}/audio.wav")).status_code == 404


@pytest.mark.slow
@pytest.mark.parametrize("what", ["picture", "wire", "audio.wav"])
async def test_files_that_cannot_be_read_are_no_fault_of_the_server(client, what):
    (client.directory / "wire.jsonl.gz").write_bytes(b"\x1f\x8bnonsense")
    (client.directory / "call.json").write_text("{")
    assert (await client.get(f"{client.url}/{what}")).status_code == 404


@pytest.mark.parametrize("what", ["", "/picture", "/wire", "/audio.wav"])
async def test_a_call_that_there_is_not_is_not_found(client, what):
    for name in ("ffffffffffffffff", "..", "%2e%2e%2fetc"):
        assert (await client.get(f"/dashboard/calls/{name}{what}")).status_code == 404


async def test_past_calls_are_listed_by_what_was_asked(client, record):
    call = {"id": record["ref"], **record, "turns": 3, "worst_latency_s": 1.2}
    client.desk.page = Page(calls=[call], next=Place("2026-11-22T10:00:00.000+00:00", "f" * 16))
    response = await client.get("/dashboard/calls?number=%2B1312*&reason=silence&text=")
    text = await response.get_data(as_text=True)
    assert client.desk.query.number == "+1312*"
    assert client.desk.query.reason == "silence"
    assert client.desk.query.state == "ended"
    assert client.url in text
    assert "Older calls" in text
    assert '<option value="silence" selected>' in text


async def test_a_filter_that_makes_no_sense_is_told(client):
    response = await client.get("/dashboard/calls?since=yesterday")
    assert response.status_code == 400
    assert "since: must be a time" in await response.get_data(as_text=True)


async def test_an_index_that_is_away_is_told(client):
    client.desk.page = None
    response = await client.get("/dashboard/calls")
    assert "cannot be asked now" in await response.get_data(as_text=True)
