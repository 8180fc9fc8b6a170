"""Who is dropped when too many connections are open that have not said whose they are."""

import pytest
import trio
import trio.lowlevel

from voiced.public.crowd import Crowd, peer_of


class Visitors:
    """Connections in a crowd; `dropped` says which of them have been."""

    def __init__(self, crowd, nursery):
        self.dropped: list[str] = []
        self._crowd = crowd
        self._nursery = nursery

    async def come(self, *addresses, leaves=False):
        for address in addresses:
            self._nursery.start_soon(self._stay, address, leaves)
            await trio.testing.wait_all_tasks_blocked()

    async def _stay(self, address, leaves):
        with self._crowd.join(address) as guest:
            if leaves:
                guest.leave()
            await trio.Event().wait()
        if guest.scope.cancelled_caught:
            self.dropped.append(address)


async def test_the_oldest_of_the_same_peer_goes_first_then_the_oldest_of_all(autojump_clock):
    crowd = Crowd(most=4, most_of_one=2)
    async with trio.open_nursery() as nursery:
        visitors = Visitors(crowd, nursery)
        await visitors.come("10.0.0.1", "10.0.0.2", "10.0.0.1", "10.0.0.1")
        assert visitors.dropped == ["10.0.0.1"]
        await visitors.come("10.0.0.3", "10.0.0.4")
        assert visitors.dropped == ["10.0.0.1", "10.0.0.2"]
        assert len(crowd) == 4
        nursery.cancel_scope.cancel()
    assert len(crowd) == 0


async def test_who_is_known_is_not_dropped(autojump_clock):
    crowd = Crowd(most=1, most_of_one=1)
    async with trio.open_nursery() as nursery:
        visitors = Visitors(crowd, nursery)
        await visitors.come("10.0.0.1", leaves=True)
        await visitors.come("10.0.0.1", "10.0.0.1", "10.0.0.1")
        assert len(visitors.dropped) == 2
        assert len(crowd) == 1
        nursery.cancel_scope.cancel()


async def test_of_those_that_are_known_the_oldest_goes_when_there_are_too_many(autojump_clock):
    crowd = Crowd(most=1, most_of_one=1, most_known=2)
    async with trio.open_nursery() as nursery:
        visitors = Visitors(crowd, nursery)
        await visitors.come("10.0.0.1", "10.0.0.2", "10.0.0.3", leaves=True)
        assert visitors.dropped == ["10.0.0.1"]
        assert len(crowd) == 0
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("address", "peer"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8:0:0:ffff::1", "2001:db8::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
    ],
)
def test_an_ipv6_network_counts_as_one_peer(address, peer):
    assert peer_of(address) == peer
