"""A recorded call, held again by the whole daemon, on a virtual clock.

    replayed = replay(read_flight(path), seed=7)
    assert replayed.differences == []

What reached the daemon reaches it again at the same moments: webhooks, media, answers of Telnyx,
and what the providers did. What it does is its own.

`run` puts the parts together, `feed` is Telnyx's side of the wire, `api` answers commands,
`playout` gives marks back, `staff` are the providers as recorded, `live` the real ones; `sound` is
what the caller would have heard, `command` is `voiced replay`.
"""

from voiced.testing.replay.run import Replayed, replay

__all__ = ["Replayed", "replay"]
