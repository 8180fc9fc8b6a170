"""What others are told of calls by webhooks of ours: written down first, told until it is taken.

One outbox for all: the post-call webhook (`[post_call]`), and what came of a call that was ordered
with a `webhook`.
"""

from voiced.outbox.letters import Letter
from voiced.outbox.outbox import OUTBOX_FILE, Outbox, open_outbox

__all__ = ["OUTBOX_FILE", "Letter", "Outbox", "open_outbox"]
