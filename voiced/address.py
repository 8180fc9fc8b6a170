"""Where we listen and what others call: bind addresses and URLs as they stand in the configuration.

Pure text work; nothing is resolved and nothing is opened. Every function raises `ValueError` with a
reason that a user can act on; the configuration report adds key and value.
"""

from __future__ import annotations

import re
from ipaddress import IPv6Address, ip_address
from typing import NamedTuple
from urllib.parse import urlsplit

_LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST_NAME = re.compile(rf"{_LABEL}(\.{_LABEL}){{0,126}}")
_DOTTED_NUMBERS = re.compile(r"[0-9.]+")
_MAX_PORT = 65535


class Bind(NamedTuple):
    """A listening address, ready for `socket.bind`.

    `host` "" means every interface, `port` 0 any free port.
    """

    host: str
    port: int

    def __str__(self) -> str:
        """Return the form that `parse_bind` reads."""
        return f"{_in_brackets(self.host)}:{self.port}"

    @property
    def is_wildcard(self) -> bool:
        """Whether it listens on every interface."""
        return self.host == "" or (_is_ip(self.host) and ip_address(self.host).is_unspecified)

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        if self.host.lower() == "localhost":
            return True
        return _is_ip(self.host) and ip_address(self.host).is_loopback

    @property
    def reachable(self) -> str:
        """`host:port` for a client on this machine: loopback stands in for a wildcard."""
        if not self.is_wildcard:
            return str(self)
        return f"{'[::1]' if self.host == '::' else '127.0.0.1'}:{self.port}"

    def overlaps(self, other: Bind) -> bool:
        """Whether both cannot listen at the same time."""
        if self.port == 0 or self.port != other.port:
            return False
        return self.host == other.host or self.is_wildcard or other.is_wildcard


def parse_bind(text: str) -> Bind:
    """Read `host:port`, `[::1]:8080` or `:8080` (every interface).

    Raises:
        ValueError: it is none of these; the text says why.
    """
    host, colon, port_text = text.rpartition(":")
    if not colon:
        raise ValueError("needs a port, as in 127.0.0.1:8080")
    if not (port_text.isascii() and port_text.isdigit()) or len(port_text) > len(str(_MAX_PORT)):
        raise ValueError("the port after the last colon must be a number from 0 to 65535")
    port = int(port_text)
    if port > _MAX_PORT:
        raise ValueError("the port must be from 0 to 65535")
    return Bind(host=_parse_host(host), port=port)


def is_loopback(bind: str) -> bool:
    """Return whether the bind address `bind` can be reached from this machine only.

    Raises:
        ValueError: `bind` is not an address.
    """
    return parse_bind(bind).is_loopback


def parse_url(text: str, *, schemes: tuple[str, ...]) -> str:
    """Check a base URL and return it without its trailing slash.

    Args:
        text: scheme, host, and perhaps port and path; "" stays "".
        schemes: those allowed, in lower case.

    Raises:
        ValueError: it is not such a URL. The text never repeats a password.
    """
    if not text:
        return ""
    if re.search(r"\s", text) or not text.isprintable():
        raise ValueError("must not contain spaces or control characters")
    parts = urlsplit(text)
    try:
        _ = parts.port
    except ValueError:  # its text would repeat what may be half a password
        raise ValueError("the port must be a number from 0 to 65535") from None
    if parts.scheme not in schemes:
        raise ValueError(f"must begin with {' or '.join(f'{scheme}://' for scheme in schemes)}")
    if not parts.hostname:
        raise ValueError("names no host")
    if not _is_ip(parts.hostname) and not _HOST_NAME.fullmatch(parts.hostname.removesuffix(".")):
        raise ValueError("the host must be an address or a host name")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not carry a user name or password")
    if "?" in text or "#" in text:
        raise ValueError("must not have a query (?) or a fragment (#)")
    return f"{parts.scheme}{text[len(parts.scheme) :]}".rstrip("/")


def url_host_is_loopback(url: str) -> bool:
    """Return whether the host of `url` (checked by `parse_url`) is this machine."""
    return Bind(urlsplit(url).hostname or "", 0).is_loopback


def _parse_host(host: str) -> str:
    if host == "":
        return ""
    if host.startswith("[") and host.endswith("]"):
        if not _is_ip(host[1:-1]) or not isinstance(ip_address(host[1:-1]), IPv6Address):
            raise ValueError("between [ and ] must stand an IPv6 address")
        return host[1:-1]
    if ":" in host:
        raise ValueError("an IPv6 address stands in brackets, as in [::1]:8080")
    if _DOTTED_NUMBERS.fullmatch(host) and not _is_ip(host):
        raise ValueError("is not an IPv4 address: four numbers from 0 to 255")
    if not _HOST_NAME.fullmatch(host):
        raise ValueError("the host before the colon must be an address or a host name")
    return host


def _in_brackets(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _is_ip(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
