"""Judges what callers and callees need: outbound voice profile, numbers, caller id. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from voiced.doctor.account_findings import MOST_NAMED, SETTINGS
from voiced.doctor.facts import (
    AccountFacts,
    Application,
    ForeignNumber,
    Number,
    TexmlApplication,
    Unavailable,
)
from voiced.doctor.finding import Finding, fine, problem, unknown, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from voiced.config import Config
    from voiced.doctor.facts import Profile

_ASSIGN = "portal.telnyx.com, Numbers, My Numbers, Connection or App"


def number_findings(config: Config, facts: AccountFacts) -> Iterator[Finding]:
    """Yield what is to be said of placing calls, and of the numbers that ring the application."""
    yield from _outbound(config, facts)
    yield from _numbers(config, facts.numbers)
    yield from _caller_id(config, facts.caller_id)


def _outbound(config: Config, facts: AccountFacts) -> Iterator[Finding]:
    application = facts.application
    if not isinstance(application, Application | TexmlApplication):
        return
    check = "outbound_profile"
    if not application.profile_id:
        text = "the application has no outbound voice profile"
        remedy = f"choose one: {SETTINGS}, Outbound (none yet: Voice, Outbound Voice Profiles)"
        if config.outbound.caller_id:
            yield problem(check, f"{text}: Telnyx refuses the calls that we place (D38)", remedy)
        else:
            yield warning(check, f"{text}: transfers to a telephone number will fail", remedy)
        return
    match facts.profile:
        case None:
            yield unknown(check, "the outbound voice profile was not looked at")
        case Unavailable(reason=reason):
            yield unknown(check, f"the outbound voice profile was not looked at: {reason}")
        case profile:
            yield from _profile(profile)


def _profile(profile: Profile) -> Iterator[Finding]:
    check = "outbound_profile"
    name = profile.name or profile.id
    where = f"portal.telnyx.com, Voice, Outbound Voice Profiles, {name}"
    if not profile.enabled:
        yield problem(
            check,
            f"the outbound voice profile {name} is switched off: calls that we place are refused",
            f"enable it: {where}",
        )
    elif not profile.destinations:
        yield warning(
            check,
            f"the outbound voice profile {name} names no country that may be called",
            f"add those that you call: {where}, Allowed destinations",
        )
    else:
        countries = ", ".join(profile.destinations[:MOST_NAMED])
        more = len(profile.destinations) - MOST_NAMED
        countries += f" and {more} more" if more > 0 else ""
        yield fine(check, f"the outbound voice profile {name} allows calls to {countries}")


def _numbers(config: Config, numbers: tuple[Number, ...] | Unavailable | None) -> Iterator[Finding]:
    check = "numbers"
    if numbers is None:
        return
    if isinstance(numbers, Unavailable):
        yield unknown(check, f"the application's numbers were not looked at: {numbers.reason}")
        return
    active = [number.number for number in numbers if number.status == "active"]
    if active:
        named = ", ".join(active[:MOST_NAMED])
        more = len(active) - MOST_NAMED
        yield fine(check, f"callers reach it at {named}" + (f" and {more} more" * (more > 0)))
    elif not config.outbound.caller_id:
        yield problem(
            check,
            "no number is assigned to the application: nobody can call it",
            f"assign one: {_ASSIGN}",
        )
    else:
        yield warning(
            check,
            "no number is assigned to the application: it places calls, and takes none",
            f"assign one if it shall: {_ASSIGN}",
        )
    yield from _lines(config, {number.number for number in numbers})
    for number in numbers:
        if number.status != "active":
            yield warning(
                check,
                f"{number.number} is assigned, but its status is {number.status or 'unknown'}",
                "see at portal.telnyx.com, Numbers, what it waits for",
            )


def _lines(config: Config, assigned: set[str]) -> Iterator[Finding]:
    """Yield what is to be said of `[lines]`, whose numbers should be those that are assigned."""
    check = "lines"
    for name, line in config.lines.items():
        missing = [number for number in line.numbers if number not in assigned]
        if missing:
            yield problem(
                check,
                f"lines.{name}: {', '.join(missing)} is not assigned to the application: its"
                " callers never reach this line",
                f"assign it: {_ASSIGN}; or take it out of the line",
            )
        else:
            yield fine(check, f"lines.{name}: its numbers are assigned to the application")
    strays = sorted(number for number in assigned if not config.line_of(number))
    if config.lines and strays and config.inbound.unknown_numbers == "reject":
        yield warning(
            check,
            f"{', '.join(strays[:MOST_NAMED])} belongs to no line: its callers are rejected",
            "add it to a line, or set inbound.unknown_numbers to answer",
        )


def _caller_id(
    config: Config, caller_id: Number | ForeignNumber | Unavailable | None
) -> Iterator[Finding]:
    check = "caller_id"
    shown = config.outbound.caller_id
    match caller_id:
        case None:
            return
        case Unavailable(reason=reason):
            yield unknown(check, f"outbound.caller_id was not looked at: {reason}")
        case ForeignNumber(verified=True):
            yield fine(check, f"outbound.caller_id {shown} is a verified number")
        case ForeignNumber():
            yield problem(
                check,
                f"outbound.caller_id {shown} is neither a number of this account nor verified:"
                " Telnyx refuses the calls that show it",
                "set it to a number of the account, or verify it: portal.telnyx.com, Numbers,"
                " Verified Numbers",
            )
        case Number() as number:
            yield from _owned_caller_id(config, number)


def _owned_caller_id(config: Config, number: Number) -> Iterator[Finding]:
    check = "caller_id"
    shown = number.number
    if number.status != "active":
        yield problem(
            check,
            f"outbound.caller_id {shown} is not active, but {number.status or 'unknown'}",
            "see at portal.telnyx.com, Numbers, what it waits for",
        )
    elif number.connection_id != config.telnyx.connection_id:
        where = number.connection_name or number.connection_id or "nothing"
        yield warning(
            check,
            f"outbound.caller_id {shown} is assigned to {where}: who calls back does not"
            " reach this application",
            f"assign it: {_ASSIGN}",
        )
    else:
        yield fine(check, f"outbound.caller_id {shown} belongs to the account")
