"""What a daemon holds is found by looking."""

import trio

from voiced.telnyx.ids import WebhookId
from voiced.telnyx.webhook import Deduplicator
from voiced.testing.inventory import count_entries, live_tasks


class Holder:
    """Something of ours that holds something."""

    def __init__(self, *parts):
        self.parts = [*parts]
        self.channel: object = None


Holder.__module__ = "voiced.holder"


def test_entries_of_every_table_are_counted():
    seen = Deduplicator()
    for name in "abc":
        seen.seen(WebhookId(name), 0.0)
    assert count_entries(seen) == {"Deduplicator._first_seen": 3}


def test_tables_of_the_parts_are_found_and_added_up_and_a_cycle_does_no_harm():
    parts = [Deduplicator(), Deduplicator()]
    whole = Holder(*parts)
    whole.parts.append(whole)
    for part in parts:
        part.seen(WebhookId("a"), 0.0)
    counted = count_entries(whole)
    assert counted["Deduplicator._first_seen"] == 2
    assert counted["Holder.parts"] == 3


def test_what_waits_in_a_channel_is_counted():
    send, receive = trio.open_memory_channel[int](5)
    holder = Holder()
    holder.channel = receive
    send.send_nowait(1)
    assert count_entries(holder)["Holder.channel"] == 1


async def test_tasks_are_counted_by_name():
    before = live_tasks()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.sleep_forever, name="sleeper")
        assert live_tasks() - before == {"sleeper": 1}
        nursery.cancel_scope.cancel()
