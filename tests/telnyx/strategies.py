"""Commands made at random, from the limits that their annotations state."""

import math
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, TypeVar, get_args, get_type_hints

from hypothesis import reject
from hypothesis import strategies as st

from voiced.errors import LocalProtocolError
from voiced.telnyx.commands import limits

T = TypeVar("T")

UNLIMITED = 1_000_000
"""Where a limit has no upper end."""
SOME_IDS = ("32de0dea-53cb-4b21-89a4-9e1819c043bc", "428c31b6-7af4-4bcb-b7f5-5013ef9657c1")

_SEEN = st.characters(codec="utf-8", exclude_categories=["C", "Z"])
_ASCII = st.characters(codec="ascii")


def values_of(limit: limits.Limit) -> st.SearchStrategy[Any]:
    """Return values that hold to `limit`."""
    match limit:
        case limits.Within(low=low, high=high):
            whole = st.integers(math.ceil(low), UNLIMITED if high is None else math.floor(high))
            return whole if high is None else whole | st.floats(low, high)
        case limits.Length(low=low, high=high):
            return st.text(_SEEN, min_size=low, max_size=12) | st.just("x" * high)
        case limits.MadeOf(pattern=pattern):
            return st.from_regex(pattern, fullmatch=True, alphabet=_ASCII)
        case limits.Base64():
            return st.sampled_from(["", "eA==", "eyJydW4iOiJyMSJ9"])
        case limits.Address(schemes=schemes):
            return st.sampled_from(schemes).map(lambda scheme: f"{scheme}agent.example.com/a?b=%20")
        case limits.Headers():
            return st.dictionaries(st.just("User-to-User"), st.sampled_from(["", "a;b=c", "\xe9"]))


def field_values(record: type[Any], name: str, hint: Any) -> st.SearchStrategy[Any]:
    """Return what the field may hold, None apart."""
    parts = get_args(hint) or (hint,)
    if name == "preferred_codecs":
        return st.just(("OPUS", "PCMU"))
    if name == "custom_parameters":
        return st.just({})
    for part in parts:
        if is_dataclass(part):
            return records(part)  # type: ignore[arg-type]  # a class, never an instance
    rule = limits.rules_of(record).get(name)
    if rule is None:
        return st.booleans() if bool in parts else st.sampled_from(SOME_IDS)
    drawn = [values_of(limit) for limit in rule.limits]
    if rule.choices:
        drawn.append(st.sampled_from(rule.choices))
    return st.one_of(drawn).filter(lambda value: not rule.fault(value))


@st.composite
def records(draw: st.DrawFn, record: type[T]) -> T:
    """Return instances of a command, or of a group of options."""
    hints = get_type_hints(record)
    given: dict[str, Any] = {}
    for item in fields(record):  # type: ignore[arg-type]  # T is a dataclass
        needed = item.default is MISSING and item.default_factory is MISSING
        if needed or draw(st.booleans()):
            given[item.name] = draw(field_values(record, item.name, hints[item.name]))
    try:
        return record(**given)
    except LocalProtocolError:
        reject()
