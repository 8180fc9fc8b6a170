import json
from dataclasses import replace

import pytest

from voiced.recognizer.assemblyai_wire import AssemblyAiSettings, dialect, read
from voiced.recognizer.base import Vocabulary
from voiced.recognizer.dialect import EndOfSpeech, Refusal, Words


def turn(*words, transcript="", over=False, formatted=False):
    return json.dumps(
        {
            "type": "Turn",
            "turn_order": 0,
            "turn_is_formatted": formatted,
            "end_of_turn": over,
            "transcript": transcript,
            "end_of_turn_confidence": 0.5,
            "words": [
                {"text": word, "start": 80 * n, "end": 80 * n + 80, "confidence": 0.9}
                for n, word in enumerate(words, 10)
            ],
        }
    )


HI = Words(text="hi my", is_settled=False, confidence=0.9, until_s=0.96, last_word=0.9)


@pytest.mark.parametrize(
    ("message", "told"),
    [
        (turn("hi", "my", transcript="hi"), [HI]),
        (
            turn("hi", "my", transcript="hi my", over=True),
            [replace(HI, is_settled=True), EndOfSpeech()],
        ),
        (turn(), [Words(text="", is_settled=False)]),
        ('{"type":"Begin","id":"x","expires_at":1}', []),
        ('{"type":"SpeechStarted","timestamp":120}', []),
        ('{"type":"Termination","audio_duration_seconds":3}', []),
        (
            '{"type":"Error","error_code":4001,"error":"Not Authorized"}',
            [Refusal(kind="unauthorized", reason="Not Authorized", code=4001)],
        ),
        ('{"type":"Error","error":"odd"}', [Refusal(kind="closed", reason="odd")]),
    ],
)
def test_messages_are_read(message, told):
    assert list(read(message)) == told


def test_where_turns_are_formatted_the_formatted_one_counts():
    plain = turn("hi", "my", transcript="hi my", over=True)
    formatted = turn("Hi", "my.", transcript="Hi my.", over=True, formatted=True)
    assert list(read(plain, formatted=True)) == [HI]
    told = [replace(HI, text="Hi my.", is_settled=True), EndOfSpeech()]
    assert list(read(formatted, formatted=True)) == told


@pytest.mark.parametrize("message", ['{"type":"Turn"}', '{"type":"Turn","words":[{}]}', "?"])
def test_what_makes_no_sense_is_refused(message):
    with pytest.raises(ValueError, match=r"without what it must have|no JSON"):
        read(message)


def test_what_is_asked_of_assemblyai_stands_in_the_address():
    spoken = dialect(AssemblyAiSettings(keyterms=("Luigi's",)), "k")
    assert spoken.url == (
        "wss://streaming.assemblyai.com/v3/ws?speech_model=universal-streaming-english"
        "&sample_rate=8000&encoding=pcm_mulaw&min_turn_silence=400"
        "&keyterms_prompt=%5B%22Luigi%27s%22%5D"
    )
    assert spoken.headers == {"Authorization": "k"}
    expected = Vocabulary(terms=("no thank you", "calzone"))
    told = dialect(AssemblyAiSettings(format_turns=True), "k", expected).url
    assert told.endswith("&format_turns=true&keyterms_prompt=%5B%22calzone%22%5D")


def test_what_assemblyai_does_not_take_is_told_before():
    with pytest.raises(ValueError, match="has 51 characters; the provider takes 50"):
        AssemblyAiSettings(keyterms=("x" * 51,))
