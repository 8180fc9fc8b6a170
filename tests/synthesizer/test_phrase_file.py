"""Phrases as files: the same comes back, and what is damaged does not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiced.record.word_times import Word
from voiced.synthesizer.phrase import Phrase
from voiced.synthesizer.phrase_file import pack_phrase, phrase_name, unpack_phrase

PHRASE = Phrase(pcm=np.arange(-500, 500, dtype=np.int16), words=(Word("Hé", 0.05), Word("x", 0.1)))


def test_a_phrase_comes_back_as_it_was_and_cannot_be_changed():
    phrase = unpack_phrase(pack_phrase(PHRASE, 8000), 8000)
    assert np.array_equal(phrase.pcm, PHRASE.pcm)
    assert phrase.words == PHRASE.words
    assert not phrase.pcm.flags.writeable


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_one_wrong_byte_is_noticed(position, change):
    content = bytearray(pack_phrase(PHRASE, 8000))
    content[position % len(content)] ^= change
    with pytest.raises(ValueError, match=r"damaged|version"):
        unpack_phrase(bytes(content), 8000)


@given(st.integers(0, 2000))
def test_a_file_that_was_cut_off_is_noticed(length):
    content = pack_phrase(PHRASE, 8000)
    with pytest.raises(ValueError, match=r"damaged|version"):
        unpack_phrase(content[: length % len(content)], 8000)


def test_audio_of_another_rate_is_not_spoken():
    with pytest.raises(ValueError, match="rate"):
        unpack_phrase(pack_phrase(PHRASE, 8000), 16000)


def test_the_name_tells_voices_settings_and_texts_apart_and_tells_nothing():
    names = {
        phrase_name("a", {"voice": "x"}, 8000, "Hello."),
        phrase_name("b", {"voice": "x"}, 8000, "Hello."),
        phrase_name("a", {"voice": "y"}, 8000, "Hello."),
        phrase_name("a", {"voice": "x"}, 16000, "Hello."),
        phrase_name("a", {"voice": "x"}, 8000, "Hello!"),
    }
    assert len(names) == 5
    assert phrase_name("a", {"p": 1, "q": 2}, 8, "t") == phrase_name("a", {"q": 2, "p": 1}, 8, "t")
    assert all(name.removesuffix(".phrase").isalnum() for name in names)
