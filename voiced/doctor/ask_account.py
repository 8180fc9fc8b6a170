"""Asks Telnyx's REST API for the facts about the account: IO, and no judgement.

Reads only. Each fact has a deadline of its own, and one that fails leaves the others alone; those
that do not depend on each other are asked at the same time.
"""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx
import trio

from voiced.doctor.delivery_findings import LOOKED_BACK_S
from voiced.doctor.facts import (
    AccountFacts,
    ApiContact,
    Application,
    FailedDelivery,
    ForeignNumber,
    Number,
    Profile,
    TexmlApplication,
    Unavailable,
    read_application,
    read_application_name,
    read_failed_delivery,
    read_number,
    read_profile,
    read_texml_application,
)
from voiced.doctor.together import ask_together
from voiced.net.http import reason_of
from voiced.telnyx.api_errors import parse_errors
from voiced.telnyx.http import http_client

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from voiced.config import Config

_PAGE = {"page[size]": "250"}  # the most that Telnyx gives at a time
_NOT_FOUND = (404, 422)  # 422: an id of the wrong form


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page:
    """An answer of status 200."""

    data: Any
    headers: httpx.Headers

    @property
    def one(self) -> Mapping[str, Any]:
        """The object."""
        return self.data if isinstance(self.data, dict) else {}

    @property
    def all(self) -> list[Mapping[str, Any]]:
        """The objects of a list."""
        items = self.data if isinstance(self.data, list) else []
        return [item for item in items if isinstance(item, dict)]


class AccountInquiry:
    """Asks one account. Made by `open_account`."""

    def __init__(
        self, http: httpx.AsyncClient, config: Config, wall: Callable[[], float], limit_s: float
    ) -> None:
        self._http = http
        self._config = config
        self._wall = wall
        self._limit_s = limit_s

    async def facts(self) -> AccountFacts:
        """Ask everything."""
        contact = await self.contact()
        if isinstance(contact, Unavailable):
            return AccountFacts(contact=contact)
        application = await self.application()
        profile_id = ""
        if isinstance(application, Application | TexmlApplication):
            profile_id = application.profile_id
        answers = await ask_together(
            lambda: self.profile(profile_id),
            self.numbers,
            self.caller_id,
            self.public_key,
            self.failed_deliveries,
        )
        profile, numbers, caller_id, public_key, failed_deliveries = answers
        return AccountFacts(
            contact=contact,
            application=application,
            profile=profile,
            numbers=numbers,
            caller_id=caller_id,
            public_key=public_key,
            failed_deliveries=failed_deliveries,
        )

    async def contact(self) -> ApiContact | Unavailable:
        """Ask for the list of applications, which also tells whether the key is good."""
        sent_at = self._wall()
        page = await self._get("call_control_applications", _PAGE)
        if isinstance(page, Unavailable):
            return page
        return ApiContact(
            applications=tuple(map(read_application_name, page.all)),
            sent_at=sent_at,
            received_at=self._wall(),
            date=_date(page.headers),
        )

    async def application(self) -> Application | TexmlApplication | Unavailable | None:
        """Ask for the application of `telnyx.connection_id`, of either kind."""
        its_id = quote(self._config.telnyx.connection_id, safe="")
        if not its_id:
            return None
        page = await self._get(f"call_control_applications/{its_id}")
        if not isinstance(page, Unavailable):
            return read_application(page.one)
        if page.status not in _NOT_FOUND:
            return page
        texml = await self._get(f"texml_applications/{its_id}")
        return page if isinstance(texml, Unavailable) else read_texml_application(texml.one)

    async def profile(self, profile_id: str) -> Profile | Unavailable | None:
        """Ask for the outbound voice profile."""
        if not profile_id:
            return None
        page = await self._get(f"outbound_voice_profiles/{quote(profile_id, safe='')}")
        return page if isinstance(page, Unavailable) else read_profile(page.one)

    async def numbers(self) -> tuple[Number, ...] | Unavailable | None:
        """Ask for the numbers that ring the application."""
        if not self._config.telnyx.connection_id:
            return None
        wanted = {"filter[connection_id]": self._config.telnyx.connection_id} | _PAGE
        page = await self._get("phone_numbers", wanted)
        return page if isinstance(page, Unavailable) else tuple(map(read_number, page.all))

    async def caller_id(self) -> Number | ForeignNumber | Unavailable | None:
        """Ask whose number `outbound.caller_id` is."""
        shown = self._config.outbound.caller_id
        if not shown:
            return None
        page = await self._get("phone_numbers", {"filter[phone_number]": shown})
        if isinstance(page, Unavailable):
            return page
        # The filter finds parts of numbers as well.
        owned = [number for number in map(read_number, page.all) if number.number == shown]
        if owned:
            return owned[0]
        verified = await self._get(f"verified_numbers/{quote(shown, safe='')}")
        if isinstance(verified, Unavailable) and verified.status not in _NOT_FOUND:
            return verified
        return ForeignNumber(verified=not isinstance(verified, Unavailable))

    async def public_key(self) -> str | Unavailable:
        """Ask for the key that signs webhooks."""
        page = await self._get("public_key")
        if isinstance(page, Unavailable):
            return page
        key = page.one.get("public")
        return key if isinstance(key, str) else Unavailable(reason="the answer holds no key")

    async def failed_deliveries(self) -> tuple[FailedDelivery, ...] | Unavailable:
        """Ask for the webhooks of the last day that did not arrive."""
        since = datetime.fromtimestamp(self._wall() - LOOKED_BACK_S, UTC)
        wanted = {
            "filter[status][eq]": "failed",
            "filter[started_at][gte]": since.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        page = await self._get("webhook_deliveries", wanted | _PAGE)
        return page if isinstance(page, Unavailable) else tuple(map(read_failed_delivery, page.all))

    async def _get(self, path: str, params: Mapping[str, str] | None = None) -> _Page | Unavailable:
        """Get one object or one page."""
        reply = None
        with trio.move_on_after(self._limit_s):
            try:
                reply = await self._http.get(path, params=params)
            except httpx.HTTPError as error:
                return Unavailable(reason=f"no answer ({reason_of(error)})")
        if reply is None:
            return Unavailable(reason=f"no answer within {self._limit_s:g} s")
        if reply.status_code != 200:
            return Unavailable(reason=_refusal(reply), status=reply.status_code)
        try:
            document = json.loads(reply.content)
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict) or "data" not in document:
            return Unavailable(reason="the answer is not Telnyx's JSON", status=404)
        return _Page(data=document["data"], headers=reply.headers)


@asynccontextmanager
async def open_account(
    config: Config,
    wall: Callable[[], float],
    *,
    limit_s: float,
    transport: httpx.AsyncBaseTransport | None = None,
) -> AsyncIterator[AccountInquiry]:
    """Open the account of `config`, whose `telnyx.api_key` must be set.

    Args:
        config: names account and application.
        wall: unix time, seconds.
        limit_s: of each request.
        transport: what to speak through instead of TCP, for tests.
    """
    key = config.telnyx.api_key
    secret = key.get_secret_value().strip() if key is not None else ""
    async with http_client(
        config.telnyx.api_base, secret, attempt_s=limit_s, connect_s=limit_s, transport=transport
    ) as http:
        yield AccountInquiry(http, config, wall, limit_s)


def _refusal(reply: httpx.Response) -> str:
    """Return the words of an answer other than 200."""
    first = parse_errors(reply.status_code, reply.content)[0]
    said = " ".join(part for part in (first.code, first.title) if part)
    return f"Telnyx answers {reply.status_code}" + (f" ({said})" if said else "")


def _date(headers: httpx.Headers) -> float | None:
    """Return the server's clock, unix seconds."""
    for text in headers.get_list("date"):
        try:
            return parsedate_to_datetime(text).timestamp()
        except ValueError:
            continue
    return None
