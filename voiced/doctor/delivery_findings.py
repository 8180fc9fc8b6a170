"""Judges the webhooks that Telnyx could not deliver lately, by their error codes: pure.

Source: Telnyx's list of API error codes, 75000 to 75599, and `GET /webhook_deliveries`.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from voiced.doctor.facts import Unavailable
from voiced.doctor.finding import Finding, fine, unknown, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from voiced.config import Config
    from voiced.doctor.facts import FailedDelivery

LOOKED_BACK_S = 24 * 3600
"""Seconds: older failures tell nothing about today."""

_NO_CODE = "75000"
_MEANINGS = {
    "75000": ("it failed for a reason that Telnyx does not tell", "see whether it goes on"),
    "75001": (
        "the host name could not be resolved",
        "publish the name of server.public_url in DNS",
    ),
    "75002": (
        "the host could not be connected to",
        "open the port in the firewall, and see that proxy and daemon run",
    ),
    "75003": (
        "the certificate is misconfigured",
        "serve the whole chain: certificate and intermediates, in this order",
    ),
    "75004": ("the certificate has expired", "renew it, and let the proxy load it"),
    "75005": (
        "the certificate is for another name",
        "get one for the host of server.public_url",
    ),
    "75006": (
        "the certificate's root is not trusted",
        "use a certificate of a public authority, no self-signed one",
    ),
    "75299": (
        "the answer was 2xx but not 200, so not voiced's",
        "let the proxy pass /telnyx/ to voiced",
    ),
    "75300": (
        "the answer was a redirect",
        "set the application's webhook URL to where it leads, https included",
    ),
    "75400": (
        "the answer was 400: a webhook that voiced could not read",
        "see voiced's log for the reason",
    ),
    "75404": (
        "the answer was 404: nothing is at this path",
        "let the proxy pass /telnyx/ to voiced, and compare the application's webhook URL",
    ),
    "75499": (
        "the answer was 4xx: 401 and 403 are voiced's, for a signature that does not fit",
        "compare public key and clock (above), and let the proxy leave the body as it is",
    ),
    "75500": ("the answer was 500", "see the logs of proxy and voiced"),
    "75599": (
        "the answer was 5xx: a proxy that does not reach voiced",
        "see whether voiced runs, and whether the proxy's upstream is server.bind",
    ),
}


def delivery_findings(
    config: Config, failed: tuple[FailedDelivery, ...] | Unavailable | None, now: float
) -> Iterator[Finding]:
    """Yield what went wrong with webhooks to our URL in the last day; one finding for each cause.

    What failed may have been put right since, so that these are warnings only.
    """
    check = "deliveries"
    if failed is None:
        return
    if isinstance(failed, Unavailable):
        yield unknown(check, f"past deliveries of webhooks were not looked at: {failed.reason}")
        return
    ours = [delivery for delivery in failed if config.webhook_url in delivery.urls]
    if not ours:
        yield fine(check, "no webhook to this URL has failed in the last 24 hours")
        return
    causes = Counter(_cause(delivery) for delivery in ours)
    for code, count in causes.most_common():
        meaning, remedy = _MEANINGS.get(code, (f"Telnyx says {code}", "see Telnyx's error codes"))
        lately = max((d.at for d in ours if d.at is not None and _cause(d) == code), default=None)
        when = "" if lately is None else f", the last one {_ago(now - lately)} ago"
        many = "1 webhook was" if count == 1 else f"{count} webhooks were"
        text = f"{many} not delivered in the last 24 hours{when}: {meaning} ({code})"
        yield warning(check, text, remedy)


def _cause(delivery: FailedDelivery) -> str:
    """Return the code of the last attempt that had one."""
    return next(iter(delivery.codes), _NO_CODE)


def _ago(seconds: float) -> str:
    minutes = max(0, round(seconds / 60))
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} hours"
