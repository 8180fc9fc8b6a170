"""The command line: which command, with which options, on which configuration.

Nothing heavy is imported before a command runs, so that `voiced --help` answers at once. Errors
leave as exceptions; `voiced.__main__` gives them their sentence and exit code.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from voiced import __version__
from voiced.errors import BadRequest
from voiced.remote.options import COMMANDS as REMOTE_COMMANDS
from voiced.remote.options import add_options, misuse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from voiced.config import Config
    from voiced.doctor.finding import Finding

DEFAULT_FILE = Path("config.toml")
DEFAULTS_NAME = "built-in defaults"
MAX_SIMULATED_CALLS = 1000
MAX_REPLAYS = 100_000

EXIT_CODES = "exit codes: 0 fine, 1 failed, 2 wrong usage or configuration"


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line instead of the whole usage."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"voiced: {message}; see {self.prog} --help\n")


def run(argv: Sequence[str]) -> int:
    """Run the command that `argv` (without the program's name) asks for; returns the exit code.

    Raises:
        SystemExit: for --help, --version and wrong usage.
        ConfigError: the configuration cannot be used.
        StartupError: the daemon cannot start.
    """
    arguments = make_parser().parse_args(argv)
    match arguments.command:
        case "check":
            return _check(arguments.config)
        case "doctor":
            return _doctor(arguments.config, as_json=arguments.json)
        case "simulate":
            return _simulate(arguments)
        case "console":
            return _console(arguments)
        case "replay":
            return _replay(arguments)
        case "redact":
            return _redact(arguments)
        case "explain":
            return _explain(arguments)
        case name if name in REMOTE_COMMANDS:
            return _ask_daemon(arguments)
        case _:
            return _serve(arguments.config)


def make_parser() -> argparse.ArgumentParser:
    """Return the parser for every command; `--config` and `--debug` may stand before or after."""
    parser = _Parser(
        prog="voiced",
        description="Answer phone calls on Telnyx and let a voice agent talk.",
        epilog=f"Without a command: serve. {EXIT_CODES}.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"voiced {__version__}")
    _add_common(parser, config=None, debug=False)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, summary in (
        ("serve", "serve calls until SIGTERM, which drains; SIGHUP reloads the configuration"),
        ("check", "tell every problem of the configuration at once"),
        ("doctor", "look at account, application, numbers and public URL, and say what to fix"),
        ("simulate", "hold a spoken conversation with an emulated Telnyx: no account, no network"),
        ("console", "talk with the agent without a telephone: by typing, or by microphone"),
        ("replay", "hold recorded calls again, on a virtual clock, and say what has changed"),
        ("redact", "take numbers, words and voices out of a flight recording"),
        ("explain", "tell the story of one call: what was said and heard, and why it ended"),
        *REMOTE_COMMANDS.items(),
    ):
        command = commands.add_parser(
            name, help=summary, description=f"voiced {name}: {summary}.", allow_abbrev=False
        )
        # SUPPRESS: the option's absence after the command must not undo it before the command.
        _add_common(command, config=argparse.SUPPRESS, debug=argparse.SUPPRESS)
        if name == "simulate":
            _add_simulate_options(command)
        if name == "console":
            _add_console_options(command)
        if name == "replay":
            _add_replay_options(command)
        if name == "redact":
            command.add_argument("file", metavar="FILE", type=Path, help="wire.jsonl or .gz")
            command.add_argument("-o", "--output", metavar="OUT", type=Path, help="where to")
        if name == "explain":
            _add_explain_options(command)
        if name in REMOTE_COMMANDS:
            add_options(name, command)
        if name == "doctor":
            command.add_argument("--json", action="store_true", help="the findings for programs")
    return parser


def _add_common(parser: argparse.ArgumentParser, *, config: str | None, debug: bool | str) -> None:
    parser.add_argument(
        "--config",
        metavar="FILE",
        type=Path,
        default=config,
        help=f"configuration (default: ./{DEFAULT_FILE} if it exists, else {DEFAULTS_NAME})",
    )
    parser.add_argument(
        "--debug",
        action="store_true",
        default=debug,
        help="show the traceback of an unexpected error",
    )


def _add_simulate_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--wav", metavar="FILE", type=Path, action="append", help="what the caller says, as audio")
    add("--say", metavar="TEXT", action="append", help="what the caller says, to be synthesized")
    add("--script", metavar="FILE", type=Path, help="what the caller says and does, in TOML")
    add("--calls", metavar="N", type=_calls, default=1, help="calls at a time (default: 1)")
    add("--against", metavar="URL", help="ring this daemon instead of one started here")
    add("--output", metavar="DIR", type=Path, help="where audio and timeline are written")
    add("--faults", metavar="NAME", help="what goes wrong on the way; `help` lists them")


def _add_console_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--line", metavar="NAME", default="", help="whose agent talks (default: [agent])")
    add("--voice", action="store_true", help="by microphone and loudspeaker (headphones are best)")
    add("--output", metavar="DIR", type=Path, help="where the call's record is written")


def _add_replay_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "files", metavar="FILE", type=Path, nargs="+", help="wire.jsonl(.gz), or a call's directory"
    )
    add("--update", action="store_true", help="expect from now on what the calls come to now")
    add("--audio", metavar="WAV", type=Path, help="write what both sides would have heard")
    add("--times", metavar="N", type=_times, default=1, help="replays, each with its own seed")
    add("--seed", metavar="N", type=int, default=0, help="the first seed (default: 0)")
    add("--live", action="store_true", help="with real providers instead of the recorded ones")


def _add_explain_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("id", metavar="ID", help="of the call, or the beginning of it; `last` for the last one")
    add("--json", action="store_true", help="the record and what follows from it, for programs")
    add("--picture", metavar="FILE", type=Path, help="draw the call: .svg or .png")
    add("--admin", metavar="URL", help="the daemon that is asked for a live call")


def _times(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= MAX_REPLAYS):
        raise argparse.ArgumentTypeError(f"{text!r} is not from 1 to {MAX_REPLAYS}")
    return int(text)


def _calls(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= MAX_SIMULATED_CALLS):
        raise argparse.ArgumentTypeError(f"{text!r} is not from 1 to {MAX_SIMULATED_CALLS}")
    return int(text)


def _serve(file: Path | None) -> int:
    import gc
    from contextlib import closing

    gc.disable()  # nothing that is loaded is garbage: to look for some takes 5 % of the start
    config, _ = _read_config(file)

    import trio

    from voiced.log import configure_logging
    from voiced.loop.stalls import StallWatch
    from voiced.loop.wakeups import BatchedWakeups
    from voiced.providers import check_providers
    from voiced.server.serving import serve

    def reread() -> Config:
        fresh, _ = _read_config(file)
        check_providers(fresh)
        return fresh

    configure_logging(config.log.level, config.log.format, personal=config.log.personal)
    gc.enable()
    with closing(StallWatch()) as watch:
        # In this order: what waits for the window to pass holds nothing up.
        wakeups = BatchedWakeups()
        trio.run(serve, config, reread, watch, wakeups, instruments=[watch, wakeups])
    return 0


def _check(file: Path | None) -> int:
    config, name = _read_config(file)

    from voiced.providers import check_providers
    from voiced.tracing import check_tracing

    check_providers(config)
    check_tracing(config.tracing)
    _say(f"{name}: fine")
    return 0


def _doctor(file: Path | None, *, as_json: bool) -> int:
    config, _ = _read_config(file)

    import json

    import trio

    from voiced.doctor import all_fine, document, examine, lines
    from voiced.progress import Progress, keep_telling

    async def examined() -> tuple[Finding, ...]:
        with Progress("asking Telnyx and the public URL") as progress:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(keep_telling, progress)
                findings = await examine(config)
                nursery.cancel_scope.cancel()
        return findings

    findings = trio.run(examined)
    if as_json:
        _say(json.dumps(document(findings), indent=2, ensure_ascii=False))
    else:
        unicode = "utf" in (sys.stdout.encoding or "").lower()
        _say("\n".join(lines(findings, unicode=unicode)))
    return 0 if all_fine(findings) else 1


def _simulate(arguments: argparse.Namespace) -> int:
    import trio

    from voiced.testing.simulate import SimulateOptions
    from voiced.testing.simulate import run as simulate

    options = SimulateOptions(
        config=arguments.config,
        wav=tuple(arguments.wav or ()),
        say=tuple(arguments.say or ()),
        script=arguments.script,
        calls=arguments.calls,
        against=arguments.against,
        output=arguments.output,
        faults=arguments.faults,
    )
    return trio.run(simulate, options)


def _console(arguments: argparse.Namespace) -> int:
    import trio

    from voiced.testing.console.command import ConsoleOptions
    from voiced.testing.console.command import run as console

    options = ConsoleOptions(
        config=arguments.config,
        line=arguments.line,
        voice=arguments.voice,
        output=arguments.output,
    )
    return trio.run(console, options)


def _replay(arguments: argparse.Namespace) -> int:
    from voiced.testing.replay.command import ReplayOptions
    from voiced.testing.replay.command import run as replay

    options = ReplayOptions(
        files=tuple(arguments.files),
        update=arguments.update,
        audio=arguments.audio,
        seed=arguments.seed,
        times=arguments.times,
        live=arguments.live,
        config=arguments.config,
    )
    return replay(options)


def _redact(arguments: argparse.Namespace) -> int:
    from voiced.flight.redaction import redact_file

    _say(f"written: {redact_file(arguments.file, arguments.output)}")
    return 0


def _explain(arguments: argparse.Namespace) -> int:
    from functools import partial

    from voiced.config import load_records
    from voiced.explain.command import ExplainOptions
    from voiced.explain.command import run as explain
    from voiced.remote.commands import ask_for_call

    file = _config_file(arguments)
    options = ExplainOptions(
        call_id=arguments.id,
        root=load_records(file, os.environ).path,
        as_json=arguments.json,
        picture=arguments.picture,
    )
    return explain(options, _say, partial(ask_for_call, arguments.admin, file))


def _ask_daemon(arguments: argparse.Namespace) -> int:
    if wrong := misuse(arguments):
        raise BadRequest(wrong)

    from voiced.remote.commands import run as ask_daemon

    return ask_daemon(arguments, _config_file(arguments), _say)


def _config_file(arguments: argparse.Namespace) -> Path | None:
    """Return the configuration that is given or lies here; None for neither."""
    file: Path | None = arguments.config
    return DEFAULT_FILE if file is None and DEFAULT_FILE.exists() else file


def _read_config(given: Path | None) -> tuple[Config, str]:
    """Return the configuration and the name of where it comes from."""
    from voiced.config import load_config, parse_config

    file = given if given is not None else DEFAULT_FILE
    if given is None and not file.exists():
        sys.stderr.write(f"voiced: no ./{DEFAULT_FILE} here, using the {DEFAULTS_NAME}\n")
        return parse_config({}, os.environ), DEFAULTS_NAME
    return load_config(file, os.environ), str(file)


def _say(line: str) -> None:
    """Write a line to stdout; who has closed it does not want to know."""
    try:
        sys.stdout.write(line.encode("utf-8", "backslashreplace").decode() + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes stdout once more at exit, and would complain there.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
