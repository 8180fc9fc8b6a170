"""Judges key, clock, public key and application: pure, facts and configuration in, findings out."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from voiced.config import TEXML_PATH
from voiced.doctor.facts import (
    AccountFacts,
    Application,
    TexmlApplication,
    Unavailable,
)
from voiced.doctor.finding import Finding, fine, problem, unknown, warning
from voiced.telnyx.webhook import TOLERANCE_S

if TYPE_CHECKING:
    from collections.abc import Iterator

    from voiced.config import Config
    from voiced.doctor.facts import ApiContact

SETTINGS = "portal.telnyx.com, Voice, Programmable Voice, your application"
MOST_NAMED = 5
"""So many applications or numbers are named; of more, how many they are."""

_KEY_BYTES = 32
_SKEW_WARNING_S = 30.0
_QUICK_TIMEOUT_S = 2
_SLOW_TIMEOUT_S = 10


def account_findings(config: Config, facts: AccountFacts) -> Iterator[Finding]:
    """Yield what is to be said of them."""
    yield _key(config, facts.contact)
    if facts.contact is not None and not isinstance(facts.contact, Unavailable):
        yield _clock(facts.contact)
    yield from _public_key(config, facts.public_key)
    yield from _application(config, facts)


def _key(config: Config, contact: ApiContact | Unavailable | None) -> Finding:
    check = "api_key"
    match contact:
        case None:
            return problem(
                check,
                "there is no API key: no call can be answered, and the account cannot be looked at",
                "make one at portal.telnyx.com, API Keys, and set TELNYX_API_KEY",
            )
        case Unavailable(status=401):
            return problem(
                check,
                "Telnyx does not know the API key",
                "copy the whole key (it begins with KEY) from portal.telnyx.com, API Keys,"
                " into TELNYX_API_KEY",
            )
        case Unavailable(status=403):
            return problem(
                check,
                f"the API key is known, but may not do this: {contact.reason}",
                "give the key the rights of Voice, or see at portal.telnyx.com what the account"
                " still lacks (verification, a payment method)",
            )
        case Unavailable(status=404):
            return problem(
                check,
                f"{config.telnyx.api_base} is not Telnyx's API: {contact.reason}",
                "set telnyx.api_base to https://api.telnyx.com/v2",
            )
        case Unavailable():
            return problem(
                check,
                f"Telnyx's API could not be asked: {contact.reason}",
                f"see whether this machine reaches {config.telnyx.api_base} (firewall, DNS)",
            )
        case _:
            return fine(check, "Telnyx accepts the API key")


def _clock(contact: ApiContact) -> Finding:
    check = "clock"
    if contact.date is None:
        return unknown(check, "Telnyx told no time, so this machine's clock was not compared")
    # The header has whole seconds and was written between request and answer: the skew is known
    # as a range, and the least of it counts.
    ahead_s = contact.sent_at - (contact.date + 1)
    behind_s = contact.date - contact.received_at
    skew_s, side = max((ahead_s, "ahead of"), (behind_s, "behind"))
    remedy = "let the clock be set by NTP (timedatectl set-ntp true)"
    if skew_s > TOLERANCE_S:
        text = f"this machine's clock is {skew_s:.0f} s {side} Telnyx's: every webhook is refused"
        return problem(check, f"{text} as stale (allowed are {TOLERANCE_S:.0f} s)", remedy)
    if skew_s > _SKEW_WARNING_S:
        text = f"this machine's clock is {skew_s:.0f} s {side} Telnyx's"
        return warning(check, f"{text}; from {TOLERANCE_S:.0f} s on webhooks are refused", remedy)
    return fine(check, "this machine's clock agrees with Telnyx's")


def _public_key(config: Config, theirs: str | Unavailable | None) -> Iterator[Finding]:
    check = "public_key"
    ours = config.telnyx.public_key
    where = "portal.telnyx.com, Account Settings, Keys & Credentials, Public Key"
    told = theirs if isinstance(theirs, str) else ""
    if not ours:
        yield problem(
            check,
            "there is no public key: every webhook is refused",
            f"set TELNYX_PUBLIC_KEY={told}" if told else f"set TELNYX_PUBLIC_KEY from {where}",
        )
    elif not told:
        reason = f": {theirs.reason}" if isinstance(theirs, Unavailable) else ""
        yield unknown(check, f"the public key was not compared with the account's{reason}")
    elif _same_key(ours, told):
        yield fine(check, "the public key is the account's")
    else:
        yield problem(
            check,
            "the public key is not this account's: every webhook is refused",
            f"set TELNYX_PUBLIC_KEY={told}",
        )


def _same_key(one: str, other: str) -> bool:
    """Compare keys of 32 bytes in base64; one may stand behind an ASN.1 header (SPKI)."""
    try:
        raw = [base64.b64decode(key)[-_KEY_BYTES:] for key in (one, other)]
    except ValueError:
        return False
    return raw[0] == raw[1]


# -- the application --------------------------------------------------------------------------


def _application(config: Config, facts: AccountFacts) -> Iterator[Finding]:
    check = "application"
    match facts.application:
        case None if not config.telnyx.connection_id:
            yield _no_connection_id(facts.contact)
        case None:
            yield unknown(check, "the application was not looked at")
        case Unavailable(status=404 | 422):
            yield problem(
                check,
                f"the account has no application {config.telnyx.connection_id}",
                _choose_application(facts.contact),
            )
        case Unavailable(reason=reason):
            yield unknown(check, f"the application was not looked at: {reason}")
        case TexmlApplication() as application:
            yield from _texml(config, application)
        case Application() as application:
            yield fine(check, f"{_named(application)} is a Voice API application")
            yield from _active(application)
            yield from _webhooks(config, application)


def _no_connection_id(contact: ApiContact | Unavailable | None) -> Finding:
    text = "telnyx.connection_id is not set, so the application was not looked at"
    return warning("application", text, _choose_application(contact))


def _choose_application(contact: ApiContact | Unavailable | None) -> str:
    known = () if contact is None or isinstance(contact, Unavailable) else contact.applications
    if not known:
        return (
            "make a Voice API application at portal.telnyx.com, Voice, Programmable Voice,"
            " and set TELNYX_APP_ID to its id"
        )
    names = ", ".join(f"{one.id} ({one.name})" for one in known[:MOST_NAMED])
    more = f" or one of {len(known) - MOST_NAMED} more" if len(known) > MOST_NAMED else ""
    return f"set TELNYX_APP_ID to the id of yours: {names}{more}"


def _active(application: Application | TexmlApplication) -> Iterator[Finding]:
    if not application.active:
        yield problem(
            "application.active",
            f"{_named(application)} is switched off: its calls are refused",
            f"switch it on: {SETTINGS}",
        )


def _webhooks(config: Config, application: Application) -> Iterator[Finding]:
    if application.webhook_api_version == "2":
        yield fine("application.webhook_api_version", "it sends webhooks of API version 2")
    else:
        yield problem(
            "application.webhook_api_version",
            f"it sends webhooks of API version {application.webhook_api_version or '1'}, which"
            " carry no signature that can be checked: every webhook is refused",
            f"choose API v2: {SETTINGS}, Webhook API version",
        )
    check = "application.webhook_url"
    if application.webhook_url == config.webhook_url:
        yield fine(check, f"its webhooks go to {config.webhook_url}")
    else:
        yield problem(
            check,
            f"its webhooks go to {application.webhook_url or 'nowhere'},"
            f" and not to {config.webhook_url}",
            f"set the webhook URL: {SETTINGS}; or set server.public_url to what is right",
        )
    if application.failover_url not in ("", config.webhook_url):
        yield warning(
            "application.failover_url",
            f"webhooks that fail go to {application.failover_url}: calls here never hear of them",
            "clear the failover URL, unless another voiced is there that takes over new calls",
        )
    yield from _timeout(application.timeout_s)
    if application.ends_unanswered:
        yield fine("application.first_command", "it ends calls that voiced does not take")
    else:
        yield warning(
            "application.first_command",
            "it lets callers ring on when voiced is down",
            f"set a timeout of 30 s for the first command: {SETTINGS}",
        )


def _timeout(timeout_s: int | None) -> Iterator[Finding]:
    check = "application.webhook_timeout"
    if timeout_s is None or _QUICK_TIMEOUT_S <= timeout_s <= _SLOW_TIMEOUT_S:
        waits = "as long as usual" if timeout_s is None else f"{timeout_s} s"
        yield fine(check, f"it waits {waits} for the answer to a webhook")
    elif timeout_s < _QUICK_TIMEOUT_S:
        yield warning(
            check,
            f"it waits only {timeout_s} s for the answer to a webhook: a slow network alone"
            " makes it deliver twice",
            f"set the webhook timeout to {_QUICK_TIMEOUT_S} to {_SLOW_TIMEOUT_S} s: {SETTINGS}",
        )
    else:
        yield warning(
            check,
            f"it waits {timeout_s} s for the answer to a webhook: what is lost is sent again"
            " too late for a call",
            f"set the webhook timeout to {_QUICK_TIMEOUT_S} to {_SLOW_TIMEOUT_S} s: {SETTINGS}",
        )


def _texml(config: Config, application: TexmlApplication) -> Iterator[Finding]:
    ours = config.server.base_url + TEXML_PATH
    check = "application"
    if application.voice_url == ours:
        yield fine(check, f"{_named(application)} is a TeXML application that fetches from {ours}")
    else:
        yield problem(
            check,
            f"{_named(application)} is a TeXML application and fetches from"
            f" {application.voice_url or 'nowhere'}",
            f"set its voice URL to {ours}, or make a Voice API application instead"
            " and set TELNYX_APP_ID to its id",
        )
    yield from _voice_method(config, application)
    if not application.status_callback.startswith(ours):
        yield warning(
            "application.status_callback",
            "its status callback does not come here: how its calls ended stays unknown",
            f"set its status callback to {ours}/status, method POST",
        )
    yield from _active(application)


def _voice_method(config: Config, application: TexmlApplication) -> Iterator[Finding]:
    if application.voice_method != "GET":
        return
    check, remedy = "application.voice_method", "set its voice method to POST"
    if not config.telnyx.texml_get:
        text = "it fetches by GET, which telnyx.texml_get = false refuses: no call is answered"
        yield problem(check, text, remedy)
    else:
        text = "it fetches by GET, which nobody signs: only a few such calls may begin at a time"
        yield warning(check, text, remedy)


def _named(application: Application | TexmlApplication) -> str:
    return f"{application.id} ({application.name})" if application.name else application.id
