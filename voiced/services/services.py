"""What a call is given: the services that all calls share, its media socket, and its own face."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, runtime_checkable

from voiced.loop.overload import Lag
from voiced.metrics import Metrics
from voiced.services.flights import NoFlights

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from voiced.agent.base import AudioAgent, DialogueAgent
    from voiced.config import Config
    from voiced.index import CallIndex
    from voiced.ledger import Ledger
    from voiced.leg.leg import EndReason
    from voiced.outbox import Outbox
    from voiced.recognizer.base import Recognizer, Vocabulary
    from voiced.record.journal import JournalEvent, Note, Observer
    from voiced.record.store import RecordStore
    from voiced.services.flights import Flights
    from voiced.synthesizer.base import Synthesizer
    from voiced.telnyx.media import MediaStream
    from voiced.telnyx.media_messages import Started
    from voiced.telnyx.rest import TelnyxClient
    from voiced.telnyx_recording import RecordingFetcher


_T = TypeVar("_T")


@runtime_checkable
class CallBound(Protocol):
    """A provider that has to know for which call it works: a list of providers."""

    def for_call(self, note: Note) -> Any:
        """Return the same provider for one call; `note` takes what happens to it there."""
        ...


@runtime_checkable
class Anticipating(Protocol):
    """A provider that gets ready for a call before it is answered: by opening a connection."""

    def anticipate(self) -> None:
        """Have open what the next call will need, as its connection. Neither waits nor raises.

        A call may not come, or come later: what was opened is closed again after a while.
        """
        ...


@runtime_checkable
class AnticipatingWords(Protocol):
    """A recognizer that gets ready for a call by what its agent expects to hear."""

    def anticipate_words(self, vocabulary: Vocabulary) -> None:
        """Do as `Anticipating.anticipate`."""
        ...


def anticipate(provider: object) -> None:
    """Let a provider get ready for a call, if it can."""
    if isinstance(provider, Anticipating):
        provider.anticipate()


def anticipate_words(recognizer: object, vocabulary: Vocabulary) -> None:
    """Let a recognizer get ready for a call with `vocabulary`, if it can."""
    if isinstance(recognizer, AnticipatingWords):
        recognizer.anticipate_words(vocabulary)
    else:
        anticipate(recognizer)


@dataclass(frozen=True, slots=True, kw_only=True)
class Staff:
    """Who serves a call.

    A dialogue agent comes with a recognizer and a synthesizer; an audio agent needs neither, unless
    a dialogue agent is its `stand_in`, who goes on where it has failed.
    """

    agent: DialogueAgent | AudioAgent
    stand_in: DialogueAgent | None = None
    recognizer: Recognizer | None = None
    synthesizer: Synthesizer | None = None

    def anticipate(self) -> None:
        """Let everybody get ready for a call that will be answered soon, but for stand-ins."""
        anticipate(self.agent)
        if self.stand_in is not None:
            return
        anticipate(self.synthesizer)
        if self.recognizer is not None and (words := getattr(self.agent, "vocabulary", None)):
            anticipate_words(self.recognizer, words)

    def for_call(self, note: Note) -> Staff:
        """Return who serves one call, of which `note` takes what happens to its providers."""
        return Staff(
            agent=_bound(self.agent, note),
            stand_in=_bound(self.stand_in, note),
            recognizer=_bound(self.recognizer, note),
            synthesizer=_bound(self.synthesizer, note),
        )


def _bound(provider: _T, note: Note) -> _T:
    if not isinstance(provider, CallBound):
        return provider
    bound: _T = provider.for_call(note)
    return bound


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What all calls of a daemon share. `staff` is by the name of the line, "" for all others."""

    config: Config
    telnyx: TelnyxClient
    staff: Mapping[str, Staff]
    records: RecordStore
    ledger: Ledger
    fetcher: RecordingFetcher
    observer: Observer
    metrics: Metrics = field(default_factory=Metrics)
    flights: Flights = field(default_factory=NoFlights)
    index: CallIndex | None = None
    """Finds past calls; None without a disk."""
    outbox: Outbox | None = None
    """Tells others of calls; None where nobody is to be told."""
    lag: Lag = field(default_factory=Lag)


class MediaSocket(Protocol):
    """The media WebSocket of one call, whatever engine carries it."""

    async def receive_text(self) -> str:
        """Return the next message; raises MediaStreamClosed, RemoteProtocolError (not text)."""
        ...

    def send_text_nowait(self, text: str) -> bool:
        """Take one message to send; False: not all of it is out, and `flush` must come next."""
        ...

    async def flush(self) -> None:
        """Wait until every message is out; raises MediaStreamClosed."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class LentSocket:
    """A media socket that its endpoint lends to a call until `release`."""

    socket: MediaSocket
    release: Callable[[], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """A media stream of a call, once it has started."""

    lent: LentSocket
    stream: MediaStream
    started: Started


class CallFace(Protocol):
    """What the parts of a call may do to it."""

    def end(self, reason: EndReason, evidence: str) -> None:
        """End the call. The first cause wins; later ones change nothing."""
        ...

    def hung_up(self, evidence: str) -> None:
        """End the call: whoever talked with us has hung up."""
        ...

    def note(self, event: JournalEvent) -> None:
        """Tell record and observer."""
        ...

    async def supervise(self, task: Callable[..., Awaitable[None]], *args: object) -> None:
        """Run a task of the call: its error ends the call, with a reason, and goes no further."""
        ...
