"""Looks at `server.public_url` from this machine: DNS, TLS, and who answers. IO, and no judgement.

What is sent is harmless: a webhook without signature, one with a forged one, and a request for a
media socket with a token that no call has. voiced refuses all three.
"""

from __future__ import annotations

import base64
import socket
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

import httpx
import trio

from voiced.doctor.facts import Certificate, PublicFacts, Unavailable, WebhookProbe
from voiced.doctor.together import ask_together
from voiced.net.http import reason_of
from voiced.telnyx.webhook import SIGNATURE_HEADER, TIMESTAMP_HEADER

if TYPE_CHECKING:
    from collections.abc import Callable

    from voiced.config import Config

_FORGED_SIGNATURE = base64.b64encode(bytes(64)).decode()
_UPGRADE = {
    "connection": "Upgrade",
    "upgrade": "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": base64.b64encode(b"voiced doctor 16").decode(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicInquiry:
    """Looks at one configuration's public URL.

    Attributes:
        config: whose `server` table names the URL.
        wall: unix time, seconds.
        limit_s: of each look.
        trust: which certificate authorities count; the machine's own by default.
        transport: what to speak HTTP through instead of TCP, for tests.
    """

    config: Config
    wall: Callable[[], float]
    limit_s: float
    trust: ssl.SSLContext | None = None
    transport: httpx.AsyncBaseTransport | None = None

    async def facts(self) -> PublicFacts:
        """Look at everything; at the name alone when it cannot be resolved."""
        addresses = await self.addresses()
        if isinstance(addresses, Unavailable):
            return PublicFacts(addresses=addresses)
        answers = await ask_together(self.certificate, self.webhook, self.media)
        certificate, webhook, media = answers
        return PublicFacts(
            addresses=addresses, certificate=certificate, webhook=webhook, media=media
        )

    async def addresses(self) -> tuple[str, ...] | Unavailable:
        """Resolve the host."""
        with trio.move_on_after(self.limit_s):
            try:
                found = await trio.socket.getaddrinfo(
                    self._url.hostname, self._port, type=socket.SOCK_STREAM
                )
            except OSError as error:
                return Unavailable(reason=error.strerror or str(error))
            return tuple(dict.fromkeys(str(address[0]) for *_, address in found))
        return self._late()

    async def certificate(self) -> Certificate | Unavailable | None:
        """Shake hands as Telnyx would, checking the chain and the name; None for plain http."""
        if self._url.scheme != "https":
            return None
        context = self.trust or ssl.create_default_context()
        host = self._url.hostname or ""
        with trio.move_on_after(self.limit_s):
            try:
                stream = await trio.open_ssl_over_tcp_stream(
                    host, self._port, ssl_context=context, https_compatible=True
                )
                async with stream:
                    await stream.do_handshake()
                    presented = stream.getpeercert()
            except (OSError, trio.BrokenResourceError) as error:
                return Unavailable(reason=_tls_reason(error))
            return Certificate(expires_at=ssl.cert_time_to_seconds(presented["notAfter"]))
        return self._late()

    async def webhook(self) -> WebhookProbe | Unavailable:
        """Post two webhooks that must be refused."""
        url = self.config.webhook_url
        forged = {
            SIGNATURE_HEADER: _FORGED_SIGNATURE,
            TIMESTAMP_HEADER: str(int(self.wall())),
        }
        statuses = []
        for headers in ({}, forged):
            status = await self._request("POST", url, headers)
            if isinstance(status, Unavailable):
                return status
            statuses.append(status)
        return WebhookProbe(unsigned=statuses[0], forged=statuses[1])

    async def media(self) -> int | Unavailable:
        """Ask for a media socket with a token that no call has."""
        url = self.config.media_url("doctor").replace("ws", "http", 1)
        return await self._request("GET", url, _UPGRADE)

    async def _request(self, method: str, url: str, headers: dict[str, str]) -> int | Unavailable:
        """Return the status. Certificates are not checked: `certificate` tells of them."""
        with trio.move_on_after(self.limit_s):
            try:
                async with (
                    httpx.AsyncClient(
                        verify=False,  # only what anybody may know is sent
                        timeout=None,  # the scope around has a deadline
                        trust_env=False,
                        transport=self.transport,
                    ) as http,
                    http.stream(method, url, headers=headers) as reply,
                ):
                    return reply.status_code
            except httpx.HTTPError as error:
                return Unavailable(reason=reason_of(error))
        return self._late()

    @property
    def _url(self) -> SplitResult:
        return urlsplit(self.config.server.base_url)

    @property
    def _port(self) -> int:
        return self._url.port or (443 if self._url.scheme == "https" else 80)

    def _late(self) -> Unavailable:
        return Unavailable(reason=f"no answer within {self.limit_s:g} s")


def _tls_reason(error: BaseException) -> str:
    """Return OpenSSL's own words where there are any; Trio wraps them."""
    cause = error if isinstance(error, OSError) else error.__cause__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return str(cause.verify_message)
    if isinstance(cause, ssl.SSLError):
        return (cause.reason or str(cause)).replace("_", " ").lower()
    return str(cause or error) or type(error).__name__
