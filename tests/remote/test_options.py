import pytest

from voiced.cli import make_parser
from voiced.remote.options import misuse, order_of


def parse(*argv):
    return make_parser().parse_args(["call", *argv])


def test_an_order_holds_what_was_given_and_no_more():
    arguments = parse("+13125550123", "--var", "name=Ms Miller=x", "--var", "day=", "--line", "a")
    assert order_of(arguments, arguments.number, {}, "") == {
        "to": "+13125550123",
        "line": "a",
        "variables": {"name": "Ms Miller=x", "day": ""},
    }


def test_the_list_s_variables_go_before_those_of_the_command_line():
    arguments = parse("--list", "x.csv", "--var", "a=1", "--var", "b=1", "--from", "+13125550199")
    assert order_of(arguments, "+13125550123", {"b": "2"}, "k") == {
        "to": "+13125550123",
        "from": "+13125550199",
        "variables": {"a": "1", "b": "2"},
        "idempotency_key": "k",
    }


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (["1", "--hours", "mo 9:00-10:00"], "--hours goes with --list"),
        (["1", "--per-second", "2"], "--per-second goes with --list"),
        (["--list", "x", "--key", "k"], "--key is for one number, not for --list"),
        (["--list", "x", "--json"], "--json is for one number, not for --list"),
        (["1", "--key", "k"], ""),
        (["--list", "x", "--concurrency", "3"], ""),
    ],
)
def test_options_that_do_not_go_together_are_told(argv, sentence):
    assert misuse(parse(*argv)) == sentence


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        ([], "one of the arguments NUMBER --list is required"),
        (["1", "--list", "x"], "not allowed with"),
        (["1", "--var", "a"], "is not NAME=TEXT"),
        (["1", "--var", "A=b"], "is not NAME=TEXT"),
        (["1", "--wait", "ever"], "invalid choice"),
        (["--list", "x", "--concurrency", "0"], "is not from 1 to 1000"),
        (["--list", "x", "--per-second", "many"], "is not from 0.001 to 100"),
    ],
)
def test_wrong_options_are_wrong_usage(argv, words, capsys):
    with pytest.raises(SystemExit) as caught:
        parse(*argv)
    assert caught.value.code == 2
    assert words in capsys.readouterr().err
