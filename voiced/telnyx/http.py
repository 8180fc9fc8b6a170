"""Makes the HTTP clients: HTTP/1.1, no proxies from the environment, no cookies, no redirects."""

from __future__ import annotations

import httpx

from voiced.net.http import no_cookies


def http_client(
    api_base: str,
    key: str,
    *,
    attempt_s: float,
    connect_s: float,
    transport: httpx.AsyncBaseTransport | None,
) -> httpx.AsyncClient:
    """Make the client of the REST API.

    Args:
        api_base: its address.
        key: sent with every request.
        attempt_s: limit of each step of a request, in seconds.
        connect_s: limit of connecting, in seconds.
        transport: what to speak through instead of TCP.

    Raises:
        ValueError: `api_base` is no URL.
    """
    try:
        base_url = httpx.URL(api_base)
    except httpx.InvalidURL as error:
        raise ValueError(f"telnyx.api_base {api_base!r} is no URL: {error}") from error
    good_port = base_url.port is None or 0 < base_url.port < 65536
    good_host = base_url.host and "%" not in base_url.host and ".." not in base_url.host
    if base_url.scheme not in ("https", "http") or not good_host or not good_port:
        raise ValueError(f"telnyx.api_base {api_base!r} must be https://<host>/<path>")
    return httpx.AsyncClient(
        base_url=base_url,
        headers={
            "authorization": f"Bearer {key}",
            "accept": "application/json",
            # Answers are small; without compression their size is known while they are read.
            "accept-encoding": "identity",
            "content-type": "application/json",
            "user-agent": "voiced",
        },
        cookies=no_cookies(),
        timeout=httpx.Timeout(attempt_s, connect=connect_s),
        limits=httpx.Limits(max_connections=100, max_keepalive_connections=20),
        follow_redirects=False,
        trust_env=False,
        transport=transport,
    )


def bare_client(
    *, step_s: float, connect_s: float, transport: httpx.AsyncBaseTransport | None
) -> httpx.AsyncClient:
    """Make a client that knows no key, for addresses that carry their own right to be read.

    Args:
        step_s: limit of each step of a request (a piece of the body is one), in seconds.
        connect_s: limit of connecting, in seconds.
        transport: what to speak through instead of TCP.
    """
    return httpx.AsyncClient(
        headers={"accept-encoding": "identity", "user-agent": "voiced"},
        cookies=no_cookies(),
        timeout=httpx.Timeout(step_s, connect=connect_s),
        limits=httpx.Limits(max_connections=10, max_keepalive_connections=0),
        follow_redirects=False,
        trust_env=False,
        transport=transport,
    )
