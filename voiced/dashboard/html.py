"""Makes HTML of what is shown. Everything is escaped: words of callers are on these pages."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from voiced.dashboard.assets import asset_url
from voiced.dashboard.view import end_tone, reason_words

if TYPE_CHECKING:
    from jinja2 import Template


def render(name: str, **values: Any) -> str:
    """Return the page, or part of one, that the template `name` makes of `values`."""
    return _template(name).render(values)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("voiced.dashboard"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        auto_reload=False,
    )
    environment.globals["asset_url"] = asset_url
    environment.filters |= {
        "clock": clock,
        "lasted": lasted,
        "moment": moment,
        "reason_words": reason_words,
        "end_tone": end_tone,
    }
    return environment


@cache
def _template(name: str) -> Template:
    return _environment().get_template(name)


def clock(seconds: float) -> str:
    """Return a place on a call's time axis, as 1:07.5."""
    minutes, rest = divmod(max(seconds, 0.0), 60)
    return f"{minutes:.0f}:{rest:04.1f}"


def lasted(seconds: float | None) -> str:
    """Return how long something took, as 1:07, or 1:02:07."""
    if seconds is None:
        return "–"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def moment(stamp: str) -> str:
    """Return a record's time as people read it, to the second."""
    try:
        return datetime.fromisoformat(stamp).strftime("%Y-%m-%d %H:%M:%S %Z").strip()
    except ValueError:
        return stamp
