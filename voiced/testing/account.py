"""What an account at the emulated Telnyx owns, and the part of the REST API that shows it: pure.

Applications, numbers, outbound voice profiles, failed webhooks and the public key, read-only. What
is wrong with an account is set by its possessions: `replace(possessions, applications=...)`.

Source: Telnyx's OpenAPI document; `GET /public_key` as the official SDKs read it.
"""

from __future__ import annotations

from dataclasses import dataclass
from email.utils import formatdate
from typing import TYPE_CHECKING, Any, Literal

from voiced.testing.api import Answer, Request, page_of
from voiced.testing.commands import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_CREATED = "2026-01-02T03:04:05.000Z"


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """A Voice API (Call Control) application."""

    id: str
    name: str = "voice agent"
    active: bool = True
    webhook_api_version: str = "2"
    webhook_url: str = ""
    failover_url: str | None = None
    timeout_s: int | None = None
    ends_unanswered: bool = True
    profile_id: str = ""

    def body(self) -> dict[str, Any]:
        """Return it as the API shows it."""
        return {
            "record_type": "call_control_application",
            "id": self.id,
            "application_name": self.name,
            "active": self.active,
            "anchorsite_override": "Latency",
            "dtmf_type": "RFC 2833",
            "first_command_timeout": self.ends_unanswered,
            "first_command_timeout_secs": 30,
            "webhook_api_version": self.webhook_api_version,
            "webhook_event_url": self.webhook_url,
            "webhook_event_failover_url": self.failover_url,
            "webhook_timeout_secs": self.timeout_s,
            "outbound": _outbound(self.profile_id),
            "created_at": _CREATED,
            "updated_at": _CREATED,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class TexmlApplication:
    """A TeXML application."""

    id: str
    name: str = "voice agent"
    active: bool = True
    voice_url: str = ""
    voice_method: Literal["get", "post"] = "post"
    status_callback: str = ""
    profile_id: str = ""

    def body(self) -> dict[str, Any]:
        """Return it as the API shows it."""
        return {
            "record_type": "texml_application",
            "id": self.id,
            "friendly_name": self.name,
            "active": self.active,
            "voice_url": self.voice_url,
            "voice_method": self.voice_method,
            "status_callback": self.status_callback,
            "status_callback_method": "post",
            "outbound": _outbound(self.profile_id),
            "created_at": _CREATED,
            "updated_at": _CREATED,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedNumber:
    """A telephone number; `connection_id` says which application it rings."""

    number: str
    connection_id: str = ""
    connection_name: str = ""
    status: str = "active"

    def body(self) -> dict[str, Any]:
        """Return it as the API shows it."""
        return {
            "record_type": "phone_number",
            "id": self.number.removeprefix("+").rjust(19, "1"),
            "phone_number": self.number,
            "status": self.status,
            "connection_id": self.connection_id,
            "connection_name": self.connection_name,
            "created_at": _CREATED,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceProfile:
    """An outbound voice profile."""

    id: str
    name: str = "default"
    enabled: bool = True
    destinations: tuple[str, ...] = ("US", "CA")

    def body(self) -> dict[str, Any]:
        """Return it as the API shows it."""
        return {
            "record_type": "outbound_voice_profile",
            "id": self.id,
            "name": self.name,
            "enabled": self.enabled,
            "traffic_type": "conversational",
            "service_plan": "global",
            "concurrent_call_limit": None,
            "whitelisted_destinations": list(self.destinations),
            "created_at": _CREATED,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedDelivery:
    """A webhook that did not arrive: `code` is 75xxx, `at` an ISO 8601 time in UTC."""

    id: str
    url: str
    code: int
    at: str
    event_type: str = "call.initiated"

    def body(self) -> dict[str, Any]:
        """Return it as the API shows it."""
        request = {"url": self.url, "headers": [["Accept", "*/*"]]}
        attempt = {
            "status": "failed",
            "errors": [self.code],
            "started_at": self.at,
            "finished_at": self.at,
            "http": {"request": request},
        }
        webhook = {
            "record_type": "event",
            "id": self.id,
            "event_type": self.event_type,
            "occurred_at": self.at,
            "payload": {},
        }
        return {
            "record_type": "webhook_delivery",
            "id": self.id,
            "status": "failed",
            "started_at": self.at,
            "finished_at": self.at,
            "attempts": [attempt],
            "webhook": webhook,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Possessions:
    """All that an account owns.

    Attributes:
        public_key: base64, as the portal shows it; "" and the API has no such resource.
        verified_numbers: not owned, but allowed as caller id.
        broken: paths (`phone_numbers`) that answer 500.
        clock_offset_s: how far the `Date` header is ahead of the emulator's clock.
    """

    applications: tuple[Application, ...] = ()
    texml_applications: tuple[TexmlApplication, ...] = ()
    numbers: tuple[OwnedNumber, ...] = ()
    verified_numbers: tuple[str, ...] = ()
    profiles: tuple[VoiceProfile, ...] = ()
    failed_deliveries: tuple[FailedDelivery, ...] = ()
    public_key: str = ""
    broken: tuple[str, ...] = ()
    clock_offset_s: float = 0.0

    def may_call_from(self, number: str) -> bool:
        """Tell whether the account may show `number` as caller id."""
        return number in self.verified_numbers or number in (own.number for own in self.numbers)


def usual_possessions(
    *, connection_id: str, webhook_url: str, public_key: str, number: str
) -> Possessions:
    """Return an account that is set up as it should be, with one of everything."""
    profile = VoiceProfile(id="1494404757140276800")
    application = Application(
        id=connection_id, webhook_url=webhook_url, timeout_s=5, profile_id=profile.id
    )
    owned = OwnedNumber(
        number=number, connection_id=connection_id, connection_name=application.name
    )
    return Possessions(
        applications=(application,), numbers=(owned,), profiles=(profile,), public_key=public_key
    )


class AccountApi:
    """Answers what is asked about the account.

    Args:
        possessions: gives what is owned at the time of a request.
        wall: unix time, seconds.
    """

    def __init__(self, possessions: Callable[[], Possessions], wall: Callable[[], float]) -> None:
        self._possessions = possessions
        self._wall = wall

    def handle(self, request: Request) -> Answer | None:
        """Answer a request about the account; None for any other."""
        version, kind, *rest = (*request.path, "")
        owned = self._possessions()
        its_id = "/".join(rest).rstrip("/")
        body = self._look_up(owned, kind, its_id, request.query) if version == "v2" else None
        if body is None:
            return None
        if request.method != "GET":
            body = Refused(status=405, code="10030", detail="Only GET is emulated here.")
        elif kind in owned.broken:
            body = Refused(status=500, code="10007", detail="An unexpected error occurred.")
        date = formatdate(self._wall() + owned.clock_offset_s, usegmt=True)
        if isinstance(body, Refused):
            return Answer(status=body.status, body=body.body(), headers={"date": date})
        return Answer(body=body, headers={"date": date})

    def _look_up(
        self, owned: Possessions, kind: str, its_id: str, query: Mapping[str, str]
    ) -> dict[str, Any] | Refused | None:
        match kind:
            case "call_control_applications":
                return _one_or_all(owned.applications, its_id, query)
            case "texml_applications":
                return _one_or_all(owned.texml_applications, its_id, query)
            case "outbound_voice_profiles":
                return _one_or_all(owned.profiles, its_id, query)
            case "phone_numbers" if not its_id:
                return _numbers(owned.numbers, query)
            case "verified_numbers" if its_id:
                verified = its_id in owned.verified_numbers
                record = {"record_type": "verified_number", "phone_number": its_id}
                return {"data": record} if verified else _not_found()
            case "webhook_deliveries" if not its_id:
                return _deliveries(owned.failed_deliveries, query)
            case "public_key" if not its_id:
                record = {"record_type": "public_key", "public": owned.public_key}
                return {"data": record} if owned.public_key else _not_found()
            case _:
                return None


def _one_or_all(
    things: Iterable[Application | TexmlApplication | VoiceProfile],
    its_id: str,
    query: Mapping[str, str],
) -> dict[str, Any] | Refused:
    if not its_id:
        return page_of([thing.body() for thing in things], query, filters=())
    found = [thing.body() for thing in things if thing.id == its_id]
    return {"data": found[0]} if found else _not_found()


def _numbers(numbers: Iterable[OwnedNumber], query: Mapping[str, str]) -> dict[str, Any] | Refused:
    connection_id = query.get("filter[connection_id]")
    part = query.get("filter[phone_number]", "").removeprefix("+")
    found = [
        owned.body()
        for owned in numbers
        if connection_id in (None, owned.connection_id) and part in owned.number
    ]
    return page_of(found, query, filters=("filter[connection_id]", "filter[phone_number]"))


def _deliveries(
    deliveries: Iterable[FailedDelivery], query: Mapping[str, str]
) -> dict[str, Any] | Refused:
    since = query.get("filter[started_at][gte]", "")
    wanted = query.get("filter[status][eq]", "failed") == "failed"
    # ISO 8601 in UTC: the order of the texts is that of the times.
    found = [delivery.body() for delivery in deliveries if wanted and delivery.at >= since]
    return page_of(found, query, filters=("filter[started_at][gte]", "filter[status][eq]"))


def _outbound(profile_id: str) -> dict[str, Any]:
    return {"outbound_voice_profile_id": profile_id} if profile_id else {}


def _not_found() -> Refused:
    detail = "The requested resource or URL could not be found."
    return Refused(status=404, code="10005", detail=detail)
