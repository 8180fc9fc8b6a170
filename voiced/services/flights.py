"""What a call does with its flight recorder, and the recorder of those who have none.

The recorder itself is `voiced.flight`. Nothing here waits: a call is never held up by what is
written down about it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from voiced.services.services import MediaSocket, Services, Staff


class CallFlight(Protocol):
    """One call's flight recording."""

    def tap(self, services: Services, staff: Staff) -> tuple[Services, Staff]:
        """Return both with everything that the call hears from them, or asks of them, noted."""
        ...

    def carry(self, socket: MediaSocket) -> MediaSocket:
        """Return the call's new media `socket` with all its messages noted."""
        ...

    def webhook(self, headers: Mapping[str, str], body: bytes, to: str = "") -> None:
        """Note an accepted webhook that concerns the call.

        `to` is where a TeXML request went, as `POST /telnyx/texml`; `body` is a GET's query.
        """
        ...

    def ordered(self, what: str, **told: str) -> None:
        """Note what somebody outside of the call has decided about it: see `entries`, `order`."""
        ...

    def break_off(self, reason: str) -> None:
        """Note no more, for good; the record will say why."""
        ...

    def close(self, record: dict[str, Any]) -> dict[str, Any] | None:
        """End the recording with the call's `record`.

        Returns:
            What the record says of the recording; None when there is none.
        """
        ...


class Flights(Protocol):
    """The flight recordings of a daemon's calls."""

    def begin(self, record: dict[str, Any], token: str) -> CallFlight:
        """Begin the recording of the call that `record` begins to describe.

        `token`, which authorises the call's media socket, is kept out of the recording.
        """
        ...


class NoFlight:
    """A call without a recording."""

    def tap(self, services: Services, staff: Staff) -> tuple[Services, Staff]:
        """Return both as they are."""
        return services, staff

    def carry(self, socket: MediaSocket) -> MediaSocket:
        """Return `socket` itself."""
        return socket

    def webhook(self, headers: Mapping[str, str], body: bytes, to: str = "") -> None:
        """Do nothing."""

    def ordered(self, what: str, **told: str) -> None:
        """Do nothing."""

    def break_off(self, reason: str) -> None:
        """Do nothing."""

    def close(self, record: dict[str, Any]) -> None:
        """Do nothing."""


class NoFlights:
    """The recorder of those who want none."""

    def begin(self, record: dict[str, Any], token: str) -> NoFlight:
        """Begin nothing."""
        del record, token
        return NoFlight()
