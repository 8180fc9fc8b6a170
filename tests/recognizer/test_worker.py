import io

import numpy as np
import pytest

from voiced.recognizer.sphinx import SphinxDecoder
from voiced.recognizer.worker import READY, answer, serve
from voiced.recognizer.worker_wire import (
    PREFIX_BYTES,
    UNKNOWN_VOCABULARY,
    Decode,
    Load,
    Loaded,
    Refused,
    WireError,
    body_length,
    decode_answer,
    encode_request,
)


def answers_to(*messages):
    """What a worker answers to bytes on its stdin, which then ends."""
    out = io.BytesIO()
    serve(io.BytesIO(b"".join(messages)), out)
    data = out.getvalue()
    found = []
    while data:
        end = PREFIX_BYTES + body_length(data[:PREFIX_BYTES])
        found.append(decode_answer(data[PREFIX_BYTES:end]))
        data = data[end:]
    return found


def test_each_request_gets_one_answer_in_its_order(say):
    load = encode_request(Load(key="k", sentences=("yes", "no")))
    decode = encode_request(Decode(key="k", pcm=say("no")))
    ready, loaded, transcript, again = answers_to(load, decode, load)
    assert ready == READY
    assert loaded == again == Loaded(words=2)
    assert transcript.text == "no"


def test_unknown_vocabulary_is_refused():
    request = encode_request(Decode(key="k", pcm=np.zeros(8000, np.int16)))
    assert answers_to(request)[1:] == [Refused(reason=UNKNOWN_VOCABULARY)]


@pytest.mark.parametrize("cut", [1, 5, 30])
def test_end_of_requests_within_one_ends_the_worker_quietly(cut):
    request = encode_request(Load(key="k", sentences=("yes",)))
    assert answers_to(request[:-cut]) == [READY]


def test_garbage_ends_the_worker():
    with pytest.raises(WireError):
        answers_to(b"\xff\xff\xff\xff garbage")


def test_an_error_is_answered_by_its_type_alone_because_its_text_may_hold_words(monkeypatch):
    def fail(*_):
        raise RuntimeError("while decoding 'my secret is'")

    decoder = SphinxDecoder()
    decoder.load("k", ("yes",))
    monkeypatch.setattr(decoder, "decode", fail)
    request = Decode(key="k", pcm=np.zeros(8000, np.int16))
    assert answer(decoder, request) == Refused(reason="RuntimeError")
