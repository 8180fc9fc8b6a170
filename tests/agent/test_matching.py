import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiced.agent.matching import THRESHOLD, Expected, Matcher, SlotWords
from voiced.agent.template import parse_template

SLOTS = {
    "day": SlotWords.of(["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"]),
    "time": SlotWords.of(
        ["nine", "nine thirty", "half past nine", "ten", "ten thirty"], {"half ten": "ten thirty"}
    ),
    "part": SlotWords.of(["morning", "afternoon"], {"don't mind": "morning"}),
}

NAMES = ["book", "book_on", "hours", "cancel", "day", "slot", "part", "yes", "no"]
TEMPLATES = {
    "book": ["(i want|i would like) [to make] an appointment [please]"],
    "book_on": ["i (want|would like) an appointment on {day}"],
    "hours": ["[what are] your opening hours", "when are you open"],
    "cancel": ["[i want to] cancel my appointment"],
    "day": ["[on] {day}"],
    "slot": ["{day} at {time}"],
    "part": ["[in the] {part}"],
    "yes": ["yes [please]", "that is right", "okay"],
    "no": ["no [thank you]"],
}
EVERYWHERE = {
    "operator": ["(talk|speak) to a (person|human)", "operator"],
    "bye": ["[thank you] goodbye", "bye"],
    "repeat": ["[can you] (say|repeat) that again", "what did you say"],
}
KEYS = [*TEMPLATES, *EVERYWHERE]
MATCHER = Matcher(
    [
        Expected(
            key=KEYS.index(name),
            templates=[parse_template(text) for text in texts],
            home=name in TEMPLATES,
        )
        for name, texts in (TEMPLATES | EVERYWHERE).items()
    ],
    SLOTS,
)


def understand(text: str) -> str:
    """What was understood, written as "name slot=value ..."."""
    match = MATCHER.match(text)
    if match is None:
        return "-"
    slots = [f"{name}={value}" for name, value in sorted(match.slots.items())]
    return " ".join([KEYS[match.key], *slots])


CASES = [
    # the phrases themselves
    ("i want an appointment", "book"),
    ("i would like to make an appointment please", "book"),
    ("I'd like to make an appointment.", "book"),
    ("i want an appointment on friday", "book_on day=Friday"),
    ("when are you open", "hours"),
    ("your opening hours", "hours"),
    ("cancel my appointment", "cancel"),
    ("thursday", "day day=Thursday"),
    ("on Thursday", "day day=Thursday"),
    ("friday at ten", "slot day=Friday time=ten"),
    ("friday at 10:30", "slot day=Friday time=ten thirty"),
    ("friday at half past nine", "slot day=Friday time=half past nine"),
    ("friday at half ten", "slot day=Friday time=ten thirty"),
    ("in the morning", "part part=morning"),
    ("yes", "yes"),
    ("yeah", "yes"),
    ("that's right", "yes"),
    ("no thank you", "no"),
    ("goodbye", "bye"),
    ("operator", "operator"),
    # words around them
    ("uh on thursday i think", "day day=Thursday"),
    ("um well thursday would be good for me", "day day=Thursday"),
    ("hello i want an appointment thank you", "book"),
    ("okay so on friday please", "day day=Friday"),
    ("could it be friday maybe at nine thirty", "slot day=Friday time=nine thirty"),
    ("in the afternoon if that is possible", "part part=afternoon"),
    ("yes that would be great", "yes"),
    ("can i please speak to a person", "operator"),
    ("thank you very much goodbye", "bye"),
    ("no no thank you", "no"),
    ("i don't mind", "part part=morning"),
    # what recognizers make of them
    ("i would like the make an appointment", "book"),
    ("i would like to make the appointment", "book"),
    ("i to make an appointment", "book"),
    ("would like an appointments please", "book"),
    ("what are you opening hours", "hours"),
    ("what are your open hours", "hours"),
    ("what are your opening hour", "hours"),
    ("when are you open an", "hours"),
    ("cancel an appointment", "cancel"),
    ("cancel by appointment", "cancel"),
    ("on wednesdays", "day day=Wednesday"),
    ("to um can you goodbye", "bye"),
    ("talk to the person", "operator"),
    ("can you say that a again", "repeat"),
    ("the morning yes the", "part part=morning"),
    # corrections: the later word counts
    ("monday no tuesday", "day day=Tuesday"),
    ("on monday sorry on friday", "day day=Friday"),
    ("yes no", "no"),
    # the fuller reading counts
    ("i want an appointment on monday", "book_on day=Monday"),
    ("friday at nine", "slot day=Friday time=nine"),
    # near misses that must not be taken
    ("", "-"),
    ("uh", "-"),
    ("please", "-"),
    ("i", "-"),
    ("i would like", "-"),
    ("i do not want an appointment", "-"),
    ("i don't want to cancel my appointment", "-"),
    ("not friday", "-"),
    ("the weather is lovely", "-"),
    ("appointment", "-"),
    ("sunday", "-"),
    ("someday", "-"),
    ("at ten", "-"),
    ("notes", "-"),
    ("yesterday", "-"),
    ("what are your prices", "-"),
]


@pytest.mark.parametrize(("text", "meaning"), CASES)
def test_recognized_text_is_understood_as(text, meaning):
    assert understand(text) == meaning


def test_the_phrase_itself_scores_one_and_noise_around_it_less():
    exact = MATCHER.match("on thursday")
    noisy = MATCHER.match("uh on thursday i think")
    assert exact is not None
    assert noisy is not None
    assert exact.score == pytest.approx(1)
    assert THRESHOLD <= noisy.score < 1


def test_the_phrase_is_read_back_with_the_values_as_written():
    match = MATCHER.match("uh i want an appointment on friday")
    assert match is not None
    assert match.phrase == "i want an appointment on Friday"


def test_home_answers_go_before_the_others_unless_those_fit_exactly():
    templates = [[parse_template("stop the music")], [parse_template("stop the music now")]]
    away_first = Matcher(
        [Expected(key=0, templates=templates[0], home=False),
         Expected(key=1, templates=templates[0], home=True)], {}
    )  # fmt: skip
    rough, exact = away_first.match("stop music"), away_first.match("stop the music")
    assert rough is not None
    assert rough.key == 1
    assert exact is not None


def test_an_exact_global_phrase_beats_a_rough_home_phrase():
    matcher = Matcher(
        [
            Expected(key=0, templates=[parse_template("talk to the doctor")], home=True),
            Expected(key=1, templates=[parse_template("talk to a person")], home=False),
        ],
        {},
    )
    match = matcher.match("talk to a person")
    assert match is not None
    assert match.key == 1


@given(
    st.lists(
        st.sampled_from(
            ["yes", "no", "on", "friday", "uh", "i", "want", "an", "appointment", "not", "ten"]
        )
    )
)
def test_scores_are_fractions_and_required_slots_are_filled(words):
    match = MATCHER.match(" ".join(words))
    if match is not None:
        assert THRESHOLD <= match.score <= 1 + 1e-9
        if KEYS[match.key] in ("day", "book_on"):
            assert match.slots["day"] == "Friday"


@given(st.text(max_size=200))
def test_any_text_can_be_asked_about(text):
    MATCHER.match(text)
