"""Which texts are the same in every call, and may be kept."""

from contextlib import AsyncExitStack

from voiced.agent.dialogue import texts_of
from voiced.agent.dialogue_file import SHIPPED, load_dialogue
from voiced.agent.sentences import split_sentences
from voiced.config import parse_config
from voiced.server.known_phrases import known_phrases, texts_of_config
from voiced.server.staff import open_staff
from voiced.synthesizer.kept_phrases import PhraseKeepingSynthesizer


def config(**tables):
    return parse_config(tables, {})


def test_sentences_are_known_as_they_are_spoken():
    known = known_phrases(config(), ["Hello, this is **Luigi's**. We open at 5 pm."])
    assert "Hello, this is Luigi's." in known
    assert "We open at five p.m." in known


def test_a_sentence_with_a_place_for_something_of_the_call_is_left_out():
    known = known_phrases(config(), ["Sorry, I did not catch that. {question}", "Hello {name}."])
    assert known == {"Sorry, I did not catch that."}


def test_greeting_fillers_and_the_phrases_of_the_configuration_are_texts():
    made = config(agent={"greeting": "Hello."}, speech={"phrases": ["One second."]})
    texts = texts_of_config(made, made.agent)
    assert {"Hello.", "One second.", "One moment please."} <= set(texts)


def test_a_dialogue_gives_all_texts_that_it_may_say():
    dialogue = load_dialogue(SHIPPED)
    texts = set(texts_of(dialogue))
    assert dialogue.greeting in texts
    assert set(dialogue.silence.say) <= texts
    assert dialogue.silence.then.say in texts
    assert {state.say for state in dialogue.states.values()} <= texts
    assert not any(text in texts for text in dialogue.confirm.yes)  # what callers say


async def test_the_embedded_voice_keeps_its_phrases_itself(tmp_path):
    async with AsyncExitStack() as stack:
        staff = await open_staff(config(agent={"provider": "script"}), stack)
        assert not isinstance(staff[""].synthesizer, PhraseKeepingSynthesizer)


async def test_a_remote_voice_of_a_daemon_knows_the_greeting(tmp_path):
    made = config(
        agent={"provider": "script", "greeting": "Hello, here I am."},
        synthesizer={"provider": "deepgram", "api_key": "any"},
        speech={"phrase_cache": str(tmp_path / "phrases")},
    )
    async with AsyncExitStack() as stack:
        staff = await open_staff(made, stack)
        voice: object = staff[""].synthesizer
        assert isinstance(voice, PhraseKeepingSynthesizer)
        known = voice._keeper.known
        assert "Hello, here I am." in known
        dialogue = load_dialogue(SHIPPED)
        assert set(split_sentences(dialogue.silence.then.say)) <= known
