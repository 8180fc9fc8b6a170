"""REST commands as values: what is sent to Telnyx.

A command is a frozen record whose field names are Telnyx's own (but for `from_`), so that `body()`
is a plain walk over them; None means "not given". `voiced.telnyx.rest` sends it. Anything that
Telnyx would refuse for its form raises LocalProtocolError when the record is made.

`command_id` depends on the call and on the `purpose` only: sending the same command again, after a
lost answer or a webhook that came twice, repeats the id, and Telnyx does it once. Two commands of
one kind that shall both happen need two purposes.

The modules of this package do not put off the evaluation of annotations (no `from __future__`):
annotations carry the limits of the fields, see `limits`.

Source: Telnyx's OpenAPI document, "Call Control"; developers.telnyx.com, "Sending commands".
"""

from typing import TypeAlias

from voiced.telnyx.commands.base import BaseCommand, LegCommand, Options, command_id
from voiced.telnyx.commands.dialling import (
    Dial,
    LineCodec,
    MachineDetection,
    MachineDetectionConfig,
    Transfer,
)
from voiced.telnyx.commands.keys import (
    Gather,
    GatherStop,
    GatherUsingAudio,
    GatherUsingSpeak,
    SendDtmf,
)
from voiced.telnyx.commands.legs import Answer, Bridge, ClientStateUpdate, Hangup, Refer, Reject
from voiced.telnyx.commands.limits import MAX_AUTH_TOKEN, MAX_SPEAK, MAX_URL
from voiced.telnyx.commands.recording import (
    RecordOptions,
    RecordPause,
    RecordResume,
    RecordStart,
    RecordStop,
)
from voiced.telnyx.commands.sound import (
    NoiseSuppressionConfig,
    PlaybackStart,
    PlaybackStop,
    Speak,
    SuppressionStart,
    SuppressionStop,
)
from voiced.telnyx.commands.stream import (
    Codec,
    Legs,
    SamplingRate,
    StreamCodec,
    StreamingStart,
    StreamingStop,
    StreamOptions,
    Track,
)

Command: TypeAlias = (
    Answer
    | Bridge
    | ClientStateUpdate
    | Dial
    | Gather
    | GatherStop
    | GatherUsingAudio
    | GatherUsingSpeak
    | Hangup
    | PlaybackStart
    | PlaybackStop
    | RecordPause
    | RecordResume
    | RecordStart
    | RecordStop
    | Refer
    | Reject
    | SendDtmf
    | Speak
    | StreamingStart
    | StreamingStop
    | SuppressionStart
    | SuppressionStop
    | Transfer
)

__all__ = [
    "MAX_AUTH_TOKEN",
    "MAX_SPEAK",
    "MAX_URL",
    "Answer",
    "BaseCommand",
    "Bridge",
    "ClientStateUpdate",
    "Codec",
    "Command",
    "Dial",
    "Gather",
    "GatherStop",
    "GatherUsingAudio",
    "GatherUsingSpeak",
    "Hangup",
    "LegCommand",
    "Legs",
    "LineCodec",
    "MachineDetection",
    "MachineDetectionConfig",
    "NoiseSuppressionConfig",
    "Options",
    "PlaybackStart",
    "PlaybackStop",
    "RecordOptions",
    "RecordPause",
    "RecordResume",
    "RecordStart",
    "RecordStop",
    "Refer",
    "Reject",
    "SamplingRate",
    "SendDtmf",
    "Speak",
    "StreamCodec",
    "StreamOptions",
    "StreamingStart",
    "StreamingStop",
    "SuppressionStart",
    "SuppressionStop",
    "Track",
    "Transfer",
    "command_id",
]
