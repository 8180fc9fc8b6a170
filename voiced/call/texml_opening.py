"""From the fetch to streaming: a TeXML call is answered by a document, and then waited for.

Telnyx fetches the document, answers the call, and connects the media socket that the document
names; when the socket is lost, Telnyx dials it again by itself (`enableReconnect`). When the stream
has ended, the document runs on, to its `<Hangup/>`.

A fetch by GET is signed by nobody. Whoever has sent one could also play the caller on the media
socket: so such a call gets no media before Telnyx itself has confirmed it, by a signed callback or
by its API.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from voiced.call.opening import start_media
from voiced.errors import CommandFailed, MediaStreamClosed
from voiced.leg.leg import EndReason, LegEvent
from voiced.log import get_logger
from voiced.telnyx.media_messages import MediaFormat
from voiced.telnyx.queries import RetrieveCall
from voiced.telnyx.texml import (
    TexmlSpeech,
    TexmlStream,
    render_hangup,
    render_reject,
    render_say,
    render_stream,
)

if TYPE_CHECKING:
    from voiced.config import CallConfig, Config, MediaConfig
    from voiced.config.values import MediaCodec
    from voiced.leg.leg import Leg
    from voiced.services.services import CallFace, LentSocket, Media, Services
    from voiced.switchboard.admission import Refuse
    from voiced.telnyx.events import WebhookEvent
    from voiced.telnyx.texml.document import TexmlCodec
    from voiced.telnyx_recording import LegRecording

log = get_logger(__name__)

DOCUMENT_LIMIT_S = 2.0
"""For the call to be written down before its document is handed out; a bad disk takes less."""

RECORDING_LIMIT_S = 2.0
"""For Telnyx's recording to begin before the agent speaks."""

NORMAL = 1000
"""The code of a socket that was closed on purpose."""

_STREAM_NAME = "voiced"


def texml_format(media: MediaConfig) -> MediaFormat:
    """Return how we encode for a TeXML stream, as `stream_document` declares it."""
    if media.bidirectional_codec == "L16":
        return MediaFormat()
    return MediaFormat(encoding=media.bidirectional_codec, sample_rate=media.sample_rate)


def _texml_codec(codec: MediaCodec) -> TexmlCodec:
    return "PCMU" if codec == "L16" else codec  # TeXML knows no L16


def stream_document(config: Config, *, token: str, ref: str) -> str:
    """Return the document that connects a call to the media socket that `token` authorises.

    `ref`, our own name for the call, comes back in `start.custom_parameters`.
    """
    media, recording = config.media, config.recording
    first = None
    if recording.telnyx == "from_answer" and recording.consent:
        first = TexmlSpeech(text=recording.consent, voice=recording.consent_voice)
    return render_stream(
        TexmlStream(
            url=config.media_url(token),
            codec=_texml_codec(media.codec),
            bidirectional_codec=_texml_codec(media.bidirectional_codec),
            bidirectional_sampling_rate=16000 if texml_format(media).sample_rate == 16000 else 8000,
            name=_STREAM_NAME,
            status_callback=config.texml_status_url,
            enable_reconnect=media.reconnect_s > 0,
            parameters={"ref": ref},
        ),
        first=first,
    )


def refusal_document(refusal: Refuse, call: CallConfig) -> str:
    """Return the document that turns a caller away."""
    if refusal.message:
        return render_say(TexmlSpeech(text=refusal.message, voice=call.apology_voice))
    return render_reject("busy" if refusal.cause == "USER_BUSY" else "rejected")


class TexmlOpening:
    """One TeXML call's document and its media. Fits `voiced.call.opening.Opening`."""

    def __init__(
        self,
        document: str,
        leg: Leg,
        services: Services,
        call: CallFace,
        recording: LegRecording,
        *,
        is_confirmed: bool,
    ) -> None:
        """Answer with `document`; `is_confirmed`: its fetch was signed."""
        self._document = document
        self._leg = leg
        self._telnyx = services.telnyx
        self._config = services.config
        self._outbound = texml_format(services.config.media)
        self._call = call
        self._recording = recording
        self._handed_out = trio.Event()
        self._confirmed = trio.Event()
        self._is_doubtful = not is_confirmed
        if is_confirmed:
            self._confirmed.set()

    @property
    def is_doubtful(self) -> bool:
        """Whether the call was begun by an unsigned fetch, and has not come to its media yet."""
        return self._is_doubtful

    def hand_out(self) -> None:
        """Let Telnyx have the document: the call is written down, or needs not be."""
        self._leg.apply(LegEvent.ANSWER_SENT)
        self._handed_out.set()

    async def document(self) -> str:
        """Return what each fetch of this call gets, once the call has been written down."""
        with trio.move_on_after(DOCUMENT_LIMIT_S):
            await self._handed_out.wait()
            return self._document
        return render_hangup()  # it ended before it began

    def webhook(self, event: WebhookEvent) -> None:
        """Take note of a callback, which was signed: Telnyx knows this call."""
        del event
        self._confirmed.set()

    async def run(self, sockets: trio.MemoryReceiveChannel[LentSocket]) -> Media | None:
        """Hand out the document and return the media stream; None when the call was ended."""
        self.hand_out()
        limit_s = self._config.call.answer_timeout_s + self._recording.consent_limit_s
        media = None
        with trio.move_on_after(limit_s):
            await self._confirm()
            media = await self._first_media(sockets)
        if media is None:
            self._end_without_media(limit_s)
            return None
        self._is_doubtful = False
        with trio.move_on_after(RECORDING_LIMIT_S):
            await self._recording.begin()
        return media

    def _end_without_media(self, limit_s: float) -> None:
        if self._confirmed.is_set():
            evidence = f"no media stream within {limit_s:g} s of the document"
            self._call.end(EndReason.NO_MEDIA, evidence)
        else:
            evidence = f"begun by an unsigned GET, and not confirmed by Telnyx within {limit_s:g} s"
            self._call.end(EndReason.NOT_ANSWERED, evidence)

    async def restart(self, sockets: trio.MemoryReceiveChannel[LentSocket]) -> Media:
        """Return the stream for which Telnyx has dialled our socket again."""
        return await self._started(await sockets.receive())

    async def _confirm(self) -> None:
        """Wait until it is known that the call is Telnyx's."""
        if self._confirmed.is_set():
            return
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._ask_telnyx, name="confirm call")
            await self._confirmed.wait()
            nursery.cancel_scope.cancel()

    async def _ask_telnyx(self) -> None:
        assert self._leg.id is not None
        try:
            status = await self._telnyx.ask(RetrieveCall(call_control_id=self._leg.id))
        except CommandFailed as failed:  # a callback may still confirm it
            log.warning("unsigned call not confirmed", status=failed.status, code=failed.code)
        else:
            if not status.has_ended:
                self._confirmed.set()

    async def _first_media(self, sockets: trio.MemoryReceiveChannel[LentSocket]) -> Media:
        """Wait for a stream that starts: a socket that breaks before is dialled again."""
        while True:
            lent = await sockets.receive()
            try:
                return await self._started(lent)
            except MediaStreamClosed as closed:
                lent.release()
                if closed.code == NORMAL or not self._config.media.reconnect_s:
                    raise

    async def _started(self, lent: LentSocket) -> Media:
        return await start_media(lent, self._outbound, self._leg, self._call)
