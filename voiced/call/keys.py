"""What names a call on our side."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from voiced.telnyx.client_state import client_state

if TYPE_CHECKING:
    from voiced.ledger.legs import Direction

Via: TypeAlias = Literal["call_control", "texml"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallKeys:
    """What names one call on our side.

    Attributes:
        direction: who began it.
        via: how Telnyx is told what to do: by commands alone, or by a document as well.
        ref: in `client_state`, so that webhooks of legs that we dial or transfer to find their
            call; "" for no leg. Telnyx does not keep it secret.
        token: authorises the call's media socket; a secret.
    """

    direction: Direction
    via: Via = "call_control"
    ref: str
    token: str = field(repr=False)

    @property
    def dialled_state(self) -> str:
        """The `client_state` of the leg of an outgoing call."""
        return client_state("dialled", self.ref)

    @property
    def target_state(self) -> str:
        """The `client_state` of legs that the call is transferred to."""
        return client_state("target", self.ref)
