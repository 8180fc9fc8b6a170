"""Which calls are asked for: every filter of `GET /calls` and `voiced calls`, as one value. Pure.

Newest first, page by page: a page's `next` is the place of its last call (when it began, what it is
called), so that calls that come meanwhile neither shift a page nor are told twice.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, TypeAlias

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from voiced.leg.leg import EndReason
from voiced.telnyx.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from voiced.index.row import CallRow

State: TypeAlias = Literal["live", "ended"]

MOST_ROWS = 1000
"""On one page."""

_LONGEST = 200


class Place(NamedTuple):
    """Where a call stands in the order of all calls."""

    started_at: str
    ref: str

    def __str__(self) -> str:
        """Return the text that `after` reads."""
        return f"{self.started_at}~{self.ref}"


def stamp(moment: datetime) -> str:
    """Return an aware time as the index keeps it: texts of it sort like the times."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


def _moment(value: object) -> object:
    """Read ISO 8601; a time without a zone is UTC, a day is its beginning."""
    if not isinstance(value, str) or not value:
        return value
    try:
        moment = datetime.fromisoformat(value.replace(" ", "+"))  # as a form reads a plus sign
        return stamp(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        raise ValueError("must be a time, like 2026-11-22 or 2026-11-22T10:00:00+00:00") from None


def _number(text: str) -> str:
    bare = text.strip()
    if bare.rstrip("*").isdecimal():  # a plus sign that was not escaped in a URL is a space
        bare = f"+{bare}"
    if not re.fullmatch(r"[!-)+-~]*\*?", bare):
        raise ValueError("must be a number or SIP URI, or its beginning and a star, as in +1312*")
    return "" if bare == "*" else bare


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must not contain control characters")
    return text


def _place(value: object) -> object:
    if not isinstance(value, str) or not value:
        return None
    began, tilde, ref = value.replace(" ", "+").partition("~")
    if not tilde or not _is_stamp(began):
        raise ValueError("must be the `next` of an earlier answer")
    return Place(began, ref)


def _is_stamp(text: str) -> bool:
    try:
        return stamp(datetime.fromisoformat(text)) == text
    except ValueError:
        return False


def _one_of(known: Sequence[str]) -> AfterValidator:
    def check(text: str) -> str:
        if text in ("", *known):
            return text
        near = get_close_matches(text.lower().replace(" ", "_"), known, n=1)
        remedy = f'did you mean "{near[0]}"?' if near else f"known: {', '.join(known)}"
        raise ValueError(f"there is none of this name ({remedy})")

    return AfterValidator(check)


_REASONS = tuple(reason.value for reason in EndReason)
_OUTCOMES = tuple(outcome.value for outcome in Outcome)

_Text: TypeAlias = Annotated[str, Field(max_length=_LONGEST), AfterValidator(_printable)]
_Moment: TypeAlias = Annotated[str, BeforeValidator(_moment)]


class CallQuery(BaseModel):
    """Which calls, newest first; what is not given does not matter.

    Read from the texts of a URL's query as well as from Python values.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    state: Literal["live", "ended", "any"] = "any"
    """`live`: of every instance, as far as each has told; a dead instance's until it is back."""
    reason: Annotated[_Text, _one_of(_REASONS)] = Field(
        default="", json_schema_extra={"enum": ["", *_REASONS]}
    )
    """Why it ended, a value of `voiced.leg.leg.EndReason`."""
    outcome: Annotated[_Text, _one_of(_OUTCOMES)] = Field(
        default="", json_schema_extra={"enum": ["", *_OUTCOMES]}
    )
    """What came of a call that we placed, a value of `voiced.telnyx.outcome.Outcome`."""
    number: Annotated[_Text, AfterValidator(_number)] = Field(default="", repr=False)
    """Of either side: E.164 or SIP URI, or its beginning and a star."""
    since: _Moment = ""
    """It began then or later: ISO 8601, UTC where no zone is given."""
    until: _Moment = ""
    """It began before that."""
    line: _Text | None = None
    """Name of a line; "" = calls of no line."""
    direction: Literal["", "incoming", "outgoing"] = ""
    instance: _Text = ""
    """Whose call it was (`[server] instance`)."""
    min_duration_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    """It lasted at least so long, from ringing to its end."""
    text: _Text = Field(default="", repr=False)
    """Somebody said this, in any case of letters."""
    limit: Annotated[int, Field(ge=1, le=MOST_ROWS)] = 50
    after: Annotated[Place | None, BeforeValidator(_place)] = Field(default=None, repr=False)
    """The calls behind this place: the `next` of the page before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Calls as the admin API shows them, newest first; `next` is None on the last page."""

    calls: list[dict[str, Any]]
    next: Place | None


def matches(query: CallQuery, row: CallRow) -> bool:
    """Return whether a call is asked for: what `voiced.index.sql` says to a database."""
    number, prefix = query.number, query.number.removesuffix("*")
    return (
        query.state in ("any", row.state)
        and query.reason in ("", row.reason)
        and query.outcome in ("", row.outcome)
        and (
            not number
            or any(
                party == number or (number != prefix and party.startswith(prefix))
                for party in (row.from_, row.to)
            )
        )
        and row.started_at >= query.since
        and (not query.until or row.started_at < query.until)
        and query.line in (None, row.line)
        and query.direction in ("", row.direction)
        and query.instance in ("", row.instance)
        and (not query.min_duration_s or (row.duration_s or 0.0) >= query.min_duration_s)
        and query.text.casefold() in row.words
        and (query.after is None or Place(row.started_at, row.ref) < query.after)
    )
