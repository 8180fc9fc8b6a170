"""Faults of a table in words: key, value as the user wrote it, reason, remedy.

Turns pydantic's findings and unknown keys into `Problem`s. Secrets are never shown: neither values
of secret keys, nor anything under an unknown key, which may be a misspelt secret.
"""

from __future__ import annotations

import json
import re
from difflib import get_close_matches
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel, SecretBytes, SecretStr, ValidationError

from voiced.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails

_SHOWN_CHARS = 60
_SHOWN_BITS = 64
_SECRET_NAME = re.compile(r"(^|_)(api_?key|token|secret|password|passphrase)s?$", re.IGNORECASE)
_USER_INFO = re.compile(r"//[^/@\s]*@")
_UNITS = {"_ms": " ms", "_s": " s", "_hz": " Hz", "_dbfs": " dBFS"}
_BOUND = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}

_TYPE_REASONS = {
    "int_type": "must be a whole number, without quotes",
    "int_from_float": "must be a whole number, without a fraction",
    "float_type": "must be a number, without quotes",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false, without quotes",
    "string_type": "must be text in quotes",
    "path_type": "must be a path in quotes",
    "is_instance_of": "must be a path in quotes",  # what a strict Path says
    "list_type": "must be a list in [ ]",
    "tuple_type": "must be a list in [ ]",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "model_attributes_type": "must be a table",
    "missing": "is required",
    "extra_forbidden": "unknown key",
}


def unknown_name(
    name: str, known: Iterable[str], *, prefix: str = "", what: str = "key", home: str = ""
) -> Problem:
    """Return the problem for a name that does not exist, with the nearest one that does.

    Args:
        name: as the user wrote it.
        known: the names that exist in its place.
        prefix: dotted path of the table it stands in, with its dot.
        what: "key" or "table".
        home: the table where it would be right, if it has merely been misplaced.
    """
    near = get_close_matches(name.lower().replace("-", "_"), list(known), n=1, cutoff=0.6)
    if home:
        remedy = f"it belongs in {home}"
    elif near:
        remedy = f"did you mean {near[0]}?"
    else:
        remedy = f"known here: {', '.join(known) or 'none'}"
    return Problem(key=f"{prefix}{_key(name)}", value="", reason=f"unknown {what}", remedy=remedy)


def problems_in(
    error: ValidationError, *, table: str, model: type[BaseModel], origins: Mapping[str, str]
) -> list[Problem]:
    """Return the problems that pydantic found in `table`, which should have fitted `model`.

    `origins` says for dotted keys where their value came from, when not from the file.
    """
    details = error.errors(include_url=False)
    return [_problem(detail, table=table, model=model, origins=origins) for detail in details]


def shown(value: object) -> str:
    """Return a TOML value for the eye, cut to a line; "" for tables and lists."""
    match value:
        case bool():
            return "true" if value else "false"
        case int() if value.bit_length() > _SHOWN_BITS:
            return "(a very large number)"
        case str() | PurePath():
            text = json.dumps(_USER_INFO.sub("//***@", str(value)), ensure_ascii=False)
            return text if len(text) <= _SHOWN_CHARS else f'{text[:_SHOWN_CHARS]}..."'
        case float() if value.is_integer():
            return f"{value:.0f}"
        case dict() | list() | None:
            return ""
        case _:
            return str(value)


def _problem(
    detail: ErrorDetails,
    *,
    table: str,
    model: type[BaseModel],
    origins: Mapping[str, str],
) -> Problem:
    path = [str(part) for part in detail["loc"]]
    field = model.model_fields.get(path[0]) if path else None
    key = ".".join([table, *map(_key, path)])
    origin = origins.get(key, "")
    secret = _is_secret(path, field)
    own_field = field if len(path) == 1 else None
    reason, remedy = _reason_and_remedy(detail, own_field, key, hidden=secret)
    no_value = secret or detail["type"] in {"missing", "extra_forbidden"}
    return Problem(
        key=key,
        value="" if no_value else shown(detail["input"]),
        reason=f"{reason}; it comes from {origin}" if origin else reason,
        remedy=remedy,
    )


def _reason_and_remedy(
    detail: ErrorDetails, field: FieldInfo | None, key: str, *, hidden: bool
) -> tuple[str, str]:
    kind, context = detail["type"], detail.get("ctx", {})
    choices = [str(choice) for choice in get_args(field.annotation)] if field else []
    default = "" if hidden else _default_of(field)
    if kind == "literal_error" and choices:
        near = _nearest(detail["input"], choices)
        return f"must be {_either(choices)}", f'did you mean "{near}"?' if near else default
    if kind in _TYPE_REASONS:
        return _TYPE_REASONS[kind], default
    if kind == "value_error" and "error" in context:
        return str(context["error"]), default
    if field is not None and (limits := _limits(field, key)):
        return limits, default
    return _lower_first(detail["msg"]), default


def _nearest(given: object, choices: list[str]) -> str:
    """Return the choice that was probably meant, "" when none comes near."""
    if not isinstance(given, str):
        return ""
    by_lower = {choice.lower(): choice for choice in choices}
    near = get_close_matches(given.lower(), list(by_lower), n=1)
    return by_lower[near[0]] if near else ""


def _limits(field: FieldInfo, key: str) -> str:
    """Return the range of a number in words, "" where the field has none."""
    bounds = {
        name: getattr(rule, name)
        for rule in field.metadata
        for name in (*_BOUND, "multiple_of", "max_length", "min_length")
        if getattr(rule, name, None) is not None
    }
    unit = next((unit for end, unit in _UNITS.items() if key.endswith(end)), "")
    words = []
    if "ge" in bounds and "le" in bounds:
        words.append(f"from {bounds['ge']} to {bounds['le']}{unit}")
    else:
        words += [f"{_BOUND[n]} {bounds[n]}{unit}" for n in _BOUND if n in bounds]
    if "multiple_of" in bounds:
        words.append(f"a multiple of {bounds['multiple_of']}")
    if bounds.get("min_length"):
        words.append("not empty")
    if "max_length" in bounds:
        words.append(f"at most {bounds['max_length']} characters")
    return f"must be {', '.join(words)}" if words else ""


def _is_secret(path: list[str], field: FieldInfo | None) -> bool:
    by_type = field is not None and _mentions_secret(field.annotation)
    # A table as a whole (no path) may hold secrets in any of its keys.
    return not path or by_type or any(_SECRET_NAME.search(part) for part in path)


def _mentions_secret(annotation: Any) -> bool:
    return annotation in (SecretStr, SecretBytes) or any(
        map(_mentions_secret, get_args(annotation))
    )


def _default_of(field: FieldInfo | None) -> str:
    if field is None or field.is_required():
        return ""
    default = shown(field.get_default(call_default_factory=False))
    return f"default: {default}" if default and default != '""' else ""


def _either(choices: list[str]) -> str:
    return choices[0] if len(choices) == 1 else f"{', '.join(choices[:-1])} or {choices[-1]}"


def _key(name: str) -> str:
    """Return a key as TOML writes it: bare where it can be."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]{1,60}", name) else shown(name)


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]
