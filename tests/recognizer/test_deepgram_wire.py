import json

import pytest

from voiced.recognizer.base import Vocabulary
from voiced.recognizer.deepgram_wire import DeepgramSettings, dialect, read
from voiced.recognizer.dialect import EndOfSpeech, Refusal, Words


def results(text, *, start=0.0, duration=1.0, words=(), **flags):
    each = [{"confidence": confidence} for confidence in words]
    alternative = {"transcript": text, "confidence": 0.9, "words": each}
    data = {"type": "Results", "channel_index": [0, 1], "start": start, "duration": duration}
    return json.dumps({**data, "channel": {"alternatives": [alternative]}, "metadata": {}, **flags})


@pytest.mark.parametrize(
    ("message", "told"),
    [
        (
            results("hello", is_final=False, speech_final=False),
            [Words(text="hello", is_settled=False, confidence=0.9, until_s=1.0)],
        ),
        (
            results("hello there", start=2.0, is_final=True, speech_final=True),
            [
                Words(text="hello there", is_settled=True, confidence=0.9, until_s=3.0),
                EndOfSpeech(),
            ],
        ),
        (
            results("on the", words=[0.9, 0.25], is_final=False),
            [Words(text="on the", is_settled=False, confidence=0.9, until_s=1.0, last_word=0.25)],
        ),
        (
            results("", is_final=True, from_finalize=True),
            [Words(text="", is_settled=True, confidence=0.9, until_s=1.0), EndOfSpeech()],
        ),
        ('{"type":"UtteranceEnd","channel":[0,1],"last_word_end":2.4}', [EndOfSpeech()]),
        ('{"type":"SpeechStarted","channel":[0],"timestamp":1.2}', []),
        ('{"type":"Metadata","request_id":"x","duration":1.0,"channels":1}', []),
        ('{"type":"News"}', []),
        (
            '{"type":"Error","variant":"NET-0001","description":"no audio"}',
            [Refusal(kind="closed", reason="NET-0001 no audio")],
        ),
    ],
)
def test_messages_are_read(message, told):
    assert list(read(message)) == told


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("{", "no JSON"),
        ("[]", "no JSON object but list"),
        ('{"type":"Results"}', "without what they must have"),
        ('{"type":"Results","channel":{"alternatives":[]}}', "without what they must have"),
    ],
)
def test_what_makes_no_sense_is_refused(message, reason):
    with pytest.raises(ValueError, match=reason):
        read(message)


def test_what_is_asked_of_deepgram_stands_in_the_address():
    settings = DeepgramSettings(keyterms=("Luigi's", "calzone"), language="multi", opt_out=True)
    spoken = dialect(settings, "k")
    assert spoken.url == (
        "wss://api.deepgram.com/v1/listen?model=nova-3&language=multi&encoding=mulaw"
        "&sample_rate=8000&channels=1&interim_results=true&endpointing=300&utterance_end_ms=1000"
        "&smart_format=true&keyterm=Luigi%27s&keyterm=calzone&mip_opt_out=true"
    )
    assert spoken.headers == {"Authorization": "Token k"}


EXPECTED = Vocabulary(terms=("yes please", "quattro stagioni", "the calzone"))


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ({}, "&keyterm=quattro+stagioni&keyterm=the+calzone"),
        ({"keyterms": ("Luigi's",)}, "&keyterm=Luigi%27s&keyterm=quattro+stagioni&keyterm=the"),
        ({"hints": False, "keyterms": ("Luigi's",)}, "&keyterm=Luigi%27s"),
        ({"model": "nova-2"}, "&keywords=quattro&keywords=stagioni&keywords=calzone"),
    ],
)
def test_what_the_agent_expects_is_told_to_deepgram(given, asked):
    url = dialect(DeepgramSettings(**given), "k", EXPECTED).url
    assert asked in url
    assert "yes" not in url
