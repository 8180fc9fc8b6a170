"""Who has answered a call that we placed; `voiced.telnyx.machine` judges these events.

Any of them may come without `call_control_id`, and in any order.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from voiced.telnyx.events.base import CallEvent
from voiced.telnyx.events.readers import optional, text

if TYPE_CHECKING:
    from voiced.telnyx.events.readers import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineDetectionEnded(CallEvent):
    """Who has answered: `human`, `machine` or `not_sure`."""

    result: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineGreetingEnded(CallEvent):
    """The machine's greeting is over: `beep_detected`, `ended` or `not_sure`."""

    result: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PremiumDetectionStarted(CallEvent):
    """Premium detection listens. Known from Telnyx's SDK only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PremiumScreeningDetected(CallEvent):
    """A call screener asks who is calling (`screening`). Known from Telnyx's SDK only."""

    result: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PremiumDetectionEnded(CallEvent):
    """`human_residence`, `human_business`, `machine`, `silence`, `fax_detected` or `not_sure`."""

    result: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PremiumGreetingEnded(CallEvent):
    """`beep_detected` (may come before the detection, or instead of it) or `no_beep_detected`."""

    result: str


_RESULT = {"result": text("result")}

EVENTS: Table = MappingProxyType(
    {
        "call.machine.detection.ended": (MachineDetectionEnded, _RESULT),
        "call.machine.greeting.ended": (MachineGreetingEnded, _RESULT),
        "call.machine.premium.detection.started": (PremiumDetectionStarted, {}),
        "call.machine.premium.call_screening.detected": (
            PremiumScreeningDetected,
            {"result": optional("result", "screening")},
        ),
        "call.machine.premium.detection.ended": (PremiumDetectionEnded, _RESULT),
        "call.machine.premium.greeting.ended": (PremiumGreetingEnded, _RESULT),
    }
)
