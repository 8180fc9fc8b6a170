"""Who may lend a call its media socket, and for how long."""

import trio
import trio.testing

from voiced.leg.leg import EndReason
from voiced.media.place import MediaPlace


def a_place():
    ends = []
    return MediaPlace(lambda socket: socket, lambda *told: ends.append(told)), ends


async def test_a_lent_socket_is_let_go_of_when_the_call_is_over(autojump_clock):
    place, ends = a_place()
    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(place.lend, "socket")
            lent = await place.sockets.receive()
            place.close()
    assert lent.socket == "socket"
    assert ends == []


async def test_a_socket_whose_call_has_ended_during_its_handshake_is_let_go_of_at_once(
    autojump_clock,
):
    place, _ = a_place()
    with trio.fail_after(5), place.reserve():
        place.close()
        await place.lend("socket")


async def test_a_socket_that_nobody_has_taken_lets_no_other_wait(autojump_clock):
    place, _ = a_place()
    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(place.lend, "first")
            await trio.testing.wait_all_tasks_blocked()
            await place.lend("second")
            nursery.cancel_scope.cancel()


async def test_a_lender_that_is_cancelled_takes_the_socket_along(autojump_clock):
    place, ends = a_place()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(place.lend, "socket")
        await place.sockets.receive()
        nursery.cancel_scope.cancel()
    assert ends == [(EndReason.MEDIA_LOST, "the web server closed the media socket")]
