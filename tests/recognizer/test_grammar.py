import pytest

from voiced.recognizer.grammar import build_grammar

DICTIONARY = """\
book B UH K
shelf SH EH L F
the DH AH
the(2) DH IY
thebes TH IY B Z
tuesday T UW Z D EY
tuesday(2) T Y UW Z D EY
o'clock AH K L AA K
ten T EH N
yes Y EH S
""".splitlines(keepends=True)


def read_dictionary():
    return iter(DICTIONARY)


def test_dictionary_holds_the_words_of_the_sentences_with_their_variants_and_no_others():
    grammar = build_grammar(["the book", "tuesday"], read_dictionary)
    assert grammar.dictionary.splitlines() == [
        "book B UH K",
        "the DH AH",
        "the(2) DH IY",
        "tuesday T UW Z D EY",
        "tuesday(2) T Y UW Z D EY",
    ]
    assert grammar.words == ("book", "the", "tuesday")
    assert grammar.guessed == grammar.unusable == ()


def test_every_word_of_the_model_is_in_the_dictionary():
    grammar = build_grammar(["the book", "ten xylopharms", "the zzyzx"], read_dictionary)
    one_grams = grammar.arpa.split("\\1-grams:")[1].split("\\2-grams:")[0]
    model_words = {line.split()[1] for line in one_grams.splitlines() if line} - {"<s>", "</s>"}
    pronounced = {line.split()[0].partition("(")[0] for line in grammar.dictionary.splitlines()}
    assert model_words == pronounced == set(grammar.words)


@pytest.mark.parametrize(
    "sentence", ["Yes, Tuesday!", "yes tuesday", "  YES -- tuesday. ", "yes-tuesday"]
)
def test_case_and_punctuation_do_not_matter(sentence):
    assert build_grammar([sentence], read_dictionary) == build_grammar(
        ["yes tuesday"], read_dictionary
    )


def test_a_typographic_apostrophe_is_an_apostrophe():
    assert build_grammar(["ten o\u2019clock"], read_dictionary).words == ("o'clock", "ten")


def test_words_missing_from_the_dictionary_are_guessed_and_named():
    grammar = build_grammar(["the bookshelf"], read_dictionary)
    assert grammar.guessed == ("bookshelf",)
    assert "bookshelf B UH K SH EH L F\n" in grammar.dictionary


@pytest.mark.parametrize("bad", ["10", "caf\u00e9", "'", "a" * 41, "c3po"])
def test_what_is_not_written_in_letters_is_left_out_and_named(bad):
    grammar = build_grammar([f"yes {bad} ten"], read_dictionary)
    assert grammar.unusable == (bad,)
    assert grammar.words == ("ten", "yes")


@pytest.mark.parametrize("sentences", [[], [""], ["10 20", "?!"]])
def test_without_a_word_there_is_no_model(sentences):
    grammar = build_grammar(sentences, read_dictionary)
    assert (grammar.arpa, grammar.dictionary, grammar.words) == ("", "", ())
