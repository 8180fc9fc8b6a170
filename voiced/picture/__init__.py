"""A picture of a call: who said what when, what of it was heard, and for whom the caller waited.

One piece of code draws it for `voiced explain`, `voiced simulate` and the dashboard:

    record (call.json) ─► of_record ─► Drawing ─► svg ─► text
    audio ─► peaks ────────┘

Pure. `voiced.flight.call_sound` reads the audio that a call has left on the disk.
"""

from voiced.picture.drawing import Band, Drawing, Marker, MarkerKind, Passage, Wait
from voiced.picture.of_record import drawing_of
from voiced.picture.peaks import CallSound, PeakMeter, Peaks, peaks_of
from voiced.picture.style import STYLE
from voiced.picture.svg import picture_svg

__all__ = [
    "STYLE",
    "Band",
    "CallSound",
    "Drawing",
    "Marker",
    "MarkerKind",
    "Passage",
    "PeakMeter",
    "Peaks",
    "Wait",
    "drawing_of",
    "peaks_of",
    "picture_svg",
]
