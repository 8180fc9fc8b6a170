from pathlib import Path

import pocketsphinx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiced.agent.dialogue_check import check_dialogue
from voiced.agent.dialogue_file import MAX_BYTES, SHIPPED, _shaped, load_dialogue, parse_dialogue
from voiced.agent.script_machine import compile_script
from voiced.errors import ConfigError

GOOD = """
start = "ask"
greeting = "Hello."

[slots.day]
words = ["Monday", "Friday"]
aliases = { "the last day" = "Friday" }

[states.ask]
say = "Which day?"
[[states.ask.answers]]
hear = ["[on] {day}"]
say = "{day} it is."
next = "more"

[states.more]
say = "On {day}. More?"
[[states.more.answers]]
hear = ["no"]
say = "Goodbye."
hang_up = true
"""


def faults(text: str) -> dict[str, str]:
    """Place -> what a user reads after it."""
    with pytest.raises(ConfigError) as caught:
        parse_dialogue(text, name="d.toml")
    assert all(p.key.startswith("d.toml: ") for p in caught.value.problems)
    return {
        p.key.removeprefix("d.toml: "): f"{p.value} {p.reason} ({p.remedy})"
        for p in caught.value.problems
    }


def test_a_good_dialogue_is_read():
    dialogue = parse_dialogue(GOOD, name="d.toml")
    assert dialogue.states["ask"].answers[0].next == "more"
    assert dialogue.slots["day"].aliases == {"the last day": "Friday"}


def test_the_shipped_dialogue_has_no_fault():
    assert load_dialogue(SHIPPED).start == "welcome"


def test_every_word_of_the_shipped_vocabulary_has_a_pronunciation():
    path = Path(pocketsphinx.get_model_path()) / "en-us" / "cmudict-en-us.dict"
    known = {line.partition(" ")[0] for line in path.read_text(encoding="utf-8").splitlines()}
    vocabulary = compile_script(load_dialogue(SHIPPED)).vocabulary
    assert {word for text in vocabulary.sentences for word in text.split()} <= known


@pytest.mark.parametrize(
    ("old", "new", "place", "says"),
    [
        # shape
        ('greeting = "Hello."', 'greting = "Hello."', "greting", "did you mean 'greeting'?"),
        ('next = "more"', 'nxt = "more"', "states.ask.answers[1].nxt", "did you mean 'next'?"),
        ('greeting = "Hello."', "greeting = 5", "greeting", "5 input should be a valid string"),
        ("hang_up = true", 'hang_up = "maybe"', "states.more.answers[1].hang_up", "boolean"),
        ('hear = ["no"]', 'hear = ["no", 7]', "states.more.answers[1].hear[2]", "7 input"),
        ('words = ["Monday", "Friday"]', "words = 3", "slots.day.words", "3 input should be"),
        ('hear = ["no"]', 'hear = ["no"]\nconfirm = "ask"', "states.more.answers[1].confirm",
         "'auto', 'always' or 'never'"),
        ('greeting = "Hello."', 'no_match = { say = ["What?"] }', "no_match.then", "is missing"),
        # states
        ('start = "ask"', "", "start", "is missing"),
        ('start = "ask"', 'start = "aks"', "start", "'aks' no such state (did you mean 'ask'?)"),
        ('next = "more"', 'next = "mor"', "states.ask.answers[1].next",
         "'mor' no such state (did you mean 'more'?)"),
        ('next = "more"', "hang_up = true", "states.more", "is never reached"),
        ("hang_up = true", 'next = "ask"', "states.ask", "cannot end the call"),
        ("hang_up = true", 'hang_up = true\nnext = "ask"', "states.more.answers[1]",
         "next and hang_up exclude each other"),
        ('say = "Which day?"', "", "states.ask.say", "is missing"),
        ('say = "Which day?"', 'say = "Which day?"\ninclude = ["ask"]', "states.ask.include[1]",
         "no such other state"),
        ('say = "Goodbye."\nhang_up = true', "", "states.more.answers[1]", "does nothing"),
        ("hang_up = true", 'transfer = "555-0100"', "states.more.answers[1].transfer",
         "no number to transfer to"),
        ("hang_up = true", 'transfer = "operator"', "states.more.answers[1].unavailable",
         "is missing beside"),
        ("hang_up = true", 'hang_up = true\nunavailable = "Sorry."',
         "states.more.answers[1].unavailable", "goes with a transfer"),
        # templates and slots
        ('hear = ["no"]', "hear = []", "states.more.answers[1].hear", "missing or empty"),
        ('hear = ["no"]', 'hear = ["no", "no (way"]', "states.more.answers[1].hear[2]",
         "'(' is never closed at character 4"),
        ('hear = ["no"]', 'hear = ["no {dya}"]', "states.more.answers[1].hear[1]",
         "the slot 'dya' is not defined (did you mean 'day'?)"),
        ('hear = ["no"]', 'hear = ["no"]\nhang_up = true\n[[states.more.answers]]\n'
         'hear = ["yes", "no [thanks]"]', "states.more.answers[2].hear[2]",
         "answer 1 hears the same"),
        ('words = ["Monday", "Friday"]', "words = []", "slots.day.words", "missing or empty"),
        ('"the last day" = "Friday"', '"the last day" = "Fryday"', "slots.day.aliases.the last day",
         "'Fryday' is not one of the words (did you mean 'Friday'?)"),
        ("[slots.day]", '[slots.caller]\nwords = ["me"]\n[slots.day]', "slots.caller", "reserved"),
        # texts
        ('say = "{day} it is."', 'say = "{dya} it is."', "states.ask.answers[1].say",
         "'{dya}' is nothing known here (did you mean 'day'?)"),
        ('say = "{day} it is."', 'say = "{day it is."', "states.ask.answers[1].say",
         "'{' without its partner"),
        ('hear = ["[on] {day}"]', 'hear = ["[on] {day}", "whenever"]', "states.more.say",
         "'{day}' may not be filled yet"),
        ('greeting = "Hello."', 'greeting = "Hello {day}."', "greeting", "may not be filled yet"),
    ],
)  # fmt: skip
def test_a_fault_is_reported_with_place_value_and_remedy(old, new, place, says):
    assert old in GOOD
    found = faults(GOOD.replace(old, new, 1))
    assert place in found
    assert says in found[place]


def test_all_faults_come_at_once_and_misshapen_parts_cause_no_others():
    text = GOOD.replace('greeting = "Hello."', "greeting = 1\nunknown = 2")
    text = text.replace('next = "more"', 'next = "nowhere"').replace('["no"]', '["no", 7, "["]')
    text = text.replace("words = [", "wrods = [")
    found = faults(text)
    assert set(found) == {
        "greeting",
        "unknown",
        "slots.day.wrods",
        "slots.day.words",
        "slots.day.aliases.the last day",
        "states.ask.answers[1].next",
        "states.more.answers[1].hear[2]",
        "states.more.answers[1].hear[3]",
    }


def test_an_empty_file_is_told_what_it_lacks():
    assert set(faults("")) == {"start", "states"}


def test_text_that_is_not_toml_is_refused_with_the_line():
    with pytest.raises(ConfigError, match=r"is not TOML: .*line 1"):
        parse_dialogue("start = \n", name="d.toml")


def test_a_missing_file_is_named_with_a_remedy(tmp_path):
    with pytest.raises(ConfigError, match=r"absent\.toml: cannot be read .*shipped one"):
        load_dialogue(tmp_path / "absent.toml")


@pytest.mark.parametrize(
    ("content", "reason"), [(b"\xff\xfe", "is not UTF-8"), (b"#" * (MAX_BYTES + 1), "larger than")]
)
def test_a_file_that_cannot_be_a_dialogue_is_refused(tmp_path, content, reason):
    path = tmp_path / "odd.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=reason):
        load_dialogue(path)


LEAVES = st.sampled_from([1, "ask", "", "{day}", [], ["no"], [1], {}, True, [{}], ["(" * 99]])
KEYS = st.sampled_from(
    ["start", "states", "ask", "answers", "hear", "say", "then", "no_match", "slots", "words", "x"]
)


@pytest.mark.slow
@given(st.recursive(LEAVES, lambda inner: st.dictionaries(KEYS, inner) | st.lists(inner)))
def test_any_shape_is_a_dialogue_or_a_list_of_faults(raw):
    if isinstance(raw, dict):
        dialogue, problems = _shaped(raw)
        check_dialogue(dialogue, unusable={problem.key for problem in problems})


def test_the_example_of_the_manual_is_a_good_dialogue():
    manual = Path(__file__).parents[2] / "docs" / "dialogues.md"
    blocks = manual.read_text(encoding="utf-8").split("```toml\n")[1:]
    example = next(block for block in blocks if block.startswith("# pizza.toml"))
    assert parse_dialogue(example.split("```")[0], name="pizza.toml").start == "order"


NUMBERS = """
start = "ask"

[states.ask]
say = "Your number?"
[states.ask.digits]
slot = "number"
min_length = 2
max_length = 4
say = "Thank you, {number}."
next = "more"

[states.more]
say = "For {number}, press one."
[[states.more.answers]]
keys = "1"
hang_up = true
[[states.more.answers]]
hear = ["no"]
keys = "2"
next = "ask"
"""


def test_a_dialogue_of_keys_alone_can_be_run():
    dialogue = parse_dialogue(NUMBERS, name="numbers.toml")
    assert dialogue.states["ask"].digits is not None


@pytest.mark.parametrize(
    ("old", "new", "place", "says"),
    [
        ("min_length = 2", "min_length = 5", "states.ask.digits.min_length", "above max_length"),
        ('slot = "number"', 'slot = "my number"', "states.ask.digits.slot", "is no name"),
        (
            'slot = "number"',
            'slot = "number"\n[slots.number]\nwords = ["one"]\n[states.ask.digits.x]',
            "states.ask.digits.slot",
            "also a slot of words",
        ),
        ('keys = "2"', 'keys = "1"', "states.more.answers[2].keys", "answer 1 has the same"),
        ('keys = "2"', 'keys = "two"', "states.more.answers[2].keys", "pattern"),
        ("{number}.", "{nubmer}.", "states.ask.digits.say", "nothing known here"),
        ('next = "more"', 'next = "mor"', "states.ask.digits.next", "no such state"),
        ("max_length = 4", "maxlength = 4", "states.ask.digits.maxlength", "unknown key"),
    ],
)
def test_a_fault_in_keys_is_reported_with_its_place(old, new, place, says):
    found = faults(NUMBERS.replace(old, new, 1))
    assert place in found
    assert says in found[place]


def test_texts_may_use_declared_variables_and_no_others():
    text = 'variables = { name = "there" }\n' + GOOD.replace('"Hello."', '"Hello {name}."')
    assert parse_dialogue(text, name="d.toml").variables == {"name": "there"}
    assert faults(text.replace("{name}", "{nam}")) == {
        "greeting": "'Hello {nam}.' '{nam}' is nothing known here (did you mean 'name'?)"
    }


@pytest.mark.parametrize(
    ("name", "reason"),
    [("caller", "is reserved"), ("Name", "is no name"), ("day", "is also a slot of words")],
)
def test_a_variable_needs_a_name_of_its_own(name, reason):
    assert reason in faults(f'variables = {{ {name} = "x" }}\n{GOOD}')[f"variables.{name}"]


@pytest.mark.parametrize(
    ("keys", "place", "says"),
    [
        ('press = "1x"', "press", "should match pattern"),
        ('play = "terms.mp3"', "play", "no address of a file"),
        ('recording = "begin"', "recording", "'start', 'pause', 'resume' or 'stop'"),
        ('recording = "pause"', "recording", "nothing resumes it"),
    ],
)
def test_a_fault_in_what_is_done_beside_speaking_is_reported(keys, place, says):
    told = faults(GOOD.replace('hear = ["no"]', f'hear = ["no"]\n{keys}'))
    assert list(told) == [f"states.more.answers[1].{place}"]
    assert says in told[f"states.more.answers[1].{place}"]


def test_a_step_may_do_something_without_a_word():
    text = GOOD.replace('say = "{day} it is."\nnext = "more"', 'press = "1"\nnext = "more"')
    dialogue = parse_dialogue(text, name="d.toml")
    assert dialogue.states["ask"].answers[0].press == "1"
