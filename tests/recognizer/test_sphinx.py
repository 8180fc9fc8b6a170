import numpy as np
import pytest

from voiced.recognizer.sphinx import MAX_VOCABULARIES, SphinxDecoder, upsample


@pytest.fixture(scope="module")
def decoder(vocabulary):
    decoder = SphinxDecoder()
    decoder.load("desk", vocabulary.sentences)
    return decoder


@pytest.mark.parametrize(
    "sentence",
    [
        "yes",
        "no",
        "on tuesday please",
        "my name is john smith",
        "at half past three",
        "no that is wrong",
        "i would like to book an appointment please",
        "thank you very much goodbye",
        "yes that is correct on friday morning",  # in no sample sentence
    ],
)
def test_telephone_speech_is_understood(decoder, say, sentence):
    transcript = decoder.decode("desk", say(sentence))
    assert transcript.text == sentence
    assert 0.6 < transcript.confidence <= 1.0


def test_what_is_not_in_the_vocabulary_is_not_taken_with_confidence(decoder, say):
    spoken = "seven purple elephants discuss philosophy underwater"
    transcript = decoder.decode("desk", say(spoken))
    assert transcript.text != spoken
    assert transcript.confidence < 0.8


@pytest.mark.parametrize("begun", ["i would like to book an", "can i speak to a"])
def test_a_small_word_that_was_said_is_surer_than_one_put_for_a_word_unknown(decoder, say, begun):
    unknown = decoder.decode("desk", say("at nine in the evening"))
    assert unknown.text == "at nine in the the"
    assert unknown.last_word < 0.2
    said = decoder.decode("desk", say(begun))
    assert said.text == begun
    assert said.last_word > 0.5


def test_one_utterance_leaves_no_trace_in_the_next(decoder, say):
    first = decoder.decode("desk", say("on tuesday please"))
    decoder.decode("desk", (say("can you repeat that please") // 8).astype(np.int16))
    assert decoder.decode("desk", say("on tuesday please")) == first


@pytest.mark.parametrize("samples", [0, 1, 799, 800, 4000])
def test_silence_of_any_length_has_no_words_worth_believing(decoder, samples):
    transcript = decoder.decode("desk", np.zeros(samples, np.int16))
    assert transcript.text == ""
    assert transcript.confidence == 0.0


def test_a_vocabulary_without_words_understands_nothing(say):
    decoder = SphinxDecoder()
    assert decoder.load("empty", ()).words == 0
    assert decoder.decode("empty", say("yes")).text == ""


def test_least_recently_used_vocabulary_makes_room(say):
    decoder = SphinxDecoder()
    for number in range(MAX_VOCABULARIES):
        decoder.load(str(number), ("yes",))
    assert decoder.decode("0", say("yes")).text == "yes"
    decoder.load("new", ("no",))
    assert [key in decoder for key in ("0", "1", "2", "new")] == [True, False, True, True]


def test_words_missing_from_the_dictionary_are_reported_and_still_understood(say):
    decoder = SphinxDecoder()
    loaded = decoder.load("names", ("call mister kowalchek", "call mister smith", "call 911"))
    assert loaded.guessed == ("kowalchek",)
    assert loaded.unusable == ("911",)
    assert decoder.decode("names", say("call mister kowalchek")).text == "call mister kowalchek"


@pytest.mark.parametrize("hertz", [100, 1000, 3000, 3400])
def test_upsampling_keeps_a_tone_as_it_is(hertz):
    time = np.arange(8000)
    narrow = np.rint(10000 * np.sin(2 * np.pi * hertz * time / 8000)).astype(np.int16)
    wide = 10000 * np.sin(2 * np.pi * hertz * np.arange(16000) / 16000)
    error = (upsample(narrow) - wide)[200:-200]
    assert 20 * np.log10(np.std(error) / np.std(wide)) < -60


def test_upsampling_does_not_wrap_around_and_doubles_the_length():
    square = np.tile(np.repeat(np.array([32767, -32768], np.int16), 5), 100)
    wide = upsample(square)
    assert len(wide) == 2 * len(square)
    np.testing.assert_array_equal(wide[::2], square)
    assert (np.sign(wide[2:8:2]) == np.sign(wide[3:8:2])).all()
    assert len(upsample(np.empty(0, np.int16))) == 0
