"""What is done to a leg that is there: answer, refuse, end, join, refer."""

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, TypeAlias

from voiced.telnyx.commands.base import LegCommand, sent_as
from voiced.telnyx.commands.limits import Name, SipHeaders, SipUri, Url, require
from voiced.telnyx.commands.recording import RecordOptions
from voiced.telnyx.commands.stream import StreamOptions
from voiced.telnyx.ids import CallControlId

MuteDtmf: TypeAlias = Literal["none", "both", "self", "opposite"]
"""Whose keys are not heard by the other leg; webhooks tell them all the same."""

# fmt: off
Ringtone: TypeAlias = Literal[
    "at", "au", "be", "bg", "br", "ch", "cl", "cn", "cz", "de", "dk", "ee", "es", "fi", "fr", "gr",
    "hu", "il", "in", "it", "jp", "lt", "mx", "my", "nl", "no", "nz", "ph", "pl", "pt", "ru", "se",
    "sg", "th", "tw", "uk", "us-old", "us", "ve", "za",
]
# fmt: on


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(LegCommand):
    """Answer an incoming leg, with its media stream if `stream` is given.

    `send_silence_when_idle` makes Telnyx send silence while we send nothing: some carriers drop a
    leg that is without packets.
    """

    action: ClassVar[str] = "answer"

    stream: StreamOptions | None = None
    record: RecordOptions | None = None
    send_silence_when_idle: bool | None = None
    webhook_url: Url | None = None
    custom_headers: SipHeaders | None = field(default=None, repr=False)
    sip_headers: SipHeaders | None = field(default=None, repr=False)
    billing_group_id: str | None = None

    def _check(self) -> None:
        check_sip_headers(self.sip_headers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject(LegCommand):
    """Refuse an incoming leg that was not answered."""

    action: ClassVar[str] = "reject"

    cause: Literal["CALL_REJECTED", "USER_BUSY"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hangup(LegCommand):
    """End a leg. That it has ended already (90018) counts as done."""

    action: ClassVar[str] = "hangup"

    custom_headers: SipHeaders | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bridge(LegCommand):
    """Join this leg to the leg `other`; both tell by `CallBridged`.

    Without `park_after_unbridge` this leg ends when the other does. With `play_ringtone` it hears
    ringing while the other is not answered yet.
    """

    action: ClassVar[str] = "bridge"

    other: CallControlId = field(metadata=sent_as("call_control_id"))
    park_after_unbridge: Literal["self"] | None = None
    hold_after_unbridge: bool | None = None
    prevent_double_bridge: bool | None = None
    play_ringtone: bool | None = None
    ringtone: Ringtone | None = None
    mute_dtmf: MuteDtmf | None = None
    record: RecordOptions | None = None

    def _check(self) -> None:
        require(bool(self.other), "call_control_id: is empty")
        require(self.other != self.call_control_id, "call_control_id: a leg cannot join itself")


@dataclass(frozen=True, slots=True, kw_only=True)
class Refer(LegCommand):
    """Ask the other end to call `sip_address` itself and leave us (SIP REFER).

    `ReferStarted`, then `ReferCompleted` or `ReferFailed` tell how it went. The number's connection
    must allow it (code D42, SIP 405, otherwise).
    """

    action: ClassVar[str] = "refer"

    sip_address: SipUri = field(repr=False)
    sip_auth_username: Name | None = field(default=None, repr=False)
    sip_auth_password: Name | None = field(default=None, repr=False)
    custom_headers: SipHeaders | None = field(default=None, repr=False)
    sip_headers: SipHeaders | None = field(default=None, repr=False)

    def _check(self) -> None:
        check_sip_headers(self.sip_headers)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientStateUpdate(LegCommand):
    """Replace the leg's client state and do nothing else.

    A PUT without `command_id`: sent twice, it does no harm.
    """

    action: ClassVar[str] = "client_state_update"
    method: ClassVar[str] = "PUT"

    def _check(self) -> None:
        require(bool(self.client_state), "client_state: is missing")

    def body(self) -> dict[str, Any]:
        """Return the JSON object to send."""
        return self._given()


def check_sip_headers(headers: SipHeaders | None) -> None:
    """Refuse headers that Telnyx does not pass on; others go into `custom_headers`."""
    for name in headers or ():
        require(name == "User-to-User", f"sip_headers: {name} is not User-to-User, the only one")
