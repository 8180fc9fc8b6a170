"""Webhooks as records: what Telnyx tells us of a call, one frozen class for each event.

The input is the raw body of a webhook that `voiced.telnyx.webhook` has verified. Events and keys
that we do not know pass; what we use must be well-formed. Values of enumerations are plain text:
Telnyx may add to them. Telnyx promises neither order nor single delivery: deduplicate on
`webhook_id`, order by `occurred_at`.

Events of what voiced never starts (Telnyx's own agents, conferences, forking, SIPREC, payments) are
`UnknownEvent`.

Source: developers.telnyx.com, "Voice API webhooks" and "Webhook fundamentals"; field names are
Telnyx's where they are kept, but for `from`, which Python has taken.
"""

from __future__ import annotations

from voiced.telnyx.events.base import (
    CallEvent,
    Delivery,
    UnknownEvent,
)
from voiced.telnyx.events.legs import (
    CallAnswered,
    CallBridged,
    CallCost,
    CallDequeued,
    CallEnqueued,
    CallHangup,
    CallHeld,
    CallInitiated,
    CallUnheld,
    CostPart,
    Quality,
    ReferCompleted,
    ReferFailed,
    ReferStarted,
)
from voiced.telnyx.events.machine import (
    MachineDetectionEnded,
    MachineGreetingEnded,
    PremiumDetectionEnded,
    PremiumDetectionStarted,
    PremiumGreetingEnded,
    PremiumScreeningDetected,
)
from voiced.telnyx.events.parse import EVENTS, WebhookEvent, parse_event
from voiced.telnyx.events.recording import (
    RecordingError,
    RecordingSaved,
    RecordingTranscribed,
)
from voiced.telnyx.events.sound import (
    DtmfReceived,
    GatherEnded,
    PlaybackEnded,
    PlaybackStarted,
    SpeakEnded,
    SpeakStarted,
    TranscriptionReceived,
)
from voiced.telnyx.events.streaming import (
    StreamingFailed,
    StreamingStarted,
    StreamingStopped,
)

__all__ = [
    "EVENTS",
    "CallAnswered",
    "CallBridged",
    "CallCost",
    "CallDequeued",
    "CallEnqueued",
    "CallEvent",
    "CallHangup",
    "CallHeld",
    "CallInitiated",
    "CallUnheld",
    "CostPart",
    "Delivery",
    "DtmfReceived",
    "GatherEnded",
    "MachineDetectionEnded",
    "MachineGreetingEnded",
    "PlaybackEnded",
    "PlaybackStarted",
    "PremiumDetectionEnded",
    "PremiumDetectionStarted",
    "PremiumGreetingEnded",
    "PremiumScreeningDetected",
    "Quality",
    "RecordingError",
    "RecordingSaved",
    "RecordingTranscribed",
    "ReferCompleted",
    "ReferFailed",
    "ReferStarted",
    "SpeakEnded",
    "SpeakStarted",
    "StreamingFailed",
    "StreamingStarted",
    "StreamingStopped",
    "TranscriptionReceived",
    "UnknownEvent",
    "WebhookEvent",
    "parse_event",
]
