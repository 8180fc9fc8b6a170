import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiced.recognizer.base import Vocabulary
from voiced.recognizer.worker_wire import (
    MAX_MESSAGE_BYTES,
    PREFIX_BYTES,
    Decode,
    Load,
    Loaded,
    Refused,
    Transcript,
    WireError,
    body_length,
    decode_answer,
    decode_request,
    encode_answer,
    encode_request,
    vocabulary_key,
)


def body(message):
    assert body_length(message[:PREFIX_BYTES]) == len(message) - PREFIX_BYTES
    return message[PREFIX_BYTES:]


@pytest.mark.parametrize(
    "answer",
    [
        Loaded(words=0),
        Loaded(words=3, guessed=("zzyzx",), unusable=("10", "caf\u00e9")),
        Transcript(text="", confidence=0.0),
        Transcript(text="ten o'clock", confidence=0.75),
        Transcript(text="on the", confidence=0.75, last_word=0.25),
        Refused(reason="unknown vocabulary"),
    ],
)
def test_answers_come_through_as_they_were(answer):
    assert decode_answer(body(encode_answer(answer))) == answer


@given(st.text(), st.lists(st.text()).map(tuple))
def test_any_vocabulary_comes_through(key, sentences):
    load = Load(key=key, sentences=sentences)
    assert decode_request(body(encode_request(load))) == load


@given(st.lists(st.integers(-32768, 32767), max_size=400))
def test_any_audio_comes_through(samples):
    pcm = np.array(samples, np.int16)
    request = decode_request(body(encode_request(Decode(key="k", pcm=pcm))))
    assert isinstance(request, Decode)
    assert request.key == "k"
    np.testing.assert_array_equal(request.pcm, pcm)


def test_every_other_sample_of_an_array_comes_through():
    pcm = np.arange(20, dtype=np.int16)[::2]
    request = decode_request(body(encode_request(Decode(key="k", pcm=pcm))))
    assert isinstance(request, Decode)
    np.testing.assert_array_equal(request.pcm, pcm)


@given(st.binary(max_size=200))
def test_garbage_is_a_wire_error_and_nothing_else(garbage):
    for read in (decode_request, decode_answer):
        with pytest.raises(WireError):
            read(garbage)


@pytest.mark.parametrize(
    "header",
    [
        b"[]",
        b'{"do": "dance"}',
        b'{"do": "load", "key": 1, "sentences": []}',
        b'{"is": "transcript", "text": "x", "confidence": "high"}',
    ],
)
def test_wrong_fields_are_a_wire_error(header):
    message = len(header).to_bytes(4, "big") + header
    for read in (decode_request, decode_answer):
        with pytest.raises(WireError, match="no such"):
            read(message)


def test_half_a_sample_is_a_wire_error():
    whole = body(encode_request(Decode(key="k", pcm=np.zeros(4, np.int16))))
    with pytest.raises(WireError):
        decode_request(whole[:-1])


@pytest.mark.parametrize("length", [0, 4, MAX_MESSAGE_BYTES + 1, 2**32 - 1])
def test_absurd_lengths_are_a_wire_error(length):
    with pytest.raises(WireError, match="length"):
        body_length(length.to_bytes(4, "big"))


def test_a_message_too_long_to_be_read_is_not_sent():
    with pytest.raises(WireError, match="more than"):
        encode_request(Load(key="k", sentences=("x" * MAX_MESSAGE_BYTES,)))


def test_vocabularies_have_the_same_key_only_if_they_have_the_same_sentences():
    key = vocabulary_key(Vocabulary(("yes", "no")))
    assert key == vocabulary_key(Vocabulary(("yes", "no")))
    assert key not in (vocabulary_key(Vocabulary(("yes no",))), vocabulary_key(Vocabulary()))
