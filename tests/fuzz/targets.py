"""What is fuzzed: each target takes any bytes, and whatever it raises is a fault of ours."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from tests.fuzz.call_target import run_script
from tests.fuzz.guide import Target
from voiced.errors import RemoteProtocolError
from voiced.flight.reading import RecordingUnusable, read_flight
from voiced.ledger.legs import read_entry
from voiced.ledger.lines import read_lines
from voiced.telnyx.events import parse_event
from voiced.telnyx.media import MediaStream, StreamState
from voiced.telnyx.texml.callbacks import parse_callback, parse_fetch
from voiced.telnyx.texml.form import parse_form

CORPUS = Path(__file__).parent / "corpus"


def media_messages(data: bytes) -> None:
    """One media socket; each line is a message."""
    stream = MediaStream()
    for line in data.decode("utf-8", "replace").split("\n"):
        before = stream.state
        try:
            stream.receive(line)
        except RemoteProtocolError:
            assert stream.state is before
        assert stream.takes_audio is (stream.state is StreamState.STARTED)


def webhook_body(data: bytes) -> None:
    """The body of one webhook."""
    with suppress(RemoteProtocolError):
        event = parse_event(data)
        assert event.webhook_id


def texml_form(data: bytes) -> None:
    """The form of one TeXML callback."""
    with suppress(RemoteProtocolError):
        form = parse_form(data)
        for parse in (parse_fetch, parse_callback):
            with suppress(RemoteProtocolError):
                parse(form)


def ledger_file(data: bytes) -> None:
    """What a crash has left of the ledger."""
    for key, item in read_lines(data).items.items():
        read_entry(key, item)


def flight_file(data: bytes) -> None:
    """A flight recording, as somebody sends it in."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        with suppress(RecordingUnusable):
            read_flight(Path(file.name))


TARGETS: Mapping[str, Target] = {
    "call": run_script,
    "media_messages": media_messages,
    "webhook_body": webhook_body,
    "texml_form": texml_form,
    "ledger_file": ledger_file,
    "flight_file": flight_file,
}


def corpus_of(target: str) -> list[Path]:
    """Return the seeds of a target, and the inputs that once failed."""
    return sorted(path for path in (CORPUS / target).iterdir() if path.is_file())
