"""Judges how the public URL looks from this machine: pure, facts and configuration in.

Nobody here can ask from outside. What can be known: the name, the certificate, and whether the
answers behind the URL are voiced's own.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from voiced.address import url_host_is_loopback
from voiced.config import MEDIA_PATH, WEBHOOK_PATH
from voiced.doctor.facts import Unavailable, WebhookProbe
from voiced.doctor.finding import Finding, fine, problem, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from voiced.config import Config
    from voiced.doctor.facts import Certificate, PublicFacts

_DAY_S = 24 * 3600
_EXPIRES_SOON_DAYS = 14
_FROM_HERE = (
    "see that proxy and daemon run; if this machine cannot reach its own public address, run"
    " voiced doctor from another one"
)


def public_findings(config: Config, facts: PublicFacts, now: float) -> Iterator[Finding]:
    """Yield what is to be said of `server.public_url`."""
    yield _url(config)
    yield from _addresses(config, facts.addresses)
    yield from _certificate(facts.certificate, now)
    yield from _webhook(config, facts.webhook)
    yield from _media(facts.media)


def _url(config: Config) -> Finding:
    check = "public_url"
    url = config.server.base_url
    if url_host_is_loopback(url):
        return problem(
            check,
            f"Telnyx cannot reach {url}: that is this machine to everybody",
            "set server.public_url to the https URL of your proxy",
        )
    if urlsplit(url).scheme == "http":
        return warning(
            check,
            f"webhooks and callers' voices travel to {url} unencrypted",
            "serve https, by a proxy or by server.tls_certificate",
        )
    return fine(check, f"Telnyx is to reach this daemon at {url}")


def _addresses(
    config: Config, addresses: tuple[str, ...] | Unavailable | None
) -> Iterator[Finding]:
    check = "dns"
    host = urlsplit(config.server.base_url).hostname or ""
    if addresses is None:
        return
    if isinstance(addresses, Unavailable):
        remedy = "publish the name in DNS, or correct server.public_url"
        yield problem(check, f"{host} cannot be resolved: {addresses.reason}", remedy)
        return
    private = [address for address in addresses if not ip_address(address).is_global]
    if not private:
        yield fine(check, f"{host} is {', '.join(addresses)}")
    elif not url_host_is_loopback(config.server.base_url):
        yield warning(
            check,
            f"{host} is {', '.join(private)}, which only your own network reaches",
            "see that public DNS names a public address, which Telnyx can reach",
        )


def _certificate(certificate: Certificate | Unavailable | None, now: float) -> Iterator[Finding]:
    check = "tls"
    if certificate is None:
        return
    if isinstance(certificate, Unavailable):
        yield problem(check, f"TLS fails: {certificate.reason}", _tls_remedy(certificate.reason))
        return
    days = (certificate.expires_at - now) / _DAY_S
    if days < _EXPIRES_SOON_DAYS:
        yield warning(
            check,
            f"the certificate expires in {max(0, days):.0f} days",
            "renew it, and see why that does not happen by itself",
        )
    else:
        yield fine(check, f"the certificate is trusted, for {days:.0f} days more")


def _tls_remedy(reason: str) -> str:
    """Return what to do about a refusal in OpenSSL's words."""
    if "expired" in reason:
        return "renew the certificate, and let the proxy load it"
    if "self" in reason and "signed" in reason:
        return "use a certificate of a public authority, such as Let's Encrypt"
    if "issuer" in reason:
        return "serve the whole chain: certificate and intermediates, of a public authority"
    if "mismatch" in reason:
        return "get a certificate for the host of server.public_url"
    return _FROM_HERE


def _webhook(config: Config, probe: WebhookProbe | Unavailable | None) -> Iterator[Finding]:
    check = "webhook"
    match probe:
        case None:
            return
        case Unavailable(reason=reason):
            yield problem(check, f"{WEBHOOK_PATH} does not answer: {reason}", _FROM_HERE)
        case WebhookProbe(unsigned=401, forged=403):
            yield fine(check, "voiced answers there, and refuses webhooks that are not Telnyx's")
        case WebhookProbe(unsigned=403, forged=403) if not config.telnyx.public_key:
            yield fine(check, "voiced answers there, and refuses every webhook (no public key)")
        case WebhookProbe(forged=200 | 400):
            yield problem(
                check,
                "what answers there does not check signatures: anybody can make calls up",
                "set telnyx.public_key and server.insecure = false, and restart voiced",
            )
        case WebhookProbe(forged=status):
            text, remedy = _stranger(status, WEBHOOK_PATH)
            yield problem(check, text, remedy)


def _media(status: int | Unavailable | None) -> Iterator[Finding]:
    check = "media"
    match status:
        case None:
            return
        case Unavailable(reason=reason):
            yield problem(check, f"{MEDIA_PATH} does not answer: {reason}", _FROM_HERE)
        case 403:
            yield fine(check, "WebSocket upgrades reach voiced's media path")
        case 426:
            yield problem(
                check,
                "the proxy drops the WebSocket upgrade: callers will hear nothing",
                "let it pass the headers Upgrade and Connection, with HTTP/1.1 (nginx:"
                " proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade;"
                ' proxy_set_header Connection "upgrade")',
            )
        case int():
            text, remedy = _stranger(status, MEDIA_PATH)
            yield problem(check, text, remedy)


def _stranger(status: int, path: str) -> tuple[str, str]:
    """Return what it means, and what to do, when something else than voiced answers at `path`."""
    said = f"{path} answers {status}"
    if status in (502, 503, 504):
        return (
            f"{said}: a proxy that does not reach voiced",
            "start voiced, and let the proxy's upstream be server.bind",
        )
    if 300 <= status < 400:
        return (
            f"{said}: a redirect, which Telnyx may not follow",
            "set server.public_url to where it leads, or let the proxy pass it without",
        )
    if status == 404:
        return (
            f"{said}: the proxy sends it elsewhere",
            "let the proxy pass /telnyx/ to server.bind, its path unchanged",
        )
    return (
        f"{said}, which is not voiced's answer",
        "let the proxy pass /telnyx/ to server.bind, without a login, rule or cache of its own",
    )
