import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import trio

from voiced import __version__
from voiced.__main__ import main
from voiced.cli import make_parser
from voiced.errors import ConfigError, Problem, StartupError
from voiced.testing.simulate import SimulateOptions

SHIPPED = Path(__file__).parents[1] / "config.toml"
UNREACHABLE = '[server]\nbind = "127.0.0.1:1"\n'  # tcpmux: nothing listens there
HEAVY = ("trio", "pydantic", "structlog", "httpx", "quart", "numpy", "scipy", "onnxruntime")


@pytest.fixture(autouse=True)
def nowhere(tmp_path, monkeypatch):
    """Run in an empty directory, without settings in the environment."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("TELNYX_", "VOICED_"))]:
        monkeypatch.delenv(name)
    return tmp_path


class FakeDaemon(ModuleType):
    """In place of voiced.server.serving; `serve` keeps what it gets and does what the test says."""

    def __init__(self):
        super().__init__("voiced.server.serving")
        self.configs = []
        self.behave = trio.lowlevel.checkpoint

    async def serve(self, config, reread, watch, idle):
        self.configs.append(config)
        await self.behave()


@pytest.fixture
def daemon(monkeypatch):
    module = FakeDaemon()
    monkeypatch.setitem(sys.modules, "voiced.server.serving", module)
    monkeypatch.setattr("voiced.log.configure_logging", lambda *_args, **_more: None)
    return module


def failing_with(error):
    async def behave():
        await trio.lowlevel.checkpoint()
        raise error

    return behave


def write_config(tmp_path, text='[agent]\nprovider = "echo"\n', name="config.toml"):
    path = tmp_path / name
    path.write_text(text)
    return path


# Usage.


@pytest.mark.parametrize("argv", [["--help"], ["check", "--help"], ["simulate", "--help"]])
def test_help_is_printed_and_is_no_failure(argv, capsys):
    with pytest.raises(SystemExit) as caught:
        main(argv)
    assert caught.value.code == 0
    assert "--config FILE" in capsys.readouterr().out


def test_the_version_is_printed(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"voiced {__version__}\n"


@pytest.mark.parametrize(
    ("argv", "reason"),
    [
        (["chek"], "invalid choice: 'chek'"),
        (["--confg"], "unrecognized arguments: --confg"),
        (["--conf"], "unrecognized arguments: --conf"),
        (["check", "--config"], "expected one argument"),
        (["check", "extra"], "unrecognized arguments: extra"),
        (["serve", "--calls", "2"], "unrecognized arguments"),
        (["simulate", "--calls", "0"], "'0' is not from 1 to 1000"),
        (["simulate", "--calls", "many"], "'many' is not from 1 to 1000"),
    ],
)
def test_wrong_usage_is_one_sentence_and_exit_code_2(argv, reason, capsys):
    with pytest.raises(SystemExit) as caught:
        main(argv)
    assert caught.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("voiced: ")
    assert err.count("\n") == 1
    assert reason in err


@pytest.mark.parametrize(
    ("argv", "command", "config"),
    [
        ([], None, None),
        (["--config", "a"], None, "a"),
        (["serve"], "serve", None),
        (["--config", "a", "check"], "check", "a"),
        (["check", "--config", "b"], "check", "b"),
        (["--config", "a", "check", "--config", "b"], "check", "b"),
        (["--debug", "serve"], "serve", None),
    ],
)
def test_the_configuration_may_be_named_before_or_after_the_command(argv, command, config):
    arguments = make_parser().parse_args(argv)
    assert arguments.command == command
    assert arguments.config == (None if config is None else Path(config))
    assert arguments.debug is ("--debug" in argv)


@pytest.mark.slow
def test_help_imports_nothing_heavy():
    script = (
        "import sys; sys.argv = ['voiced', '--help']\n"
        "from voiced.__main__ import main\n"
        "try:\n    main()\n"
        "except SystemExit:\n    pass\n"
        f"heavy = set({HEAVY!r}) & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


# check


def test_check_says_fine(tmp_path, capsys):
    path = write_config(tmp_path)
    assert main(["check", "--config", str(path)]) == 0
    assert capsys.readouterr() == (f"{path}: fine\n", "")


@pytest.mark.socket
def test_doctor_says_what_to_fix_and_fails(tmp_path, capsys):
    config = write_config(tmp_path, UNREACHABLE)
    assert main(["doctor", "--config", str(config)]) == 1
    told = capsys.readouterr().out
    assert "✗ there is no API key" in told
    assert "→ set server.public_url to the https URL of your proxy" in told
    assert told.splitlines()[-1].startswith("5 problems")


@pytest.mark.socket
def test_doctor_tells_programs_the_same(tmp_path, capsys):
    config = write_config(tmp_path, UNREACHABLE)
    assert main(["doctor", "--json", "--config", str(config)]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["fine"] is False
    assert {"api_key", "webhook"} <= {finding["check"] for finding in told["findings"]}


def test_doctor_needs_a_configuration_that_can_be_used(tmp_path, capsys):
    config = write_config(tmp_path, "[call]\nmax_concurrent = 0\n")
    assert main(["doctor", "--config", str(config)]) == 2
    assert "max_concurrent" in capsys.readouterr().err


def test_check_tells_every_problem_on_its_own_line(tmp_path, capsys):
    path = write_config(tmp_path, "[media]\nlead_ms = 1\nled_ms = 2\n[server]\ninsecure = 1\n")
    assert main(["check", "--config", str(path)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert sorted(line.split(" ")[1] for line in err.splitlines() if "media" in line) == [
        "media.lead_ms",
        "media.led_ms:",
    ]
    assert "voiced: server.insecure = 1: must be true or false, without quotes" in err


def test_config_toml_of_the_directory_is_the_default(tmp_path, capsys):
    write_config(tmp_path)
    assert main(["check"]) == 0
    assert capsys.readouterr() == ("config.toml: fine\n", "")


def test_without_a_file_the_defaults_are_used_with_a_notice(daemon, capsys):
    assert main([]) == 0
    assert daemon.configs[0].media.lead_ms == 400
    assert capsys.readouterr().err == (
        "voiced: no ./config.toml here, using the built-in defaults\n"
    )


def test_a_file_that_was_named_must_be_there(capsys):
    assert main(["check", "--config", "absent.toml"]) == 2
    assert capsys.readouterr().err == (
        "voiced: absent.toml: cannot be read: no such file or directory (see --config)\n"
    )


def test_the_shipped_file_is_fine(capsys):
    assert main(["check", "--config", str(SHIPPED)]) == 0
    assert capsys.readouterr().out == f"{SHIPPED}: fine\n"


@pytest.mark.slow
def test_who_closes_stdout_early_sees_no_traceback(tmp_path):
    write_config(tmp_path)
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "voiced", "check"],
        cwd=tmp_path,
        stdout=write,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")


# serve


@pytest.mark.parametrize("argv", [[], ["serve"]])
def test_serve_is_the_default_command_and_gets_the_configuration(argv, daemon, tmp_path):
    write_config(tmp_path, '[agent]\nprovider = "echo"\n[media]\nlead_ms = 100\n')
    assert main(argv) == 0
    (config,) = daemon.configs
    assert (config.agent.provider, config.media.lead_ms) == ("echo", 100)


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (StartupError("port 1 is taken"), 1, "voiced: port 1 is taken\n"),
        (ExceptionGroup("", [StartupError("no voice")]), 1, "voiced: no voice\n"),
        (
            ConfigError([Problem(key="a.b", value="1", reason="is wrong")]),
            2,
            "voiced: a.b = 1: is wrong\n",
        ),
        (KeyboardInterrupt(), 130, ""),
        (BaseExceptionGroup("", [BaseExceptionGroup("", [KeyboardInterrupt()])]), 130, ""),
        (
            BaseExceptionGroup("", [KeyboardInterrupt(), StartupError("no voice")]),
            1,
            "voiced: no voice\n",
        ),
        (
            ExceptionGroup("", [RuntimeError("two\nlines")]),
            1,
            "voiced: unexpected RuntimeError: two lines (--debug shows the traceback)\n",
        ),
    ],
)
def test_every_error_has_its_sentence_and_exit_code(error, code, said, daemon, tmp_path, capsys):
    write_config(tmp_path)
    daemon.behave = failing_with(error)
    assert main([]) == code
    assert capsys.readouterr() == ("", said)


def test_debug_shows_the_traceback_of_an_unexpected_error(daemon, tmp_path, capsys):
    write_config(tmp_path)
    daemon.behave = failing_with(RuntimeError("odd"))
    assert main(["--debug"]) == 1
    err = capsys.readouterr().err
    assert err.startswith("Traceback")
    assert err.endswith("RuntimeError: odd\n")


def test_the_interrupt_key_ends_quietly(daemon, tmp_path, capsys):
    write_config(tmp_path)

    async def behave():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            signal.raise_signal(signal.SIGINT)
            await trio.sleep_forever()

    daemon.behave = behave
    assert main([]) == 130
    assert capsys.readouterr() == ("", "")


# simulate


@pytest.fixture
def simulated(monkeypatch):
    """Keep what `voiced simulate` is asked for, and let it fail with 1."""
    asked = []

    async def simulate(options):
        await trio.lowlevel.checkpoint()
        asked.append(options)
        return 1

    monkeypatch.setattr("voiced.testing.simulate.run", simulate)
    return asked


def test_simulate_needs_no_option_and_returns_the_outcome(simulated):
    assert main(["simulate"]) == 1
    assert simulated == [SimulateOptions()]


def test_every_option_of_simulate_arrives(simulated):
    argv = "--config c simulate --wav a.wav --wav b.wav --say hello --say bye --calls 3"
    argv += " --script s.toml --against http://127.0.0.1:1 --output out --faults none"
    assert main(argv.split()) == 1
    assert simulated == [
        SimulateOptions(
            config=Path("c"),
            wav=(Path("a.wav"), Path("b.wav")),
            say=("hello", "bye"),
            script=Path("s.toml"),
            calls=3,
            against="http://127.0.0.1:1",
            output=Path("out"),
            faults="none",
        )
    ]


def test_check_tells_the_faults_of_the_dialogue_file_too(tmp_path, capsys):
    dialogue = tmp_path / "d.toml"
    dialogue.write_text('start = "nowhere"\n')
    config = tmp_path / "config.toml"
    config.write_text(f'[agent]\ndialogue = "{dialogue}"\n')
    assert main(["check", "--config", str(config)]) == 2
    assert "nowhere" in capsys.readouterr().err


# The operator's commands.


@pytest.mark.parametrize(
    "argv",
    [["calls"], ["call", "+13125550123"], ["hangup", "x"], ["transfer", "x", "y"], ["drain"]],
)
def test_a_daemon_that_is_not_there_is_told_with_the_remedy(argv, tmp_path, capsys):
    write_config(tmp_path, '[admin]\nbind = "127.0.0.1:1"\n[agent]\nprovider = "unknown"\n')
    assert main(argv) == 1
    assert capsys.readouterr() == (
        "",
        "voiced: no daemon answers at http://127.0.0.1:1: start it, or name its admin listener"
        " with --admin\n",
    )


@pytest.mark.parametrize(
    ("argv", "complaint"),
    [
        (["call", "1", "--hours", "x"], "voiced: --hours goes with --list\n"),
        (["calls", "--admin", "ftp://x"], "voiced: --admin: must begin with http:// or https://\n"),
        (
            ["call", "--list", "x", "--hours", "x"],
            "voiced: --hours: 'x' are no calling hours: write them as mo-fr 9:00-18:00\n",
        ),
    ],
)
def test_wrong_usage_of_the_operators_commands_is_exit_code_2(argv, complaint, capsys):
    assert main(argv) == 2
    assert capsys.readouterr().err == complaint


@pytest.mark.parametrize(
    ("admin", "complaint"),
    [
        ('bind = "127.0.0.1:0"', "admin.bind = 127.0.0.1:0: is any free port"),
        ('bimd = "127.0.0.1:1"', "admin.bimd: unknown key (did you mean bind?)"),
    ],
)
def test_an_admin_table_that_cannot_be_used_is_told(admin, complaint, tmp_path, capsys):
    path = write_config(tmp_path, f"[admin]\n{admin}\n")
    assert main(["calls", "--config", str(path)]) == 2
    assert capsys.readouterr().err.startswith(f"voiced: {complaint}")
