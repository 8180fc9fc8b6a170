import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiced.agent.sentences import MAX_CHARS, SentenceSplitter, split_sentences


@pytest.mark.parametrize(
    "pieces",
    [
        ["We are open today.", "Shall I book that?", "Please tell me!"],
        ["Dr. Lee will see you at 9.30 on Monday."],
        ["Mr. and Mrs. Smith live in the U.S. now."],
        ["The clinic of J. R. Smith is closed."],
        ["Bring something, e.g. your card, i.e. the blue one."],
        ["It costs $12.50 for each visit.", "That is version 3.2.1."],
        ["We close at 5 p.m. today.", "Please come earlier."],
        ["We close at 5 p.m.", "Would you like to come earlier?"],
        ["We are open from 9 a.m. Monday to Friday."],
        ["You are in room No. 5 on the left."],
        ["The answer is No.", "We cannot do that for you."],
        ["Wait for a moment... and there we are."],
        ["Wait for a moment...", "There we are again."],
        ['He said "come in here please."', "So I went in."],
        ["Sure. Let me have a look."],
        ["Yes. No. Well, let me have a look."],
        ["Thank you for calling us.", "Bye."],
        ["no stop at all"],
        ["What?! That is a real surprise.", "Well, I never."],
    ],
)
def test_text_is_cut_where_sentences_end(pieces):
    assert split_sentences(" ".join(pieces)) == pieces


def test_an_empty_line_ends_a_sentence_and_a_line_break_does_not():
    text = "Opening hours this week\n\nMonday to\nFriday, all day"
    assert split_sentences(text) == ["Opening hours this week", "Monday to Friday, all day"]


@pytest.mark.parametrize("text", ["", "  \n ", "...", "- !", "\u2014"])
def test_text_without_a_word_gives_no_piece(text):
    assert split_sentences(text) == []


def test_a_long_sentence_breaks_at_a_comma_else_between_words_else_anywhere():
    with_comma = "this is the first clause, " + "and on it goes " * 3
    assert split_sentences(with_comma, max_chars=40)[0] == "this is the first clause,"
    assert split_sentences("word " * 20, max_chars=32)[0] == " ".join(["word"] * 6)
    assert split_sentences("x" * 70, max_chars=32) == ["x" * 32, "x" * 32, "x" * 6]


def test_a_sentence_is_given_out_as_soon_as_the_next_word_is_known():
    splitter = SentenceSplitter()
    assert splitter.feed("We are open today. Sha") == []
    assert splitter.feed("ll I") == ["We are open today."]
    assert splitter.feed(" book that?") == []
    assert splitter.flush() == ["Shall I book that?"]
    assert splitter.flush() == []


def test_a_splitter_holds_no_more_than_a_piece_and_a_word():
    splitter = SentenceSplitter()
    for chunk in ("((((", "....", "x", " ", "\n"):
        for _ in range(2000):
            splitter.feed(chunk)
            assert len(splitter._text) < MAX_CHARS + 64


def test_a_maximum_too_small_for_sentences_is_refused():
    with pytest.raises(ValueError, match="at least 28, not 5"):
        SentenceSplitter(max_chars=5)


TEXTS = st.lists(
    st.sampled_from(
        ["Hello", "Dr", "U.S", "p.m", "No", "5", "9.30", "monday", "Monday", "a", ".", "!", "?",
         "...", " ", "  ", "\n", "\n\n", "\r\n\r\n", '"', "(", "((((", ",", " - ", "é", "x" * 30,
         "and then we go on and on", "Yes", "…", "\u2019"]
    ),
    max_size=60,
).map("".join)  # fmt: skip


@given(TEXTS | st.text(), st.data())
def test_how_a_text_is_chunked_does_not_matter(text, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=12)))
    splitter = SentenceSplitter(max_chars=60)
    pieces = []
    for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
        pieces += splitter.feed(text[start:end])
    assert pieces + splitter.flush() == split_sentences(text, max_chars=60)


@given(TEXTS | st.text())
def test_pieces_are_short_and_lose_no_word(text):
    pieces = split_sentences(text, max_chars=60)
    assert all(0 < len(piece) <= 60 for piece in pieces)
    kept = [c for c in "".join(pieces) if c.isalnum()]
    assert kept == [c for c in text if c.isalnum()]
