"""What every part of a leg knows: whose it is, how it goes, and where to tell what happens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from voiced.testing.webhooks import iso_time

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from voiced.audio.frame import Pcm
    from voiced.record.journal import JournalEvent, Observer
    from voiced.testing.callees import Callee, Directory
    from voiced.testing.deliveries import DeliverySettings
    from voiced.testing.faults import Faults
    from voiced.testing.leg.phone_leg import PhoneLeg
    from voiced.testing.leg_ledger import Ledger
    from voiced.testing.legs import Leg
    from voiced.testing.report import CallReport
    from voiced.testing.rules import CallRules, Latencies, Parties, Speaker
    from voiced.testing.telnyx_api.recordings import RecordingsApi


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLeg:
    """An outgoing leg to be made.

    Attributes:
        callee: who is behind the number.
        body: of the command that asks for it, checked; the new leg reads its own keys there.
        session_id: of the session that it joins; "" for one of its own.
        client_state: of the new leg.
        rules, faults: its bounds and its line; what shall go wrong.
        parks: it stays up when the leg that it is bridged with ends.
        on_answer: told once the callee has picked up.
        on_end: told when the leg has ended, answered or not.
        on_report: takes the report when all is over.
    """

    from_: str
    to: str
    callee: Callee
    body: Mapping[str, Any]
    session_id: str = ""
    client_state: str | None = None
    rules: CallRules
    faults: Faults
    parks: bool = False
    on_answer: Callable[[PhoneLeg], None] | None = None
    on_end: Callable[[PhoneLeg], None] | None = None
    on_report: Callable[[CallReport], None] | None = None


class LegMaker(Protocol):
    """Where legs are found and made."""

    @property
    def directory(self) -> Directory:
        """Return who is behind which number."""
        ...

    def find(self, call_control_id: str) -> PhoneLeg | None:
        """Return a live or recent leg."""
        ...

    def place(self, new: NewLeg) -> PhoneLeg:
        """Make an outgoing leg and let it ring."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CallServices:
    """What all calls of an account share. `media` is audio by URL or name, for playback."""

    exchange: LegMaker
    deliveries: DeliverySettings
    speaker: Speaker
    media: Mapping[str, Pcm]
    recordings: RecordingsApi
    observer: Observer
    latencies: Latencies


class EventSink(Protocol):
    """Where the events of a leg go: webhooks for Call Control, form callbacks for TeXML."""

    def send(self, event_type: str, payload: Mapping[str, Any]) -> None:
        """Queue an event that occurs now; never waits."""
        ...

    def send_to(self, url: str) -> None:
        """Send the events from now on to `url`, as a command has asked."""
        ...

    def close(self) -> None:
        """Say that no more events will come."""
        ...

    async def run(self) -> None:
        """Deliver until closed and empty."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LegFacts:
    """What is known of a leg before it rings: enough to say where its events go."""

    parties: Parties
    services: CallServices
    rules: CallRules
    faults: Faults
    ledger: Ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class LegContext:
    """One leg's own things."""

    parties: Parties
    state: Leg
    services: CallServices
    rules: CallRules
    faults: Faults
    ledger: Ledger
    events: EventSink

    @property
    def is_up(self) -> bool:
        """Tell whether the leg has not ended."""
        return self.state.is_up

    def tell(self, event_type: str, **payload: Any) -> None:
        """Send an event with the fields that all events have."""
        parties = self.parties
        common: dict[str, Any] = {
            "call_control_id": parties.call_control_id,
            "call_leg_id": parties.call_leg_id,
            "call_session_id": parties.call_session_id,
            "connection_id": parties.connection_id,
        }
        if self.state.client_state is not None:
            common["client_state"] = self.state.client_state
        self.events.send(event_type, common | payload)

    def tell_people(self, event_type: str, **payload: Any) -> None:
        """Send an event that names the two parties as well."""
        self.tell(event_type, **{"from": self.parties.from_, "to": self.parties.to}, **payload)

    def note(self, event: JournalEvent) -> None:
        """Tell the observer."""
        self.services.observer.note(self.parties.call_control_id, event)

    def wall_time(self) -> str:
        """Return the time as Telnyx writes it."""
        return iso_time(self.services.deliveries.wall())
