"""Names for the identifiers of the wire, so that a leg's id cannot go where a stream's belongs."""

from __future__ import annotations

from typing import NewType

CallControlId = NewType("CallControlId", str)
"""One call leg, as commands address it (`v3:...`, about 60 characters)."""

CallLegId = NewType("CallLegId", str)
"""The same leg in records and in the few webhooks that leave the call control id out."""

CallSessionId = NewType("CallSessionId", str)
"""The conversation that groups legs: a transfer's two legs share it."""

StreamId = NewType("StreamId", str)
"""One media stream; one media socket carries one."""

WebhookId = NewType("WebhookId", str)
"""One event: a redelivered webhook keeps it, so it is what to deduplicate on."""

CommandId = NewType("CommandId", str)
"""One intention: Telnyx ignores a command whose id it has seen for the same call within 60 s."""
