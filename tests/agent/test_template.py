import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiced.agent.template import (
    Slot,
    TemplateError,
    Word,
    certain_slots,
    count_sentences,
    count_variants,
    parse_template,
    sentence,
    slots_of,
    variants,
)

SLOTS = {"day": ("monday", "friday"), "part": ("morning",)}


def all_sentences(text: str) -> list[str]:
    node = parse_template(text)
    return [sentence(node, SLOTS, rank) for rank in range(count_sentences(node, SLOTS))]


@pytest.mark.parametrize(
    ("template", "spoken"),
    [
        ("yes", {"yes"}),
        ("Yes  Please", {"yes please"}),
        ("yes [please]", {"yes please", "yes"}),
        ("(a|b) c", {"a c", "b c"}),
        ("a | b c", {"a", "b c"}),
        ("[a|b] c", {"a c", "b c", "c"}),
        ("[really [very]] good", {"really very good", "really good", "good"}),
        (
            "(i want|i would like) [to make] it",
            {f"{i}{t} it" for i in ("i want", "i would like") for t in (" to make", "")},
        ),
        ("on {day}", {"on monday", "on friday"}),
        ("({day}|{part})", {"monday", "friday", "morning"}),
        ("i'd like it", {"i'd like it"}),
    ],
)
def test_a_template_speaks_exactly_these_sentences(template, spoken):
    sentences = all_sentences(template)
    assert set(sentences) == spoken
    assert len(sentences) == len(spoken)


@pytest.mark.parametrize(
    ("template", "position", "part_of_reason"),
    [
        ("", 0, "a word is missing"),
        ("   ", 3, "a word is missing"),
        ("at 9", 3, "numbers as words"),
        ("yes, please", 3, "not allowed"),
        ("(a|b", 0, "never closed"),
        ("a [b", 2, "never closed"),
        ("a) b", 1, "without its opening partner"),
        ("(a]", 0, "never closed"),
        ("(a|)", 3, "a word is missing"),
        ("[]", 1, "a word is missing"),
        ("on {Day 1}", 3, "no slot"),
        ("on {day", 3, "without its partner"),
        ("on day}", 6, "without its partner"),
        ("[please]", 0, "without any required word"),
        ("(yes|[please])", 0, "without any required word"),
        ("(" * 11 + "a" + ")" * 11, 10, "brackets inside each other"),
        ("(a|b|c|d|e|f|g|h)" * 3, 0, "512 variants"),
        ("a" * 401, 400, "longer than 400"),
    ],
)
def test_a_broken_template_is_refused_with_its_position(template, position, part_of_reason):
    with pytest.raises(TemplateError, match=part_of_reason) as caught:
        parse_template(template)
    assert caught.value.position == position


def test_variants_make_choices_but_keep_optional_parts():
    node = parse_template("(a|b) [c] {day}")
    assert count_variants(node) == 2
    shapes = [[(t.node, t.optional) for t in variant] for variant in variants(node)]
    assert [shape[0][0] for shape in shapes] == [Word("a"), Word("b")]
    assert all([optional for _, optional in shape] == [False, True, False] for shape in shapes)
    assert all(shape[2][0] == Slot("day") for shape in shapes)


def test_only_slots_of_every_wording_are_certain():
    node = parse_template("({day} [{part}]|{day} then)")
    assert slots_of(node) == {"day", "part"}
    assert certain_slots(node) == {"day"}


@given(st.text(alphabet="ab'{}()[]| day1,", max_size=60))
def test_any_text_is_a_template_or_a_template_error(text):
    try:
        node = parse_template(text)
    except TemplateError as error:
        in_text = 0 <= error.position <= len(text)
    else:
        in_text = True
        assert count_variants(node) == len(list(variants(node)))
    assert in_text
