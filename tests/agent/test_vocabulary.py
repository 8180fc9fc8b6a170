import re
from collections import Counter

from voiced.agent.template import parse_template
from voiced.agent.vocabulary import (
    MAX_SENTENCES,
    SENTENCES_PER_ANSWER,
    build_vocabulary,
    join_vocabularies,
)
from voiced.recognizer.base import Vocabulary

YES = (parse_template("yes [please]"),)
BOOK = (parse_template("(i want|i need) an appointment on {day} [at {time}]"),)
SLOTS = {"day": ["Monday", "Friday"], "time": [f"{h}:30" for h in range(1, 13)]}


def test_each_answer_gets_the_same_number_of_sentences():
    sentences = build_vocabulary([YES, BOOK], SLOTS).sentences
    booking = sum("appointment" in sentence for sentence in sentences)
    assert booking == SENTENCES_PER_ANSWER
    assert sum("yes" in s and "appointment" not in s for s in sentences) == SENTENCES_PER_ANSWER


def test_the_wordings_of_a_long_template_are_taken_evenly():
    words = Counter(" ".join(build_vocabulary([BOOK], SLOTS).sentences[:60]).split())
    assert abs(words["monday"] - words["friday"]) <= 4
    assert abs(words["want"] - words["need"]) <= 4
    assert all(words[hour] >= 1 for hour in ("one", "six", "twelve"))


def test_words_are_lower_case_letters_with_numbers_spelled_and_all_slots_are_there():
    sentences = build_vocabulary([YES, BOOK], SLOTS).sentences
    assert all(re.fullmatch(r"[a-z']+( [a-z']+)*", sentence) for sentence in sentences)
    assert {"monday", "friday", "one thirty", "twelve thirty"} <= set(sentences)


def test_the_words_of_slots_are_told_as_they_are_written():
    assert build_vocabulary([YES, BOOK], SLOTS).terms == ("Monday", "Friday", *SLOTS["time"])


def test_bare_sentences_outnumber_those_with_fillers():
    sentences = build_vocabulary([(parse_template("goodbye"),)], {}).sentences
    assert Counter(sentences)["goodbye"] == 2 * SENTENCES_PER_ANSWER // 3
    assert "uh goodbye" in sentences
    assert "goodbye please" in sentences


def test_a_vocabulary_is_the_same_each_time_and_bounded():
    letters = "abcdefghijklmnopqrstuvwxyz"
    many = [(parse_template(f"x{a}{b} word"),) for a in letters for b in letters]
    first = build_vocabulary(many, SLOTS)
    assert first == build_vocabulary(many, SLOTS)
    assert len(first.sentences) <= MAX_SENTENCES
    assert {f"xa{b} word" for b in letters} <= set(first.sentences)


def test_an_answer_that_is_valid_in_several_states_counts_once():
    assert build_vocabulary([YES, BOOK, YES], SLOTS) == build_vocabulary([YES, BOOK], SLOTS)


FEW = Vocabulary(("hello", "bye"), ("Luigi's",))
MANY = Vocabulary(tuple(f"on day {n}" for n in range(50)), ("Monday", "Luigi's"))


def test_of_several_agents_each_has_the_same_weight():
    joined = join_vocabularies([FEW, MANY])
    assert Counter(joined.sentences) == Counter({"hello": 25, "bye": 25}) + Counter(MANY.sentences)
    assert joined.terms == ("Luigi's", "Monday")


def test_agents_without_words_or_with_the_same_change_nothing():
    assert join_vocabularies([Vocabulary(), FEW, FEW]) == FEW
    assert join_vocabularies([Vocabulary(), Vocabulary()]) == Vocabulary()


def test_no_sentence_of_many_is_left_out():
    large = Vocabulary(tuple(f"sentence {n}" for n in range(MAX_SENTENCES)))
    joined = join_vocabularies([FEW, large])
    assert set(joined.sentences) == {*FEW.sentences, *large.sentences}
    assert len(joined.sentences) <= MAX_SENTENCES * 3 // 2
