"""Utterance by utterance: a voice detector, and anything that decodes whole utterances.

    frames -> cutter (voice detector, endpointer) -> utterances -> decoder -> finals
                                                  -> pauses ----> decoder -> partials

The detector runs inline, a tenth of a millisecond per 32 ms of audio. A second task of the call
waits for the decoder, so that frames are read on meanwhile: a caller who goes on speaking is
noticed at once. What was said before a pause is decoded then, so that whoever waits for the end of
the turn has the words already; if nothing follows, they are the final ones, and nothing is decoded
twice.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol, assert_never

import structlog
import trio

from voiced.errors import RecognizerFailed
from voiced.recognizer.base import Final, Partial, SpeechEnded, SpeechResumed, SpeechStarted
from voiced.recognizer.endpoint import Resumed, Started
from voiced.recognizer.utterance import CutSettings, SoFar, Utterance, UtteranceCutter
from voiced.recognizer.worker_wire import Transcript

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from voiced.audio.frame import Frame, Pcm
    from voiced.recognizer.base import SpeechEvent, Vocabulary
    from voiced.recognizer.endpoint import EndpointSettings
    from voiced.recognizer.silero import Network
    from voiced.recognizer.utterance import Cut

log = structlog.get_logger(__name__)

MAX_BACKLOG = 8
"""Utterances of one call waiting to be decoded: each takes a caller 0.7 s at the least."""

FAILURES_TOLERATED = 2
"""In a row. A lost utterance is a `Final` without words; after more the call cannot go on."""

_NOTHING = Transcript(text="", confidence=0.0)


class Decoder(Protocol):
    """Turns whole utterances into words."""

    async def decode(self, pcm: Pcm, vocabulary: Vocabulary) -> Transcript:
        """Return the words of one utterance, int16 at 8 kHz. Raises RecognizerFailed."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class HearingRules:
    """How one call is heard.

    Attributes:
        provider: whose failures are told.
        endpointing: how utterances are cut.
        decode_timeout_s: from the end of an utterance to its words.
        needs_vocabulary: where nothing is expected, nothing can be understood.
    """

    provider: str
    endpointing: EndpointSettings
    decode_timeout_s: float
    needs_vocabulary: bool = False


@dataclass(slots=True, kw_only=True, eq=False)
class _Pause:
    """A pause within an utterance, and what was recognized up to there.

    `is_told`: there was a Partial of it. `is_over`: the caller has gone on.
    """

    so_far: SoFar
    transcript: Transcript | None = None
    is_told: bool = False
    is_over: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Whole:
    """An utterance that has ended, with the pause after which nothing more was said, if any."""

    utterance: Utterance
    pause: _Pause | None


class Hearing:
    """One call's recognition: a task that cuts utterances and one that has them decoded."""

    def __init__(
        self,
        rules: HearingRules,
        decoder: Decoder,
        network: Network,
        events: trio.MemorySendChannel[SpeechEvent],
        vocabulary: Vocabulary,
    ) -> None:
        self._rules = rules
        self._cutter = UtteranceCutter(network, rules.endpointing, CutSettings())
        self._cannot_understand = rules.needs_vocabulary and not vocabulary.sentences
        self._decoder = decoder
        self._events = events
        self._vocabulary = vocabulary
        self._failures = 0  # utterances lost in a row
        self._pause: _Pause | None = None  # in which the caller is now

    async def run(self, frames: trio.MemoryReceiveChannel[Frame]) -> None:
        """Recognize until `frames` ends. Raises RecognizerFailed."""
        to_decode, utterances = trio.open_memory_channel[_Whole | _Pause](MAX_BACKLOG)
        failure: RecognizerFailed | None = None

        async def until_failure(task: Callable[[], Awaitable[None]]) -> None:
            nonlocal failure
            await trio.lowlevel.checkpoint_if_cancelled()
            try:
                await task()
            except RecognizerFailed as failed:
                failure = failed
                nursery.cancel_scope.cancel()
            except trio.BrokenResourceError:  # nobody listens any more; whoever stopped says why
                nursery.cancel_scope.cancel()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(until_failure, partial(self._decode_all, utterances))
            nursery.start_soon(until_failure, partial(self._cut_all, frames, to_decode))
        if failure is not None:
            raise failure

    async def _cut_all(
        self,
        frames: trio.MemoryReceiveChannel[Frame],
        to_decode: trio.MemorySendChannel[_Whole | _Pause],
    ) -> None:
        """Report starts and ends as they are decided; hand utterances on and never wait for them.

        Closes `to_decode`.
        """
        with to_decode:
            async for frame in frames:
                for cut in self._cutter.cut(frame):
                    await self._report(cut, to_decode)

    async def _report(self, cut: Cut, to_decode: trio.MemorySendChannel[_Whole | _Pause]) -> None:
        now = trio.current_time()
        match cut:
            case Started(started_at=voice_at):
                await self._events.send(SpeechStarted(at=now, voice_at=voice_at))
            case SoFar():
                self._pause = _Pause(so_far=cut)
                with suppress(trio.WouldBlock):  # then the final words have to do
                    to_decode.send_nowait(self._pause)
            case Resumed():
                pause, self._pause = self._pause, None
                if pause is not None:
                    pause.is_over = True
                    if pause.is_told:
                        await self._events.send(SpeechResumed(at=now))
            case Utterance(ended=ended):
                pause, self._pause = self._pause, None
                last_voice_at = ended.last_voice_at
                await self._events.send(SpeechEnded(at=now, last_voice_at=last_voice_at))
                whole = _Whole(utterance=cut, pause=pause if ended.paused else None)
                self._hand_on(whole, to_decode)
            case _:
                assert_never(cut)

    async def _decode_all(self, waiting: trio.MemoryReceiveChannel[_Whole | _Pause]) -> None:
        """Send a Final for each utterance, in their order, and Partials. Closes `waiting`."""
        with waiting:
            async for item in waiting:
                if isinstance(item, _Pause):
                    await self._decode_pause(item)
                else:
                    transcript = await self._transcribe(item)
                    await self._events.send(_final(item.utterance, transcript))

    async def _decode_pause(self, pause: _Pause) -> None:
        """Tell what was said before a pause, unless the caller has gone on meanwhile."""
        await trio.lowlevel.checkpoint()
        if pause.is_over or self._cannot_understand:
            return
        with suppress(RecognizerFailed), trio.move_on_after(self._rules.decode_timeout_s):
            pause.transcript = await self._decoder.decode(pause.so_far.pcm, self._vocabulary)
        if pause.transcript is not None and pause is self._pause:
            pause.is_told = True
            await self._events.send(
                Partial(
                    text=pause.transcript.text,
                    confidence=pause.transcript.confidence,
                    last_voice_at=pause.so_far.last_voice_at,
                    last_word=pause.transcript.last_word,
                )
            )

    async def _transcribe(self, whole: _Whole) -> Transcript:
        """Return the words of an utterance: those of its last pause, if nothing came after it."""
        if whole.pause is not None and whole.pause.transcript is not None:
            await trio.lowlevel.checkpoint()
            self._failures = 0
            return whole.pause.transcript
        return await self._decode(whole.utterance)

    async def _decode(self, utterance: Utterance) -> Transcript:
        """Return the words, or none where they could not be had; raises when that is too often."""
        await trio.lowlevel.checkpoint()
        if utterance.ended.too_short or self._cannot_understand:
            return _NOTHING
        try:
            with trio.fail_after(self._rules.decode_timeout_s):
                transcript = await self._decoder.decode(utterance.pcm, self._vocabulary)
        except trio.TooSlowError:
            reason = f"no words within {self._rules.decode_timeout_s:g} s"
            return self._lose(RecognizerFailed(self._rules.provider, reason, kind="too_slow"))
        except RecognizerFailed as failed:
            return self._lose(failed)
        self._failures = 0
        return transcript

    def _hand_on(self, whole: _Whole, to_decode: trio.MemorySendChannel[_Whole | _Pause]) -> None:
        try:
            to_decode.send_nowait(whole)
        except trio.WouldBlock:
            reason = f"{MAX_BACKLOG} utterances of this call wait to be decoded"
            raise RecognizerFailed(self._rules.provider, reason, kind="too_slow") from None

    def _lose(self, failed: RecognizerFailed) -> Transcript:
        self._failures += 1
        log.warning("utterance lost", reason=str(failed), failures_in_a_row=self._failures)
        if self._failures > FAILURES_TOLERATED:
            raise failed
        return _NOTHING


def _final(utterance: Utterance, transcript: Transcript) -> Final:
    return Final(
        text=transcript.text,
        confidence=transcript.confidence,
        started_at=utterance.ended.started_at,
        last_voice_at=utterance.ended.last_voice_at,
        last_word=transcript.last_word,
    )
