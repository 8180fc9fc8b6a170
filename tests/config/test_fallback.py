"""Fallback lists in the configuration."""

import pytest

from voiced.config import ConfigError, parse_config


def problems_of(document):
    with pytest.raises(ConfigError) as raised:
        parse_config(document, {})
    return [str(problem) for problem in raised.value.problems]


def test_a_list_is_in_its_order_each_with_keys_of_its_own():
    config = parse_config(
        {
            "agent": {
                "provider": "mind",
                "model": "large",
                "patience_s": 1.5,
                "fallback": [
                    {"provider": "mind", "model": "small"},
                    {"provider": "script", "greeting": "hi", "patience_s": 9},
                ],
            }
        },
        {},
    )
    first, (second, third) = config.agent, config.agent.fallback
    assert (first.settings.model, first.patience_s) == ("large", 1.5)
    assert (second.settings.model, second.patience_s, second.fallback) == ("small", None, ())
    assert (third.provider, third.settings.greeting, third.patience_s) == ("script", "hi", 9)


def test_without_a_list_there_is_none():
    config = parse_config({}, {})
    assert config.recognizer.fallback == config.agent.fallback == config.synthesizer.fallback == ()
    assert config.agent.patience_s is None


def test_a_line_may_have_a_list_of_its_own():
    own = {"provider": "script", "fallback": [{"provider": "mind", "model": "m"}]}
    config = parse_config({"lines": {"a": {"numbers": ["+13125550199"], "agent": own}}}, {})
    assert config.staff("").agent.fallback == ()
    assert config.staff("a").agent.fallback[0].provider == "mind"


MIND = {"provider": "mind", "model": "m"}


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ({"fallback": {"provider": "flite"}}, "synthesizer.fallback: must be a list of tables"),
        ({"fallback": "flite"}, "synthesizer.fallback: must be a list of tables"),
        ({"fallback": ["flite"]}, "synthesizer.fallback: must be a list of tables"),
        ({"fallback": [{"provider": "flit"}]}, "synthesizer.fallback.0.provider"),
        ({"fallback": [{}, {"greting": "x"}]}, "synthesizer.fallback.1.greting: unknown key"),
        (
            {"fallback": [{"fallback": []}]},
            "synthesizer.fallback.0: cannot have a fallback of its own",
        ),
        ({"patience_s": 0}, "synthesizer.patience_s = 0: must be more than 0 s"),
        ({"patience_s": "long"}, "synthesizer.patience_s"),
        ({"fallback": [{"patience_s": 61}]}, "synthesizer.fallback.0.patience_s = 61"),
    ],
)
def test_what_is_wrong_with_a_list_is_told_by_its_place(table, problem):
    (told,) = problems_of({"synthesizer": table})
    assert told.startswith(problem)


def test_what_is_wrong_with_a_lines_list_is_told_by_its_place():
    line = {"numbers": ["+13125550199"], "agent": {"fallback": [{"provider": "mind"}]}}
    (told,) = problems_of({"lines": {"a": line}})
    assert told == "lines.a.agent.fallback.0.model: is required"


def test_the_next_agent_must_be_asked_before_the_calls_budget_is_spent():
    agent = {"fallback": [MIND]}
    (told,) = problems_of({"agent": agent, "budgets": {"first_words_s": 3}})
    assert told.startswith("failover.first_words_s = 4: is not below [budgets] first_words_s")
    parse_config({"agent": agent, "budgets": {"first_words_s": 5}}, {})
    parse_config({"budgets": {"first_words_s": 3}}, {})


def test_the_next_voice_must_be_asked_before_the_calls_budget_is_spent():
    document = {"synthesizer": {"fallback": [{}]}, "budgets": {"first_audio_s": 2}}
    (told,) = problems_of(document)
    assert told.startswith("failover.first_audio_s = 2.5: is not below [budgets] first_audio_s")
