"""Whether a synthesizer keeps its promises: the conformance kit of `voiced.synthesizer.base`.

    @pytest.mark.parametrize("promise", SYNTHESIZER_PROMISES, ids=lambda promise: promise.__name__)
    async def test_my_voice(promise):
        async with MyVoice.open(MySettings()) as voice:
            await promise(voice)

Each promise raises AssertionError with what was not kept. They speak English for a minute or so in
all; against a paid service that costs its few cents.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import trio

from voiced.audio.level import normalize, rms_dbfs
from voiced.record.word_times import word_ends
from voiced.synthesizer.base import TellsWords, no_words, speak
from voiced.testing.promises import promise

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from voiced.audio.frame import Pcm
    from voiced.synthesizer.base import Synthesizer, Word

Promise: TypeAlias = "Callable[[Synthesizer], Awaitable[None]]"

SHORT = "Yes, of course."
TEXT = "We are open from Monday to Friday, from eight in the morning until five."
LONG = f"{TEXT} On Saturdays we close at noon, and on Sundays we do not open at all."

SILENCE_DBFS = -52.0
SILENCE_S = 0.055
"""50 ms, and the block of 5 ms in which the sound begins or ends."""

LEVEL_DBFS = -20.0
LEVEL_OFF_DB = 4.0
LETTERS_PER_S = (6.0, 40.0)
SAME = 0.2
"""Lengths of one text may differ by so much: good voices do not say it twice alike."""


class Listener:
    """Takes what a synthesizer gives."""

    def __init__(self, *, takes_s: float = 0.0, hears: int | None = None) -> None:
        """Take `takes_s` for each piece; after `hears` pieces end `scope`."""
        self.pieces: list[Pcm] = []
        self.words: list[Word] = []
        self.scope = trio.CancelScope()
        self._takes_s = takes_s
        self._hears = hears

    async def __call__(self, pcm: Pcm) -> None:
        """Take a piece."""
        self.pieces.append(pcm)
        if self._hears is not None and len(self.pieces) >= self._hears:
            self.scope.cancel()
        await trio.sleep(self._takes_s)

    @property
    def pcm(self) -> Pcm:
        """All of it."""
        return np.concatenate(self.pieces) if self.pieces else np.zeros(0, np.int16)


async def hear(synthesizer: Synthesizer, text: str) -> Listener:
    """Have `text` spoken to its end."""
    listener = Listener()
    await speak(synthesizer, text, listener, listener.words.extend)
    return listener


@promise
async def gives_linear_audio(synthesizer: Synthesizer) -> None:
    """Pieces are one-dimensional int16, at a rate that we know."""
    assert 8000 <= synthesizer.rate_hz <= 192_000, f"rate_hz is {synthesizer.rate_hz}"
    pieces = (await hear(synthesizer, TEXT)).pieces
    assert pieces, "no audio"
    for piece in pieces:
        assert piece.dtype == np.int16, f"{piece.dtype} instead of int16"
        assert piece.ndim == 1, f"{piece.ndim} dimensions"


@promise
async def speaks_at_a_pace(synthesizer: Synthesizer) -> None:
    """A text takes about as long as people take for it."""
    pcm = (await hear(synthesizer, TEXT)).pcm
    letters_per_s = len(TEXT) * synthesizer.rate_hz / max(1, len(pcm))
    least, most = LETTERS_PER_S
    assert least <= letters_per_s <= most, f"{letters_per_s:.1f} letters a second"


@promise
async def trims_silence(synthesizer: Synthesizer) -> None:
    """At most 50 ms of silence are left at either end."""
    pcm, block = (await hear(synthesizer, TEXT)).pcm, synthesizer.rate_hz // 200
    loud = [rms_dbfs(pcm[n : n + block]) > SILENCE_DBFS for n in range(0, len(pcm), block)]
    assert any(loud), "nothing is to be heard"
    head_s, tail_s = loud.index(True) * 0.005, loud[::-1].index(True) * 0.005
    assert head_s <= SILENCE_S, f"{head_s * 1000:.0f} ms of silence in front"
    assert tail_s <= SILENCE_S, f"{tail_s * 1000:.0f} ms of silence behind"


@promise
async def keeps_the_level(synthesizer: Synthesizer) -> None:
    """Speech has about -20 dBFS RMS, pauses not counted, from the first text on."""
    for text in (TEXT, SHORT):
        pcm = (await hear(synthesizer, text)).pcm
        assert rms_dbfs(pcm) > SILENCE_DBFS, "nothing is to be heard"
        wanted = normalize(pcm, LEVEL_DBFS, 0.0)
        off_db = rms_dbfs(pcm) - rms_dbfs(wanted)
        assert abs(off_db) <= LEVEL_OFF_DB, f"the level is off by {off_db:+.1f} dB"


@promise
async def is_silent_without_words(synthesizer: Synthesizer) -> None:
    """A text without a word gives no audio, and is no error."""
    for text in ("", " \n", "...", "-"):
        n_samples = len((await hear(synthesizer, text)).pcm)
        assert n_samples == 0, f"{text!r} gives {n_samples} samples"


@promise
async def stops_when_cancelled(synthesizer: Synthesizer) -> None:
    """A text that is cancelled gives nothing any more, and nothing of it is in the next one."""
    alone = len((await hear(synthesizer, SHORT)).pcm)
    for hears in (1, 2, 1):
        cut = Listener(hears=hears)
        with cut.scope:
            await speak(synthesizer, LONG, cut)
        n_pieces = len(cut.pieces)
        after = len((await hear(synthesizer, SHORT)).pcm)
        assert len(cut.pieces) == n_pieces, "audio came after the cancellation"
        assert abs(after - alone) <= SAME * alone, "the next text is longer or shorter than alone"


@promise
async def stops_before_it_has_begun(synthesizer: Synthesizer) -> None:
    """A text may be cancelled before anything of it has come."""
    alone = len((await hear(synthesizer, SHORT)).pcm)
    cut = Listener()
    with trio.move_on_after(0.005):
        await speak(synthesizer, LONG, cut)
    n_pieces = len(cut.pieces)
    after = len((await hear(synthesizer, SHORT)).pcm)
    assert len(cut.pieces) == n_pieces, "audio came after the cancellation"
    assert abs(after - alone) <= SAME * alone, "the next text is longer or shorter than alone"


@promise
async def waits_for_the_listener(synthesizer: Synthesizer) -> None:
    """Whoever takes his time misses nothing."""
    alone = len((await hear(synthesizer, SHORT)).pcm)
    slow = Listener(takes_s=0.05)
    await synthesizer.synthesize(SHORT, slow)
    assert abs(len(slow.pcm) - alone) <= SAME * alone, "a slow listener hears another length"


@promise
async def keeps_calls_apart(synthesizer: Synthesizer) -> None:
    """Texts that are spoken at the same time do not mix."""
    texts = (SHORT, TEXT, LONG)
    alone = [len((await hear(synthesizer, text)).pcm) for text in texts]
    together = [Listener() for _ in texts]
    async with trio.open_nursery() as nursery:
        for text, listener in zip(texts, together, strict=True):
            nursery.start_soon(synthesizer.synthesize, text, listener)
    for before, listener in zip(alone, together, strict=True):
        now = len(listener.pcm)
        assert abs(now - before) <= SAME * before, "a text has another length beside others"


@promise
async def survives_its_listener(synthesizer: Synthesizer) -> None:
    """What the listener raises goes through, and the next text is spoken."""

    class Gone(Exception):
        pass

    async def listener(pcm: Pcm) -> None:
        del pcm
        await trio.lowlevel.checkpoint()
        raise Gone

    try:
        await synthesizer.synthesize(TEXT, listener)
    except Gone:
        pass
    else:
        raise AssertionError("an error of the listener was swallowed")
    assert (await hear(synthesizer, SHORT)).pieces, "the next text is not spoken"


@promise
async def tells_words_in_time(synthesizer: Synthesizer) -> None:
    """Where words are told, they are those of the text, in order, within its audio."""
    if not isinstance(synthesizer, TellsWords):
        return
    listener = await hear(synthesizer, TEXT)
    if not listener.words:
        return  # one that passes others through may tell nothing
    length_s = len(listener.pcm) / synthesizer.rate_hz
    ends = word_ends(TEXT, listener.words, complete=True)
    assert len(ends) == len(TEXT.split()), f"{len(ends)} of {len(TEXT.split())} words are told"
    assert ends[0] > 0.02, f"the first word ends after {ends[0]:.3f} s"
    assert length_s - 0.5 <= ends[-1] <= length_s + 0.05, (
        f"the last word ends after {ends[-1]:.2f} s, the audio after {length_s:.2f} s"
    )
    silent = Listener()
    await synthesizer.synthesize_timed("", silent, no_words)
    assert not silent.pieces


SYNTHESIZER_PROMISES: tuple[Promise, ...] = (
    gives_linear_audio,
    speaks_at_a_pace,
    trims_silence,
    keeps_the_level,
    is_silent_without_words,
    stops_when_cancelled,
    stops_before_it_has_begun,
    waits_for_the_listener,
    keeps_calls_apart,
    survives_its_listener,
    tells_words_in_time,
)
