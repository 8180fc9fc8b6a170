"""Reads what a scripted caller says.

A script is TOML: `voice = "awb"` and one `[[line]]` for each thing to say, with `say = "words"` or
`wav = "file"` (relative to the script), and perhaps `after_s` and `barge_in` as in `caller.Line`.
Scripts that voiced ships are known by their bare name.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trio

from voiced.errors import ConfigError, Problem
from voiced.testing.caller import Line
from voiced.testing.speech import read_recording, speak_all
from voiced.testing.utterances import FINISHED_S

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_VOICE = "awb"
"""A voice that the agent does not speak with, so that a listener can tell the two apart."""

_LINE_KEYS: Mapping[str, tuple[type, ...]] = {
    "say": (str,),
    "wav": (str,),
    "after_s": (int, float),
    "barge_in": (bool,),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptLine:
    """One thing to say: words, or a recording."""

    say: str = ""
    wav: Path | None = None
    after_s: float = FINISHED_S
    barge_in: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerScript:
    """What a caller says, with which voice."""

    voice: str = DEFAULT_VOICE
    lines: tuple[ScriptLine, ...] = ()


def shipped_scripts() -> tuple[str, ...]:
    """Return the names of the scripts that come with voiced."""
    folder = resources.files("voiced.testing") / "callers"
    if not folder.is_dir():
        return ()
    return tuple(sorted(f.name[:-5] for f in folder.iterdir() if f.name.endswith(".toml")))


def load_script(name: str | Path) -> CallerScript:
    """Read a script by path, or by name when voiced ships it.

    Raises:
        ConfigError: with every fault of the file.
    """
    path = Path(name)
    if str(name) in shipped_scripts():
        path = Path(str(resources.files("voiced.testing") / "callers" / f"{name}.toml"))
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        remedy = f"a path, or one of {', '.join(shipped_scripts())}"
        problem = Problem(key="script", value=str(name), reason=str(error.strerror), remedy=remedy)
        raise ConfigError([problem]) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError([Problem(key="script", value=str(name), reason=str(error))]) from error
    return parse_script(table, folder=path.parent)


def parse_script(table: Mapping[str, Any], *, folder: Path) -> CallerScript:
    """Check a script's table; `folder` is where its WAV files lie. Raises ConfigError."""
    problems = [
        Problem(key=key, value="", reason="is not a key of a script", remedy="voice or [[line]]")
        for key in table
        if key not in ("voice", "line")
    ]
    voice = table.get("voice", DEFAULT_VOICE)
    if not isinstance(voice, str):
        problems.append(Problem(key="voice", value=str(voice), reason="must be a voice's name"))
    raw_lines = table.get("line", [])
    if not isinstance(raw_lines, list) or not all(isinstance(line, dict) for line in raw_lines):
        problems.append(Problem(key="line", value="", reason="must be written as [[line]]"))
        raw_lines = []
    elif not raw_lines:
        problems.append(Problem(key="line", value="", reason="there is nothing to say"))
    for n, raw in enumerate(raw_lines, start=1):
        problems += _line_problems(raw, f"line {n}")
    if problems:
        raise ConfigError(problems)
    return CallerScript(voice=voice, lines=tuple(_line(raw, folder) for raw in raw_lines))


def _line_problems(raw: Mapping[str, Any], where: str) -> list[Problem]:
    problems = []
    for key, value in raw.items():
        kinds = _LINE_KEYS.get(key)
        if kinds is None:
            remedy = f"one of {', '.join(_LINE_KEYS)}"
            problems.append(
                Problem(key=f"{where}.{key}", value="", reason="unknown", remedy=remedy)
            )
        elif not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            wanted = " or ".join(kind.__name__ for kind in kinds)
            reason = f"must be {wanted}"
            problems.append(Problem(key=f"{where}.{key}", value=str(value), reason=reason))
    if bool(raw.get("say")) == bool(raw.get("wav")):
        problems.append(Problem(key=where, value="", reason="needs either say or wav"))
    if isinstance(raw.get("after_s"), (int, float)) and not 0 <= raw["after_s"] <= 60:
        reason = "must be between 0 and 60"
        problems.append(Problem(key=f"{where}.after_s", value=str(raw["after_s"]), reason=reason))
    return problems


def _line(raw: Mapping[str, Any], folder: Path) -> ScriptLine:
    return ScriptLine(
        say=raw.get("say", ""),
        wav=folder / raw["wav"] if raw.get("wav") else None,
        after_s=float(raw.get("after_s", FINISHED_S)),
        barge_in=raw.get("barge_in", False),
    )


async def speak_script(script: CallerScript) -> tuple[Line, ...]:
    """Turn a script into audio: speak its words, read its recordings.

    Raises:
        ConfigError: a recording cannot be read.
        StartupError: flite or the voice is missing.
        SynthesizerFailed: a line could not be spoken.
    """
    await trio.lowlevel.checkpoint()
    texts = [line.say for line in script.lines if line.wav is None]
    spoken = iter(await speak_all(texts, voice=script.voice) if texts else ())
    return tuple(
        Line(
            pcm=read_recording(line.wav) if line.wav is not None else next(spoken),
            text=line.say or f"({line.wav.name if line.wav else ''})",
            after_s=line.after_s,
            barge_in=line.barge_in,
        )
        for line in script.lines
    )
