"""Connections that have not shown yet whose they are: only so many, and the oldest go first.

Whoever opens connections and says little could otherwise hold as many as the process may have.
Newcomers are never refused, because a proxy makes an attacker and Telnyx the same peer: what is
Telnyx's comes to its point within milliseconds, so the one that has waited longest is the one to
drop.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from contextlib import contextmanager
from ipaddress import IPv6Network
from typing import TYPE_CHECKING

import trio

from voiced.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Iterator

log = get_logger(__name__)

MOST = 1000
MOST_OF_ONE = 500
"""Of one peer: an IPv4 address, or an IPv6 network of 64 bits, which one customer has."""

TOLD_EVERY_S = 60.0


class Guest:
    """A connection, in the crowd until it is known."""

    def __init__(self, crowd: Crowd, peer: str) -> None:
        self.peer = peer
        self.scope = trio.CancelScope()
        self._crowd = crowd

    def leave(self) -> None:
        """Be known: no stranger's connection drops it any more."""
        self._crowd.know(self)


class Crowd:
    """All connections of a listener that are not known yet."""

    def __init__(
        self,
        most: int = MOST,
        most_of_one: int = MOST_OF_ONE,
        most_known: float = math.inf,
    ) -> None:
        """Hold so many, of one peer so many, and of those that are known (theirs go, then)."""
        self._most = most
        self._most_of_one = most_of_one
        self._most_known = most_known
        self._known: OrderedDict[Guest, None] = OrderedDict()
        self._guests: OrderedDict[Guest, None] = OrderedDict()
        self._by_peer: dict[str, OrderedDict[Guest, None]] = {}
        self._tell_at = 0.0

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._guests)

    @contextmanager
    def join(self, address: str) -> Iterator[Guest]:
        """Be in the crowd until the end, or until `Guest.leave`; cancelled when it is too large."""
        guest = Guest(self, peer_of(address))
        own = self._by_peer.setdefault(guest.peer, OrderedDict())
        if len(own) >= self._most_of_one:
            self._drop(next(iter(own)))
        elif len(self._guests) >= self._most:
            self._drop(next(iter(self._guests)))
        self._guests[guest] = None
        self._by_peer.setdefault(guest.peer, own)[guest] = None
        try:
            with guest.scope:
                yield guest
        finally:
            self.forget(guest)

    def know(self, guest: Guest) -> None:
        """Let a connection that is in the crowd out of it: it is known."""
        if guest not in self._guests:
            return
        self.forget(guest)
        if len(self._known) >= self._most_known:
            self._drop(next(iter(self._known)))
        self._known[guest] = None

    def forget(self, guest: Guest) -> None:
        """Take no more note of a connection."""
        self._known.pop(guest, None)
        if guest not in self._guests:
            return
        del self._guests[guest]
        own = self._by_peer[guest.peer]
        del own[guest]
        if not own:
            del self._by_peer[guest.peer]

    def _drop(self, guest: Guest) -> None:
        self.forget(guest)
        guest.scope.cancel()
        now = trio.current_time()
        if now >= self._tell_at:  # or the log would be what fills up
            self._tell_at = now + TOLD_EVERY_S
            log.warning("too many connections: the oldest are dropped")


def peer_of(address: str) -> str:
    """Return as whom an address counts."""
    if ":" not in address or "." in address:  # IPv4, also as IPv6 writes it
        return address.rpartition(":")[2]
    try:
        return str(IPv6Network((address.partition("%")[0], 64), strict=False))
    except ValueError:
        return address
