"""Whether a recognizer keeps its promises: the conformance kit of `voiced.recognizer.base`.

    @pytest.mark.parametrize("promise", RECOGNIZER_PROMISES, ids=lambda promise: promise.__name__)
    async def test_my_recognizer(promise):
        async with MyRecognizer.open(MySettings()) as recognizer:
            await promise(recognizer, Sample(pcm=..., texts=("hello", "goodbye")))

Each promise raises AssertionError with what was not kept. They run on the virtual clock
(`autojump_clock`) if the recognizer can, else in real time: a minute or so in all.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeAlias

import numpy as np
import trio
import trio.testing

from voiced.audio.frame import LINE_RATE_HZ, PTIME_S, Frame, frame_samples
from voiced.audio.resample import Resampler
from voiced.recognizer.base import (
    Final,
    Partial,
    SpeechEnded,
    SpeechEvent,
    SpeechResumed,
    SpeechStarted,
    Vocabulary,
)
from voiced.testing.promises import promise

if TYPE_CHECKING:
    from voiced.audio.frame import Pcm

FRAMES_AHEAD = 25
"""As a call gives a recognizer: one that lets so many frames wait ends the call."""

ONSET_S = 0.6
"""From the first voice until `SpeechStarted`: later than that a caller cannot interrupt."""

GONE_S = 0.1
"""A call's end leaves nothing behind, so much later."""

PATIENCE_S = 10.0


class Recognizing(Protocol):
    """An open recognizer, as far as a call needs it."""

    rate_hz: int

    async def recognize(
        self,
        frames: trio.MemoryReceiveChannel[Frame],
        events: trio.MemorySendChannel[SpeechEvent],
        vocabulary: Vocabulary,
    ) -> None:
        """Turn one call's frames into speech events. See `voiced.recognizer.base.Recognizer`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sample:
    """Speech to recognize.

    Attributes:
        pcm: int16, 8 kHz: as many utterances as `texts`, with silence before, between (a second or
            more) and behind them.
        texts: what is said; "" where any words will do.
        vocabulary: for recognizers that need one.
    """

    pcm: Pcm
    texts: tuple[str, ...]
    vocabulary: Vocabulary = field(default_factory=Vocabulary)


@dataclass(frozen=True, slots=True)
class Heard:
    """An event, when it came in seconds since the first frame, and the trio time of that."""

    at: float
    event: SpeechEvent
    now: float


Promise: TypeAlias = Callable[[Recognizing, Sample], Awaitable[None]]


async def hear(recognizer: Recognizing, sample: Sample) -> list[Heard]:
    """Play a sample in real time of trio's clock; return what the recognizer tells."""
    heard: list[Heard] = []
    frames_in, frames = trio.open_memory_channel[Frame](FRAMES_AHEAD)
    events_in, events = trio.open_memory_channel[SpeechEvent](8)
    begun_at = trio.current_time()

    async def listen() -> None:
        with events:
            async for event in events:
                now = trio.current_time()
                heard.append(Heard(now - begun_at, event, now))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(play, frames_in, cut(sample.pcm, recognizer.rate_hz), begun_at)
        nursery.start_soon(listen)
        limit_s = len(sample.pcm) / LINE_RATE_HZ + PATIENCE_S
        with trio.move_on_after(limit_s) as limit:
            await recognizer.recognize(frames, events_in, sample.vocabulary)
        assert not limit.cancelled_caught, f"does not return {PATIENCE_S:g} s after the last frame"
        assert not frames.statistics().open_receive_channels, "has left its end of `frames` open"
        await trio.testing.wait_all_tasks_blocked()
        assert not nursery.child_tasks, "has left its end of `events` open"
    return heard


def cut(pcm: Pcm, rate_hz: int) -> list[Pcm]:
    """Return 8 kHz audio as frames of 20 ms at `rate_hz`, read-only as a call's are."""
    resampled = Resampler(LINE_RATE_HZ, rate_hz).process(pcm)
    size = frame_samples(rate_hz)
    pieces = [resampled[at : at + size] for at in range(0, len(resampled) - size + 1, size)]
    for piece in pieces:
        piece.setflags(write=False)
    return pieces


async def play(frames: trio.MemorySendChannel[Frame], pieces: list[Pcm], begun_at: float) -> None:
    """Give frames as a call does: each in time, and never more than `FRAMES_AHEAD`."""
    with frames:
        for n, pcm in enumerate(pieces, 1):
            at = begun_at + n * PTIME_S
            await trio.sleep_until(at)
            try:
                frames.send_nowait(Frame(pcm=pcm, at=at))
            except trio.WouldBlock:
                raise AssertionError(f"has let {FRAMES_AHEAD} frames wait") from None
            except trio.BrokenResourceError:
                return


# -- the promises ---------------------------------------------------------------------------------


@promise
async def tells_each_utterance_once_and_in_order(recognizer: Recognizing, sample: Sample) -> None:
    """Each utterance gives one start, one end and one final, each kind in their order."""
    heard = await hear(recognizer, sample)
    n_said = len(sample.texts)
    for kind in (SpeechStarted, SpeechEnded, Final):
        n_told = sum(isinstance(one.event, kind) for one in heard)
        told = f"{n_told} {kind.__name__} for {n_said} utterances: {_kinds(heard)}"
        assert n_told == n_said, told
    n_started = n_ended = n_finals = 0
    for one in heard:
        n_started += isinstance(one.event, SpeechStarted)
        n_ended += isinstance(one.event, SpeechEnded)
        n_finals += isinstance(one.event, Final)
        in_order = n_started >= n_ended >= n_finals
        assert in_order, f"an end before its start, or a Final before its end: {_kinds(heard)}"
        if isinstance(one.event, Partial | SpeechResumed):
            assert n_started > n_finals, f"{type(one.event).__name__} of no utterance"


@promise
async def hears_the_words(recognizer: Recognizing, sample: Sample) -> None:
    """The finals have the words."""
    heard = await hear(recognizer, sample)
    texts = [one.event.text for one in heard if isinstance(one.event, Final)]
    n_heard, n_said = len(texts), len(sample.texts)
    assert n_heard == n_said, f"heard {n_heard} utterances of {n_said}: {texts}"
    for said, text in zip(sample.texts, texts, strict=True):
        is_right = _plain(text) == _plain(said) if said else bool(text)
        assert is_right, f"heard {text!r} for {said!r}"


@promise
async def tells_times_that_make_sense(recognizer: Recognizing, sample: Sample) -> None:
    """Times are trio's, and of the past; confidence is from 0 to 1."""
    begun_at = trio.current_time()
    heard = await hear(recognizer, sample)
    assert heard, "heard nothing"
    for one in heard:
        now, event = one.now + 1e-6, one.event
        match event:
            case SpeechStarted(at=at, voice_at=voice_at):
                assert at <= now, "SpeechStarted.at is in the future"
                assert voice_at is None or begun_at <= voice_at <= at, "voice_at is not before at"
            case SpeechEnded(at=at, last_voice_at=last_voice_at):
                assert begun_at <= last_voice_at <= at <= now, f"odd times: {event}"
            case SpeechResumed(at=at):
                assert at <= now, "SpeechResumed.at is in the future"
            case Partial(last_voice_at=last_voice_at):
                _is_confidence(event.confidence)
                _is_confidence(event.last_word)
                assert last_voice_at is None or last_voice_at <= now, "a voice of the future"
            case Final(started_at=started_at, last_voice_at=last_voice_at):
                _is_confidence(event.confidence)
                _is_confidence(event.last_word)
                assert begun_at <= started_at <= last_voice_at <= now, "odd times in a Final"


def _is_confidence(value: float) -> None:
    assert 0 <= value <= 1, f"a confidence of {value}"


@promise
async def notices_speech_in_time(recognizer: Recognizing, sample: Sample) -> None:
    """Somebody who interrupts is noticed within `ONSET_S`."""
    loud_s = float(np.argmax(np.abs(sample.pcm) > 1000)) / LINE_RATE_HZ
    heard = await hear(recognizer, sample)
    starts_s = [one.at for one in heard if isinstance(one.event, SpeechStarted)]
    assert starts_s, "heard nothing"
    late_s = starts_s[0] - loud_s
    assert late_s <= ONSET_S, f"the beginning of speech was told {late_s:.2f} s late"


@promise
async def says_nothing_in_silence(recognizer: Recognizing, sample: Sample) -> None:
    """Silence gives no words."""
    quiet = Sample(pcm=np.zeros(2 * LINE_RATE_HZ, np.int16), texts=(), vocabulary=sample.vocabulary)
    for one in await hear(recognizer, quiet):
        text = one.event.text if isinstance(one.event, Final | Partial) else ""
        assert not text, f"heard {text!r} in silence"


@promise
async def is_gone_when_the_call_is(recognizer: Recognizing, sample: Sample) -> None:
    """Cancelled in the middle of a word it is gone at once, and closes its ends."""
    frames_in, frames = trio.open_memory_channel[Frame](FRAMES_AHEAD)
    events_in, events = trio.open_memory_channel[SpeechEvent](8)
    loud_s = float(np.argmax(np.abs(sample.pcm) > 1000)) / LINE_RATE_HZ
    begun_at = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(play, frames_in, cut(sample.pcm, recognizer.rate_hz), begun_at)
        with trio.move_on_at(begun_at + loud_s + 0.2) as hangup:
            await recognizer.recognize(frames, events_in, sample.vocabulary)
        assert hangup.cancelled_caught, "returned before the call had ended"
        late_s = trio.current_time() - hangup.deadline
        assert late_s <= GONE_S, f"was gone {late_s:.2f} s after the call"
        nursery.cancel_scope.cancel()
    left = frames_in.statistics().open_receive_channels, events.statistics().open_send_channels
    assert left == (0, 0), "has left its ends of `frames` and `events` open"


@promise
async def ends_when_nobody_listens(recognizer: Recognizing, sample: Sample) -> None:
    """Where nobody wants events any more it ends, without an error."""
    frames_in, frames = trio.open_memory_channel[Frame](FRAMES_AHEAD)
    events_in, events = trio.open_memory_channel[SpeechEvent](8)
    events.close()
    async with trio.open_nursery() as nursery:
        pieces = cut(sample.pcm, recognizer.rate_hz)
        nursery.start_soon(play, frames_in, pieces, trio.current_time())
        with trio.move_on_after(len(pieces) * PTIME_S + PATIENCE_S) as limit:
            await recognizer.recognize(frames, events_in, sample.vocabulary)
        assert not limit.cancelled_caught, "goes on though nobody listens"
        nursery.cancel_scope.cancel()


@promise
async def serves_calls_side_by_side(recognizer: Recognizing, sample: Sample) -> None:
    """Two calls at a time do not mix."""
    heard: list[list[Heard]] = []

    async def call() -> None:
        heard.append(await hear(recognizer, sample))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(call)
        nursery.start_soon(call)
    for one in heard:
        n_finals = sum(isinstance(told.event, Final) for told in one)
        assert n_finals == len(sample.texts), f"two calls at a time: {n_finals} Finals in one"


RECOGNIZER_PROMISES: tuple[Promise, ...] = (
    tells_each_utterance_once_and_in_order,
    hears_the_words,
    tells_times_that_make_sense,
    notices_speech_in_time,
    says_nothing_in_silence,
    is_gone_when_the_call_is,
    ends_when_nobody_listens,
    serves_calls_side_by_side,
)


def _kinds(heard: list[Heard]) -> str:
    return " ".join(type(one.event).__name__ for one in heard)


def _plain(text: str) -> str:
    return " ".join("".join(c for c in text.lower() if c.isalnum() or c.isspace()).split())
