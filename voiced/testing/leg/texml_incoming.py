"""Incoming calls of a TeXML application: Telnyx fetches a document and carries it out.

`<Connect>` and `<Say>` answer the call and wait, for the end of the stream and of the speech; then
the next verb runs. Where the document ends, the call is hung up.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import trio

from voiced.errors import TelnyxError
from voiced.testing.announcer import Announcement
from voiced.testing.leg.incoming import Incoming
from voiced.testing.legs import Hangup
from voiced.testing.stream import read_request
from voiced.testing.texml.callbacks import FORM, TexmlCallbacks, with_query
from voiced.testing.texml.document import (
    HangupVerb,
    RejectVerb,
    SayVerb,
    StreamVerb,
    TexmlFault,
    parse_document,
)
from voiced.testing.texml.forms import instruction_fetch

if TYPE_CHECKING:
    from voiced.audio.frame import Pcm
    from voiced.testing.account import TexmlApplication
    from voiced.testing.caller import Caller
    from voiced.testing.leg.context import LegContext, LegFacts
    from voiced.testing.leg.phone_leg import PhoneLeg
    from voiced.testing.leg_ledger import Ledger
    from voiced.testing.stream import StreamRequest
    from voiced.testing.texml.document import Verb

FETCH_WITHIN_S = 5.0
"""How long the emulator waits for a document; Telnyx's own limit is not published."""

_HUNG_UP = Hangup(cause="normal_clearing", source="callee")
_REJECTED = Hangup(cause="call_rejected", source="callee", sip_cause="603")
_BUSY = Hangup(cause="user_busy", source="callee", sip_cause="486")
_NO_DOCUMENT = Hangup(cause="unspecified", source="unknown", sip_cause="500")


class TexmlIncoming(Incoming):
    """The origin of a leg that rings a TeXML application."""

    def __init__(self, caller: Caller, application: TexmlApplication) -> None:
        super().__init__(caller)
        self._application = application
        self._callbacks: TexmlCallbacks | None = None

    def events(self, facts: LegFacts) -> TexmlCallbacks:
        """Return where the events of the leg go: to the application's callbacks, as forms."""
        self._callbacks = TexmlCallbacks(self._application, facts)
        return self._callbacks

    async def ring(self, leg: PhoneLeg) -> None:
        """Carry the document out, while the caller takes decisions of its own."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(super().ring, leg)
            await self._follow_document(leg)

    async def _follow_document(self, leg: PhoneLeg) -> None:
        try:
            verbs = await self._fetch(leg.context)
        except (TelnyxError, TexmlFault) as error:
            leg.ledger.violation(f"TeXML: {error}")
            leg.end(_NO_DOCUMENT, "emulator")
            return
        for verb in verbs:
            await self._carry_out(leg, verb)
        leg.end(_HUNG_UP, "agent")

    async def _carry_out(self, leg: PhoneLeg, verb: Verb) -> None:
        await trio.lowlevel.checkpoint()
        match verb:
            case StreamVerb():
                await self._connect(leg, verb)
            case SayVerb(text=text):
                await _say(leg, text)
            case HangupVerb():
                leg.end(_HUNG_UP, "agent")
            case RejectVerb(reason=reason):
                leg.end(_BUSY if reason == "busy" else _REJECTED, "agent")

    async def _connect(self, leg: PhoneLeg, verb: StreamVerb) -> None:
        """Answer the call, open the stream, and wait until it has ended."""
        try:
            request = _stream_request(leg.context, verb)
        except TexmlFault as fault:
            leg.ledger.violation(f"TeXML: {fault}")
            return
        if self._callbacks is not None:
            self._callbacks.watch(verb, lambda: leg.streams.latest_id)
        ended = leg.streams.start(request)
        if leg.answered.is_set():
            leg.state.stream_dialled_again()
        else:
            leg.pick_up()
        await ended.wait()

    async def _fetch(self, context: LegContext) -> tuple[Verb, ...]:
        """Fetch the document and read it. Raises TelnyxError, TexmlFault."""
        deliveries, method = context.services.deliveries, self._application.voice_method.upper()
        form = urlencode(instruction_fetch(context.parties))
        url = self._application.voice_url
        body = form.encode() if method == "POST" else b""
        headers = deliveries.signer.headers(
            body, timestamp=int(deliveries.wall()), content_type=FORM
        )
        await trio.sleep(deliveries.delay_s)
        with trio.move_on_after(FETCH_WITHIN_S):
            answer = await deliveries.network.fetch(
                method, url if body else with_query(url, form), headers, body
            )
            if answer.status != 200:
                raise TexmlFault(f"the document was fetched with status {answer.status}, not 200")
            return parse_document(answer.body, answer.content_type)
        raise TexmlFault(f"no document within {FETCH_WITHIN_S:g} s")


async def _say(leg: PhoneLeg, text: str) -> None:
    """Answer the call, speak, and wait until it has been spoken."""

    async def load() -> Pcm:
        return await leg.context.services.speaker(text)

    if not leg.answered.is_set():
        leg.pick_up()
    told = _Speech(leg.ledger, text)
    leg.announcer.play(Announcement(load=load, told=told))
    await told.over.wait()


class _Speech:
    """Takes how a `Say` goes; TeXML itself is not told."""

    def __init__(self, ledger: Ledger, text: str) -> None:
        self.over = trio.Event()
        self._ledger = ledger
        self._text = text

    def started(self) -> None:
        self._ledger.spoken_texts.append((trio.current_time(), self._text))

    def ended(self, status: str) -> None:
        self.over.set()

    def failed(self, detail: str) -> None:
        self._ledger.violation(f"TeXML: <Say>: {detail}")
        self.over.set()


def _stream_request(context: LegContext, verb: StreamVerb) -> StreamRequest:
    """Return the stream that the attributes ask for. Raises TexmlFault."""
    body = {
        "stream_url": verb.url,
        "stream_track": verb.track,
        # Telnyx's page: only PCMU and PCMA are made into each other; else it is the call's own.
        "stream_codec": verb.codec if verb.codec in ("PCMU", "PCMA") else "default",
        "stream_bidirectional_mode": verb.bidirectional_mode,
        "stream_bidirectional_codec": verb.bidirectional_codec,
        "stream_bidirectional_sampling_rate": verb.bidirectional_rate_hz,
        "custom_parameters": [{"name": n, "value": v} for n, v in verb.parameters.items()],
    }
    try:
        request = read_request(body, leg_codec=context.rules.codec, faults=context.faults)
    except ValueError as error:
        raise TexmlFault(str(error)) from None
    return replace(request, reconnects=verb.reconnects)
