import json
import math

import numpy as np
import pytest

from voiced.audio.wav import read_wav
from voiced.recognizer.base import Vocabulary
from voiced.recognizer.openai_wire import UNTOLD, OpenAiSettings, form_of, read, wav_of
from voiced.recognizer.worker_wire import Transcript


@pytest.mark.parametrize(
    ("answer", "text", "confidence"),
    [
        ({"text": " Two pizzas. "}, "Two pizzas.", UNTOLD),
        ({"text": ""}, "", 0.0),
        ({"text": "Yes", "logprobs": [{"token": "Yes", "logprob": -0.2}]}, "Yes", math.exp(-0.2)),
        (
            {
                "text": "Two pizzas. Thanks for watching!",
                "segments": [
                    {"text": " Two pizzas.", "avg_logprob": -0.1, "no_speech_prob": 0.0},
                    {"text": " Thanks for watching!", "avg_logprob": -1.4, "no_speech_prob": 0.9},
                ],
            },
            "Two pizzas.",
            math.exp(-0.1),
        ),
        ({"text": "Yes", "segments": [{"text": "Yes"}]}, "Yes", UNTOLD),
    ],
)
def test_answers_are_read(answer, text, confidence):
    assert read(json.dumps(answer).encode()) == Transcript(text=text, confidence=confidence)


@pytest.mark.parametrize(
    "answer", [b"<html>", b"[]", b"{}", b'{"text":1}', b'{"text":"a","segments":[{}]}',
               b'{"text":"a","logprobs":[{}]}']
)  # fmt: skip
def test_what_makes_no_sense_is_refused(answer):
    with pytest.raises(ValueError, match=r"message that is no JSON|answer"):
        read(answer)


EXPECTED = Vocabulary(terms=("good morning", "calzone", "Luigi's", "a<b"))


def test_what_is_asked_depends_on_who_is_asked():
    assert form_of(OpenAiSettings(), EXPECTED) == {
        "model": "gpt-transcribe",
        "response_format": "json",
        "languages[]": ["en"],
        "keywords[]": ["calzone", "Luigi's"],
    }
    assert form_of(OpenAiSettings(model="gpt-4o-mini-transcribe")) == {
        "model": "gpt-4o-mini-transcribe",
        "response_format": "json",
        "temperature": "0",
        "language": "en",
        "include[]": "logprobs",
    }
    local = OpenAiSettings(
        base_url="http://127.0.0.1:8000/v1",
        model="tiny.en",
        language="",
        prompt="A pizza restaurant.",
        response_format="verbose_json",
    )
    assert form_of(local, EXPECTED) == {
        "model": "tiny.en",
        "response_format": "verbose_json",
        "temperature": "0",
        "prompt": "A pizza restaurant. calzone, Luigi's",
    }
    quiet = OpenAiSettings(model="gpt-transcribe", language="", hints=False)
    assert form_of(quiet, EXPECTED) == {"model": "gpt-transcribe", "response_format": "json"}


def test_a_format_that_a_model_does_not_answer_is_refused():
    with pytest.raises(ValueError, match="response_format must be json: gpt-transcribe answers"):
        OpenAiSettings(response_format="verbose_json")


def test_an_utterance_is_sent_as_a_wav_file_of_16_khz():
    pcm, rate_hz = read_wav(wav_of(np.array([1, -2, 3], np.int16)))
    assert (pcm.tolist(), rate_hz) == ([1, -2, 3], 16000)
