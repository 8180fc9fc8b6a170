"""From file and environment to `Config`, or to every problem at once.

Three passes: each table by itself, the providers' tables by their own models, then the rules that
join keys. A faulty key is replaced by its default for the later passes, which skip the rules that
would read it; a configuration with any problem is never handed out.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, Field, ValidationError

from voiced.config.lines import InboundConfig, LineConfig, OutboundConfig, TransferConfig
from voiced.config.report import problems_in, shown, unknown_name
from voiced.config.rules import broken_rules
from voiced.config.sources import read_overrides
from voiced.config.table import ProviderConfig, Table
from voiced.config.tables import (
    AdminConfig,
    CallConfig,
    Config,
    LogConfig,
    MediaConfig,
    PostCallConfig,
    RecordingConfig,
    RecordsConfig,
    ServerConfig,
    TelnyxConfig,
    TracingConfig,
)
from voiced.config.turns import BudgetsConfig, FailoverConfig, SpeechConfig, TurnsConfig
from voiced.errors import ConfigError, Problem
from voiced.providers import AGENTS, RECOGNIZERS, SYNTHESIZERS, load_provider

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_Table = TypeVar("_Table", bound=Table)

FILE_MAX_BYTES = 1024 * 1024  # a configuration is some kilobytes; stops at once on /dev/zero

PLAIN_TABLES: dict[str, type[Table]] = {
    "server": ServerConfig,
    "admin": AdminConfig,
    "telnyx": TelnyxConfig,
    "media": MediaConfig,
    "call": CallConfig,
    "turns": TurnsConfig,
    "speech": SpeechConfig,
    "budgets": BudgetsConfig,
    "failover": FailoverConfig,
    "recording": RecordingConfig,
    "records": RecordsConfig,
    "post_call": PostCallConfig,
    "inbound": InboundConfig,
    "transfer": TransferConfig,
    "outbound": OutboundConfig,
    "log": LogConfig,
    "tracing": TracingConfig,
}
# Table: entry-point group, default provider.
PROVIDER_TABLES = {
    "recognizer": (RECOGNIZERS, "embedded"),
    "agent": (AGENTS, "script"),
    "synthesizer": (SYNTHESIZERS, "flite"),
}


LINES = "lines"


class _Unsettled(BaseModel):
    """Stands for the settings of a provider that has problems."""


class _Patience(Table):
    """The key of a provider's table that is not the provider's own, beside names and lists."""

    patience_s: float | None = Field(default=None, gt=0, le=60)


def load_config(path: Path, environ: Mapping[str, str]) -> Config:
    """Read the configuration file at `path` and what `environ` puts over it.

    Raises:
        ConfigError: with every problem found.
    """
    return parse_config(_read_toml(path), environ)


def parse_config(document: Mapping[str, Any], environ: Mapping[str, str]) -> Config:
    """Make the configuration of a parsed TOML document and what `environ` puts over it.

    Raises:
        ConfigError: with every problem found.
    """
    overrides = read_overrides(environ)
    problems = [*overrides.problems, *_unknown_tables(document)]
    tables: dict[str, Any] = {}
    for name in (*PLAIN_TABLES, *PROVIDER_TABLES):
        given, found = _table_of(document, name)
        problems += found
        given = {**given, **overrides.values.get(name, {})}
        if name in PLAIN_TABLES:
            table, found = _check_table(name, PLAIN_TABLES[name], given, overrides.origins)
        else:
            table, found = _check_provider(name, given)
        problems += found
        tables[name] = table
    tables["lines"], found = _check_lines(document)
    problems += found
    config = Config.model_construct(None, **tables)
    problems += broken_rules(config, faulty={problem.key for problem in problems})
    if problems:
        raise ConfigError(problems)
    return config


def load_admin(path: Path | None, environ: Mapping[str, str]) -> AdminConfig:
    """Read `[admin]` only, for commands that talk to the daemon; without a file, its defaults.

    Raises:
        ConfigError: the file cannot be read, or the table has problems.
    """
    return _load_table("admin", AdminConfig, path, environ)


def load_records(path: Path | None, environ: Mapping[str, str]) -> RecordsConfig:
    """Read `[records]` only, for commands that look at past calls; without a file, its defaults.

    Raises:
        ConfigError: the file cannot be read, or the table has problems.
    """
    return _load_table("records", RecordsConfig, path, environ)


def load_server(path: Path | None, environ: Mapping[str, str]) -> ServerConfig:
    """Read `[server]` only, for commands that do what the daemon does; without a file, defaults.

    Raises:
        ConfigError: the file cannot be read, or the table has problems.
    """
    return _load_table("server", ServerConfig, path, environ)


def _load_table(
    name: str, kind: type[_Table], path: Path | None, environ: Mapping[str, str]
) -> _Table:
    overrides = read_overrides(environ)
    given, problems = _table_of({} if path is None else _read_toml(path), name)
    given = {**given, **overrides.values.get(name, {})}
    table, found = _check_table(name, kind, given, overrides.origins)
    problems += [*(p for p in overrides.problems if p.key.startswith(f"{name}.")), *found]
    if problems:
        raise ConfigError(problems)
    assert isinstance(table, kind)
    return table


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            raw = file.read(FILE_MAX_BYTES + 1)
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        remedy = "see --config" if isinstance(error, FileNotFoundError) else ""
        raise _file_error(path, f"cannot be read: {reason}", remedy) from None
    except ValueError:  # a NUL in the path
        raise _file_error(path, "is not a path") from None
    if len(raw) > FILE_MAX_BYTES:
        raise _file_error(path, "is larger than 1 MiB and surely not a configuration")
    try:
        return tomllib.loads(raw.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise _file_error(path, f"line {line}: is not UTF-8 text") from None
    except RecursionError:
        raise _file_error(path, "is nested too deeply") from None
    except tomllib.TOMLDecodeError as error:
        raise _file_error(path, _syntax_reason(str(error))) from None
    except ValueError:  # Python refuses to convert more than 4300 digits
        raise _file_error(path, "holds a number with too many digits") from None


def _syntax_reason(message: str) -> str:
    place = re.fullmatch(r"(.*) \(at line (\d+), column (\d+)\)", message, re.DOTALL)
    if place is None:
        return f"not valid TOML: {message}"
    what, line, column = place.groups()
    return f"line {line}, column {column}: not valid TOML: {what}"


def _file_error(path: Path, reason: str, remedy: str = "") -> ConfigError:
    return ConfigError([Problem(key=str(path), value="", reason=reason, remedy=remedy)])


def _unknown_tables(document: Mapping[str, Any]) -> list[Problem]:
    known = [*PLAIN_TABLES, *PROVIDER_TABLES, LINES]
    return [
        unknown_name(name, known, what="table" if isinstance(value, dict) else "key")
        if isinstance(value, dict) or not (home := _home_of(name))
        else unknown_name(name, known, home=home)
        for name, value in document.items()
        if name not in known
    ]


def _home_of(key: str) -> str:
    """Return the tables that know `key`, as `[media]` or `[server] or [admin]`; "" if none."""
    homes = [f"[{name}]" for name, model in PLAIN_TABLES.items() if key in model.model_fields]
    return " or ".join(homes)


def _table_of(
    document: Mapping[str, Any], name: str, inside: str = ""
) -> tuple[dict[str, Any], list[Problem]]:
    given = document.get(name, {})
    if inside:
        name = f"{inside}.{name}"
    if isinstance(given, dict):
        return given, []
    reason = "must be one table, not a list" if isinstance(given, list) else "must be a table"
    remedy = f"write [{name}] on a line of its own and the keys below it"
    return {}, [Problem(key=name, value=shown(given), reason=reason, remedy=remedy)]


def _check_table(
    name: str, model: type[BaseModel], given: dict[str, Any], origins: Mapping[str, str]
) -> tuple[BaseModel, list[Problem]]:
    """Return the table, with defaults in place of what is faulty, and the problems."""
    problems = [
        unknown_name(key, model.model_fields, prefix=f"{name}.", home=_home_of(key))
        for key in given
        if key not in _names_of(model)
    ]
    known = {key: value for key, value in given.items() if key in _names_of(model)}
    try:
        return model.model_validate(known), problems
    except ValidationError as error:
        problems += problems_in(error, table=name, model=model, origins=origins)
        bad = {detail["loc"][0] for detail in error.errors() if detail["loc"]}
    try:
        return model.model_validate({k: v for k, v in known.items() if k not in bad}), problems
    except ValidationError:  # a provider's model with required keys or rules of its own
        return _Unsettled(), problems


def _check_lines(document: Mapping[str, Any]) -> tuple[dict[str, LineConfig], list[Problem]]:
    given, problems = _table_of(document, LINES)
    lines = {}
    for name in given:
        table, found = _table_of(given, name, inside=LINES)
        problems += found
        if found:
            continue
        line, found = _check_line(f"{LINES}.{name}", table)
        problems += found
        if not found:
            lines[name] = line
    return lines, problems


def _check_line(where: str, given: dict[str, Any]) -> tuple[LineConfig, list[Problem]]:
    """Return a line, its providers checked like those of all calls, and the problems."""
    providers: dict[str, ProviderConfig] = {}
    problems: list[Problem] = []
    for name in PROVIDER_TABLES.keys() & given.keys():
        table, found = _table_of(given, name, inside=where)
        if not found:
            providers[name], found = _check_provider(name, table, where=f"{where}.{name}")
        problems += found
    plain = {key: value for key, value in given.items() if key not in PROVIDER_TABLES}
    line, found = _check_table(where, LineConfig, plain, {})
    return line.model_copy(update=providers), found + problems  # type: ignore[return-value]


def _check_provider(
    name: str, given: dict[str, Any], where: str = ""
) -> tuple[ProviderConfig, list[Problem]]:
    """Return a provider's table and its problems; `where` it stands, if not at the top."""
    where = where or name
    group, default = PROVIDER_TABLES[name]
    provider = given.get("provider", default)
    unsettled = ProviderConfig.model_construct(None, provider=default, settings=_Unsettled())
    if not isinstance(provider, str):
        problem = Problem(
            key=f"{where}.provider",
            value=shown(provider),
            reason="must be text in quotes",
            remedy=f"default: {shown(default)}",
        )
        return unsettled, [problem]
    try:
        settings_model: type[BaseModel] = load_provider(group, provider).Settings
    except ConfigError as error:
        return unsettled, [replace(problem, key=f"{where}.provider") for problem in error.problems]
    own = {key: value for key, value in given.items() if key not in ProviderConfig.model_fields}
    settings, problems = _check_table(where, settings_model, own, {})
    patience = {key: given[key] for key in given.keys() & _Patience.model_fields}
    common, found = _check_table(where, _Patience, patience, {})
    problems += found
    fallback, found = _check_fallback(name, given.get("fallback", []), where)
    choice = ProviderConfig.model_construct(
        None, provider=provider, settings=settings, fallback=fallback, **dict(common)
    )
    return choice, problems + found


def _check_fallback(
    name: str, given: object, where: str
) -> tuple[tuple[ProviderConfig, ...], list[Problem]]:
    """Return who stands in for the provider at `where`, in order, and the problems."""
    if not isinstance(given, list) or not all(isinstance(table, dict) for table in given):
        reason, remedy = "must be a list of tables", f"write [[{where}.fallback]] for each"
        return (), [Problem(key=f"{where}.fallback", value="", reason=reason, remedy=remedy)]
    choices: list[ProviderConfig] = []
    problems: list[Problem] = []
    for number, table in enumerate(given):
        key = f"{where}.fallback.{number}"
        if "fallback" in table:
            reason = "cannot have a fallback of its own"
            remedy = f"one list is enough: write the next one as another [[{where}.fallback]]"
            problems.append(Problem(key=key, value="", reason=reason, remedy=remedy))
            continue
        choice, found = _check_provider(name, table, where=key)
        choices.append(choice)
        problems += found
    return tuple(choices), problems


def _names_of(model: type[BaseModel]) -> set[str]:
    aliases = {field.alias for field in model.model_fields.values() if field.alias}
    return set(model.model_fields) | aliases
