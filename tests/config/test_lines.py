"""`[lines.NAME]`: several numbers, each with its own agent."""

import pytest

from voiced.config import ConfigError, parse_config

NUMBER = "+13125550199"


def problems_of(document):
    with pytest.raises(ConfigError) as raised:
        parse_config(document, {})
    return [str(problem) for problem in raised.value.problems]


def test_a_line_takes_what_it_has_not_from_all_calls():
    config = parse_config({"lines": {"sales": {"numbers": [NUMBER]}}}, {})
    assert config.line_of(NUMBER) == "sales"
    assert config.staff("sales") == config.staff("")


def test_a_line_may_have_an_agent_of_its_own():
    own = {"numbers": [NUMBER], "agent": {"provider": "script", "greeting": "Sales."}}
    config = parse_config({"lines": {"sales": own}}, {})
    assert config.staff("sales").agent.settings.greeting == "Sales."
    assert config.staff("").agent.settings.greeting != "Sales."
    assert config.staff("sales").recognizer == config.staff("").recognizer


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ({}, "lines.sales.numbers: is required"),
        ({"numbers": []}, "lines.sales.numbers"),
        ({"numbers": ["123"]}, "lines.sales.numbers"),
        ({"numbers": [NUMBER], "blok": []}, "lines.sales.blok: unknown key"),
        ({"numbers": [NUMBER], "allow": ["1312*"]}, "lines.sales.allow"),
        ({"numbers": [NUMBER], "agent": {"provider": "nobody"}}, "lines.sales.agent.provider"),
        ({"numbers": [NUMBER], "agent": {"bad": 1}}, "lines.sales.agent.bad"),
        ({"numbers": [NUMBER], "agent": "plain"}, "lines.sales.agent"),
        ("x", "lines.sales"),
    ],
)
def test_what_is_wrong_with_a_line_is_told_by_its_key(line, problem):
    (told,) = problems_of({"lines": {"sales": line}})
    assert told.startswith(problem)


def test_two_lines_cannot_have_one_number():
    lines = {"sales": {"numbers": [NUMBER]}, "help": {"numbers": [NUMBER]}}
    (told,) = problems_of({"lines": lines})
    assert told.startswith("lines.help.numbers")
    assert "[lines.sales]" in told
