"""Error messages on the media socket: counted by code, logged by meaning, and once."""

import io
import json

import pytest
import structlog

from voiced.log import configure_logging
from voiced.media.stream_errors import StreamErrors
from voiced.telnyx.media_messages import StreamError


@pytest.fixture
def log_text():
    text = io.StringIO()
    configure_logging("info", "json", text)
    yield text
    structlog.reset_defaults()


def error(code):
    return StreamError(code=code, title="a title", detail="the caller's words")


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        (100002, "report"),
        (100003, "a fault of voiced"),
        (100004, "media.bidirectional_codec"),
        (100005, "a machine that stalls"),
    ],
)
def test_each_kind_is_counted_and_said_once_with_what_to_do(log_text, code, remedy):
    errors = StreamErrors()
    for _ in range(3):
        errors.take(error(code))
    assert errors.counts == {str(code): 3}
    (line,) = [json.loads(text) for text in log_text.getvalue().splitlines()]
    assert line["code"] == str(code)
    assert remedy in line["remedy"]
    assert "words" not in log_text.getvalue()


def test_codes_that_nobody_knows_are_counted_together(log_text):
    errors = StreamErrors()
    for code in range(1000):
        errors.take(error(code))
    assert errors.counts == {"other": 1000}
    assert len(log_text.getvalue().splitlines()) == 1
