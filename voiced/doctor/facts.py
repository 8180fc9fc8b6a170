"""What `voiced doctor` looks at: plain records, and the reading of Telnyx's objects into them.

Pure. A fact that could not be had is an `Unavailable` with the reason; one that nobody asked for,
because something before it was missing, is None. Reading is lenient: a key that is absent or of an
unexpected type counts as not set, for an object may grow and shrink without us.

Source of the objects: Telnyx's OpenAPI document (call control applications, phone numbers,
outbound voice profiles, verified numbers, webhook deliveries) and `GET /public_key`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

Json: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unavailable:
    """A fact that could not be had.

    Attributes:
        reason: in words, a clause.
        status: HTTP status of the refusal; None without an answer.
    """

    reason: str
    status: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationName:
    """One Voice API application in the list of them."""

    id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiContact:
    """The first answer of the API, to the list of applications.

    Attributes:
        applications: all of the account, or the first 250.
        sent_at: our clock when the request left, unix seconds.
        received_at: our clock when the answer was there.
        date: Telnyx's clock, of the `Date` header (whole seconds); None without one.
    """

    applications: tuple[ApplicationName, ...]
    sent_at: float
    received_at: float
    date: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """A Voice API (Call Control) application.

    Attributes:
        timeout_s: how long Telnyx waits for the answer to a webhook; None for as long as usual.
        ends_unanswered: Telnyx hangs up calls that no command answers in time.
    """

    id: str
    name: str
    active: bool
    webhook_api_version: str
    webhook_url: str
    failover_url: str
    timeout_s: int | None
    ends_unanswered: bool
    profile_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TexmlApplication:
    """A TeXML application: its id was found where a Voice API application's should be."""

    id: str
    name: str
    active: bool
    voice_url: str
    voice_method: str
    status_callback: str
    profile_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A telephone number of the account."""

    number: str
    status: str
    connection_id: str
    connection_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignNumber:
    """A number that is not the account's; `verified`: Telnyx knows that we may show it."""

    verified: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """An outbound voice profile; `destinations` are countries, ISO 3166 alpha-2."""

    id: str
    name: str
    enabled: bool
    destinations: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedDelivery:
    """A webhook that Telnyx could not deliver.

    Attributes:
        at: when the last attempt ended, unix seconds; None when not told.
        urls: where it was tried.
        codes: 75xxx of all attempts, the latest first.
    """

    at: float | None
    urls: tuple[str, ...]
    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFacts:
    """What Telnyx's REST API says. All None when there is no key to ask with."""

    contact: ApiContact | Unavailable | None = None
    application: Application | TexmlApplication | Unavailable | None = None
    profile: Profile | Unavailable | None = None
    numbers: tuple[Number, ...] | Unavailable | None = None
    caller_id: Number | ForeignNumber | Unavailable | None = None
    public_key: str | Unavailable | None = None
    failed_deliveries: tuple[FailedDelivery, ...] | Unavailable | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """A certificate chain that was accepted; `expires_at` in unix seconds."""

    expires_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookProbe:
    """How the public URL answers a webhook without signature and one with a forged one.

    Both are HTTP statuses. Only the daemon says 401 to the one and 403 to the other.
    """

    unsigned: int
    forged: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicFacts:
    """What can be seen of the public URL from this machine.

    Attributes:
        addresses: what its host name resolves to.
        certificate: of https; None for http.
        webhook: answers of the webhook path.
        media: HTTP status of a WebSocket upgrade on the media path.
    """

    addresses: tuple[str, ...] | Unavailable | None = None
    certificate: Certificate | Unavailable | None = None
    webhook: WebhookProbe | Unavailable | None = None
    media: int | Unavailable | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything; `now` is unix time by this machine's clock."""

    now: float
    account: AccountFacts
    public: PublicFacts


# -- reading ----------------------------------------------------------------------------------


def read_application(data: Json) -> Application:
    """Read a `call_control_application`."""
    return Application(
        id=_text(data, "id"),
        name=_text(data, "application_name"),
        active=data.get("active") is not False,
        webhook_api_version=_text(data, "webhook_api_version"),
        webhook_url=_text(data, "webhook_event_url"),
        failover_url=_text(data, "webhook_event_failover_url"),
        timeout_s=_number(data, "webhook_timeout_secs"),
        ends_unanswered=data.get("first_command_timeout") is True,
        profile_id=_text(_object(data, "outbound"), "outbound_voice_profile_id"),
    )


def read_texml_application(data: Json) -> TexmlApplication:
    """Read a `texml_application`."""
    return TexmlApplication(
        id=_text(data, "id"),
        name=_text(data, "friendly_name"),
        active=data.get("active") is not False,
        voice_url=_text(data, "voice_url"),
        voice_method=_text(data, "voice_method").upper(),
        status_callback=_text(data, "status_callback"),
        profile_id=_text(_object(data, "outbound"), "outbound_voice_profile_id"),
    )


def read_application_name(data: Json) -> ApplicationName:
    """Read an application as far as a list of them needs it."""
    return ApplicationName(id=_text(data, "id"), name=_text(data, "application_name"))


def read_number(data: Json) -> Number:
    """Read a `phone_number`."""
    return Number(
        number=_text(data, "phone_number"),
        status=_text(data, "status"),
        connection_id=_text(data, "connection_id"),
        connection_name=_text(data, "connection_name"),
    )


def read_profile(data: Json) -> Profile:
    """Read an `outbound_voice_profile`."""
    destinations = data.get("whitelisted_destinations")
    return Profile(
        id=_text(data, "id"),
        name=_text(data, "name"),
        enabled=data.get("enabled") is not False,
        destinations=tuple(map(str, destinations if isinstance(destinations, list) else ())),
    )


def read_failed_delivery(data: Json) -> FailedDelivery:
    """Read a `webhook_delivery`; its attempts come with the latest first."""
    attempts = [attempt for attempt in _list(data, "attempts") if isinstance(attempt, Mapping)]
    return FailedDelivery(
        at=_time(_text(data, "finished_at")),
        urls=tuple(_text(_object(_object(a, "http"), "request"), "url") for a in attempts),
        codes=tuple(str(code) for a in attempts for code in _list(a, "errors")),
    )


def _text(data: Json, key: str) -> str:
    value = data.get(key)
    return str(value) if isinstance(value, str | int) else ""


def _number(data: Json, key: str) -> int | None:
    value = data.get(key)
    return value if isinstance(value, int) else None


def _object(data: Json, key: str) -> Json:
    value = data.get(key)
    return value if isinstance(value, Mapping) else {}


def _list(data: Json, key: str) -> list[Any]:
    value = data.get(key)
    return value if isinstance(value, list) else []


def _time(text: str) -> float | None:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None
