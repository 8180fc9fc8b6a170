"""Who calls whom: `[inbound]`, `[lines.NAME]` and `[outbound]` of config.toml."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from voiced.config.table import ProviderConfig, Table
from voiced.config.values import NumberPatterns, PhoneNumber, PhoneNumbers, Spoken

RejectCause = Literal["USER_BUSY", "CALL_REJECTED"]


class InboundConfig(Table):
    """`[inbound]`: which calls are answered; a line may have lists of its own."""

    allow: NumberPatterns = ()
    """Callers who are answered: numbers, or beginnings with a star (`+1312*`); [] = everybody."""
    block: NumberPatterns = ()
    """Callers who are rejected, before `allow` is looked at."""
    blocked: RejectCause = "CALL_REJECTED"
    """What rejected callers are told: busy, or declined."""
    unknown_numbers: Literal["answer", "reject"] = "answer"
    """Calls to a number that no line has: answered by `[agent]`, or rejected."""
    calls_per_second: float = Field(default=0.0, ge=0, le=1000)
    """Calls answered a second, a second's worth of them at once; 0 = no limit, at most 1000."""
    max_lag_ms: int = Field(default=60, ge=0, le=80)
    """No further call while the loop is so late, or would be 85 % busy, 0 to 80 ms; 0 = any."""
    when_full: Literal["busy", "message"] = "busy"
    """Callers beyond one of these, or `[call] max_concurrent`: busy, or `full_message`."""
    full_message: Spoken = "All our lines are busy at the moment. Please call again later. Goodbye."
    """Spoken by Telnyx, then it hangs up; at most 3000 characters."""


class LineConfig(Table):
    """`[lines.NAME]`: one or several of our numbers with an agent of their own."""

    numbers: PhoneNumbers = Field(min_length=1)
    """Called numbers that this line answers, E.164."""
    allow: NumberPatterns | None = None
    """As in `[inbound]`, instead of it."""
    block: NumberPatterns | None = None
    """As in `[inbound]`, instead of it."""
    blocked: RejectCause | None = None
    """As in `[inbound]`, instead of it."""
    agent: ProviderConfig | None = None
    """A whole `[agent]` table; not given = the one of all calls. So are the next two."""
    recognizer: ProviderConfig | None = None
    synthesizer: ProviderConfig | None = None


class TransferConfig(Table):
    """`[transfer]`: callers who are handed to somebody else."""

    ring_s: int = Field(default=30, ge=5, le=600)
    """So long the target may ring, 5 to 600 s; then the caller comes back to the agent."""
    caller_id: PhoneNumber = ""
    """Number shown to the target, E.164; "" = the number that the caller had called."""
    early_media: bool = True
    """The caller hears the target's network ring before the answer."""


AnsweringMachineDetection = Literal[
    "disabled", "premium", "detect", "detect_beep", "detect_words", "greeting_end"
]


class OutboundConfig(Table):
    """`[outbound]`: calls that we place."""

    caller_id: PhoneNumber = ""
    """Number shown to the callee, E.164; it must belong to the account. "" = no outbound calls."""
    ring_timeout_s: int = Field(default=30, ge=5, le=600)
    """So long a phone may ring, 5 to 600 s."""
    calls_per_second: float = Field(default=1.0, gt=0, le=100)
    """Calls are placed at most so fast, more than 0 to 100 a second."""
    answering_machine_detection: AnsweringMachineDetection = "premium"
    """How Telnyx tells people from machines."""
    agent_starts: Literal["at once", "when known"] = "when known"
    """The agent is silent until it is known who answered, or speaks at once."""
    on_machine: Literal["hang up", "leave message", "carry on"] = "leave message"
    """An answering machine: hang up, leave `voicemail_message`, or let the agent talk to it."""
    voicemail_message: Spoken = ""
    """Left after the beep of an answering machine; "" = hang up. At most 3000 characters."""
    greeting_timeout_s: float = Field(default=35.0, ge=5, le=120)
    """A greeting without beep or end: the message is left after so long, 5 to 120 s."""
