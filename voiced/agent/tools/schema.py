"""The JSON Schema of a tool's arguments: whether it is one, and what keeps to it. Pure.

Draft 2020-12 (https://json-schema.org/specification), or the older one that `$schema` names.
`format` counts as far as jsonschema knows it by itself: dates, mail and IP addresses, UUIDs ... A
`$ref` may lead to another place of the same schema; nothing is ever fetched. jsonschema takes 0.1 s
to import, so only who declares a tool waits for it.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from voiced.net.json import is_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

NO_JSON = "must be JSON: write dates and times in quotes, and no inf or nan"

MOST_FAULTS = 5
"""A model is told so many at a time."""

MOST_CHARS = 200
"""Of one fault: it may hold the argument."""


def fault_of_schema(schema: Mapping[str, Any]) -> str:
    """Return what is wrong with a tool's schema; "" if nothing."""
    looks = (_of_json, _of_object, _of_draft, _of_references, _of_required)
    return next((fault for look in looks if (fault := look(schema))), "")


def _of_json(schema: Mapping[str, Any]) -> str:
    return "" if is_json(schema) else NO_JSON


def _of_object(schema: Mapping[str, Any]) -> str:
    return "" if schema.get("type") == "object" else 'must be a JSON Schema of the type "object"'


def _of_draft(schema: Mapping[str, Any]) -> str:
    from jsonschema.exceptions import best_match

    draft = _draft(schema)
    if draft is None:
        return f"names a draft of JSON Schema that is not known: {schema['$schema']!r}"
    meta = draft(draft.META_SCHEMA, format_checker=draft.FORMAT_CHECKER)
    error = best_match(meta.iter_errors(schema))
    return "" if error is None else f"is no JSON Schema: {_told(error)}"


def _of_references(schema: Mapping[str, Any]) -> str:
    from referencing import Registry, Resource
    from referencing.exceptions import Unresolvable
    from referencing.jsonschema import DRAFT202012

    resource = Resource.from_contents(dict(schema), default_specification=DRAFT202012)
    resolver = Registry().with_resource("", resource).resolver()
    for reference in _references(schema):
        try:
            resolver.lookup(reference)
        except Unresolvable:
            return f"refers to {reference}, which is no place in it"
    return ""


def _references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(reference := part.get("$ref"), str):
            yield reference
        part = list(part.values())
    if isinstance(part, list):
        for inner in part:
            yield from _references(inner)


def _of_required(schema: Mapping[str, Any]) -> str:
    known = schema.get("properties", {})
    missing = [name for name in schema.get("required", ()) if name not in known]
    return f"requires {', '.join(missing)}, which is no property" if missing else ""


def check_of(schema: Mapping[str, Any]) -> Callable[[Mapping[str, Any]], str]:
    """Return what looks at arguments: it tells the model what to mend, "" where nothing is.

    Args:
        schema: one without a fault.
    """
    from referencing import Registry

    draft = _draft(schema)
    validator = draft(dict(schema), format_checker=draft.FORMAT_CHECKER, registry=Registry())

    def look(arguments: Mapping[str, Any]) -> str:
        faults = islice(validator.iter_errors(dict(arguments)), MOST_FAULTS)
        return "; ".join(_told(fault) for fault in faults)

    return look


def _draft(schema: Mapping[str, Any]) -> Any:
    """Return jsonschema's class for the draft that is meant; None for one that there is not."""
    from jsonschema import Draft202012Validator
    from jsonschema.validators import validator_for

    if "$schema" not in schema:
        return Draft202012Validator
    return validator_for(schema, default=None)


def _told(error: Any) -> str:
    """Return where a fault is, and what it is."""
    where = ".".join(str(step) for step in error.absolute_path)
    what = error.message
    if len(what) > MOST_CHARS:
        what = f"{what[:MOST_CHARS]} (cut here)"
    return f"{where}: {what}" if where else what
