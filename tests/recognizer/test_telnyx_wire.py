import pytest

from voiced.recognizer.base import Vocabulary
from voiced.recognizer.dialect import EndOfSpeech, Refusal, Words
from voiced.recognizer.telnyx_wire import TelnyxSettings, dialect, read


@pytest.mark.parametrize(
    ("message", "told"),
    [
        (
            '{"transcript":"Hello","is_final":false,"confidence":0.0}',
            [Words(text="Hello", is_settled=False)],
        ),
        (
            '{"transcript":"Hello there","is_final":true,"speech_final":false,"confidence":0.98}',
            [Words(text="Hello there", is_settled=True, confidence=0.98)],
        ),
        (
            '{"transcript":"Hello","is_final":true,"speech_final":true,"confidence":0.9}',
            [Words(text="Hello", is_settled=True, confidence=0.9), EndOfSpeech()],
        ),
        (  # an engine that does not tell the end of speech
            '{"type":"transcript","transcript":"Hello","is_final":true}',
            [Words(text="Hello", is_settled=True), EndOfSpeech()],
        ),
        ('{"transcript":"","is_final":true,"utterance_end":true}', [EndOfSpeech()]),
        ('{"type":"news"}', []),
        (
            '{"errors":[{"code":"40001","title":"Invalid Parameter","detail":"Unsupported"}]}',
            [Refusal(kind="bad_request", reason="40001 Unsupported")],
        ),
        ('{"type":"error","error":"gone"}', [Refusal(kind="closed", reason="gone")]),
    ],
)
def test_messages_are_read(message, told):
    assert list(read(message)) == told


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="no JSON"):
        read("hello")


def test_what_is_asked_of_telnyx_stands_in_the_address():
    spoken = dialect(TelnyxSettings(model="nova-3", keyterms=("a", "b")), "k")
    assert spoken.url == (
        "wss://api.telnyx.com/v2/speech-to-text/transcription?transcription_engine=Deepgram"
        "&language=en&input_format=mulaw&sample_rate=8000&interim_results=true&endpointing=300"
        "&model=nova-3&keyterm=a%2Cb"
    )
    assert spoken.headers == {"Authorization": "Bearer k"}
    other = dialect(TelnyxSettings(engine="Google", keyterms=("a",)), "k")
    assert (other.flush, other.keep_alive) == ("", "")
    assert "keyterm" not in other.url  # nobody else knows them
    expected = Vocabulary(terms=("goodbye", "Luigi's calzone"))
    assert dialect(TelnyxSettings(), "k", expected).url.endswith("&keyterm=Luigi%27s+calzone")
    older = dialect(TelnyxSettings(model="deepgram/nova-2"), "k", expected)
    assert older.url.endswith("&keywords=Luigi%27s%2Ccalzone")


def test_a_term_with_a_comma_would_be_two():
    with pytest.raises(ValueError, match="'a, b' has a ',', which the provider does not take"):
        TelnyxSettings(keyterms=("a, b",))
