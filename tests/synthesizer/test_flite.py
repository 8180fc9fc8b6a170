import ctypes
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pytest
import trio
import trio.testing
from pydantic import ValidationError

from voiced.audio.frame import Pcm
from voiced.audio.level import rms_dbfs
from voiced.errors import StartupError, SynthesizerFailed
from voiced.synthesizer.base import Word
from voiced.synthesizer.base import speak as speak_with
from voiced.synthesizer.flite import MAX_CHARS, FliteSettings, FliteSynthesizer
from voiced.synthesizer.phrase import Phrase

if TYPE_CHECKING:
    from voiced.synthesizer.base import Synthesizer

HOURS = "We are open from Monday to Friday, from eight in the morning until five."


async def in_place(work: Callable[[], Phrase]) -> Phrase:
    await trio.lowlevel.checkpoint()
    return work()


class Sink:
    """Takes audio as a synthesizer gives it."""

    def __init__(self) -> None:
        self.pieces: list[Pcm] = []

    async def __call__(self, pcm: Pcm) -> None:
        await trio.lowlevel.checkpoint()
        self.pieces.append(pcm)

    @property
    def pcm(self) -> Pcm:
        return np.concatenate(self.pieces) if self.pieces else np.empty(0, np.int16)


async def speak(text: str, **settings) -> Sink:
    sink = Sink()
    async with FliteSynthesizer.open(FliteSettings(**settings), run_sync=in_place) as flite:
        await flite.synthesize(text, sink)
    return sink


def quiet_ends_s(pcm: Pcm, below_dbfs: float) -> tuple[float, float]:
    """Seconds before the first and after the last 5 ms that are louder."""
    blocks = [rms_dbfs(pcm[i : i + 80]) > below_dbfs for i in range(0, len(pcm), 80)]
    return blocks.index(True) * 0.005, blocks[::-1].index(True) * 0.005


@pytest.mark.parametrize("voice", ["rms", "slt", "awb", "kal16"])
async def test_speech_is_of_plausible_length_even_level_and_trimmed(voice):
    pcm = (await speak(HOURS, voice=voice)).pcm
    assert pcm.dtype == np.int16
    assert 3.0 < len(pcm) / FliteSynthesizer.rate_hz < 6.0
    assert abs(rms_dbfs(pcm) - -20) < 2.5
    assert np.abs(pcm.astype(int)).max() <= 32767 * 10 ** (-1 / 20) + 1
    head, tail = quiet_ends_s(pcm, -52)
    assert head <= 0.05
    assert tail <= 0.05


async def test_audio_comes_in_read_only_pieces_of_200_ms():
    pieces = (await speak(HOURS, voice="kal16")).pieces
    assert {len(piece) for piece in pieces[:-1]} == {3200}
    assert 0 < len(pieces[-1]) <= 3200
    assert not any(piece.flags.writeable for piece in pieces)


async def test_kal16_gives_the_same_samples_each_time():
    first, second = await speak(HOURS, voice="kal16"), await speak(HOURS, voice="kal16")
    assert np.array_equal(first.pcm, second.pcm)


async def test_stretch_slows_one_synthesizer_and_leaves_others_alone():
    async with (
        FliteSynthesizer.open(FliteSettings(voice="kal16"), run_sync=in_place) as plain,
        FliteSynthesizer.open(FliteSettings(voice="kal16", stretch=1.5), run_sync=in_place) as slow,
    ):
        sinks = [Sink(), Sink(), Sink()]
        await plain.synthesize("one two three four", sinks[0])
        await slow.synthesize("one two three four", sinks[1])
        await plain.synthesize("one two three four five", sinks[2])
    lengths = [len(sink.pcm) for sink in sinks]
    assert 1.3 < lengths[1] / lengths[0] < 1.6
    assert lengths[2] < lengths[1]


async def test_the_level_is_a_setting():
    pcm = (await speak(HOURS, voice="kal16", level_dbfs=-30)).pcm
    assert abs(rms_dbfs(pcm) - -30) < 2.5


@pytest.mark.parametrize("text", ["", "  \n", "...", "\u65e5\u672c"])
async def test_text_without_a_word_gives_no_audio(text):
    assert (await speak(text, voice="kal16")).pieces == []


async def test_typographic_signs_and_accents_are_spoken_as_their_plain_form():
    fancy = await speak("It\u2019s Zo\u00eb\u2019s caf\u00e9", voice="kal16")
    plain = await speak("It's Zoe's cafe", voice="kal16")
    assert np.array_equal(fancy.pcm, plain.pcm)


async def test_a_text_too_long_for_one_piece_is_refused():
    with pytest.raises(SynthesizerFailed, match=r"1001 characters \(at most 1000\): split it"):
        await speak("a" * (MAX_CHARS + 1), voice="kal16")


async def test_a_phrase_is_spoken_once_and_then_taken_from_the_cache():
    runs = []

    async def counting(work: Callable[[], Phrase]) -> Phrase:
        runs.append(work)
        return await in_place(work)

    async with FliteSynthesizer.open(FliteSettings(), run_sync=counting) as flite:
        sinks = [Sink(), Sink()]
        for sink in sinks:
            await flite.synthesize("Hello.", sink)
    assert len(runs) == 1
    assert np.array_equal(sinks[0].pcm, sinks[1].pcm)


async def test_a_cancelled_synthesis_delivers_nothing():
    gate = trio.Event()

    async def slow(work: Callable[[], Phrase]) -> Phrase:
        phrase = work()
        gate.set()
        await trio.sleep(60)
        return phrase

    sink = Sink()
    async with (
        FliteSynthesizer.open(FliteSettings(voice="kal16"), run_sync=slow) as flite,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(flite.synthesize, HOURS, sink)
        await gate.wait()
        nursery.cancel_scope.cancel()
    assert sink.pieces == []


async def test_cancelling_between_pieces_stops_the_rest():
    heard: list[Pcm] = []
    with trio.CancelScope() as scope:

        async def sink(pcm: Pcm) -> None:
            heard.append(pcm)
            if len(heard) == 2:
                scope.cancel()
            await trio.lowlevel.checkpoint()

        settings = FliteSettings(voice="kal16")
        async with FliteSynthesizer.open(settings, run_sync=in_place) as flite:
            await flite.synthesize(HOURS, sink)
    assert scope.cancelled_caught
    assert len(heard) == 2


@pytest.mark.slow
async def test_an_abandoned_thread_delivers_nothing_and_another_call_is_served():
    sink, other = Sink(), Sink()
    async with FliteSynthesizer.open(FliteSettings(voice="rms")) as flite:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(flite.synthesize, f"{HOURS} {HOURS}", sink)
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        await flite.synthesize("Hello.", other)
    assert sink.pieces == []
    assert len(other.pcm) > 0


@pytest.mark.slow
async def test_syntheses_at_the_same_time_in_threads_do_not_mix():
    texts = [f"Number {i} is open from nine to five." for i in range(12)]
    together, alone = [Sink() for _ in texts], [Sink() for _ in texts]
    settings = FliteSettings(voice="kal16")
    async with FliteSynthesizer.open(settings) as flite, trio.open_nursery() as nursery:
        for text, sink in zip(texts, together, strict=True):
            nursery.start_soon(flite.synthesize, text, sink)
    async with FliteSynthesizer.open(settings, run_sync=in_place) as flite:
        for text, sink in zip(texts, alone, strict=True):
            await flite.synthesize(text, sink)
    for one, other in zip(together, alone, strict=True):
        assert np.array_equal(one.pcm, other.pcm)


@pytest.mark.parametrize("voice", ["rms", "slt", "awb", "kal16"])
async def test_the_words_of_a_text_are_told_with_the_times_at_which_they_have_sounded(voice):
    text = "Dr. Lee's twenty-six cats cost $12.50, in May."
    sink, told = Sink(), list[Word]()
    async with FliteSynthesizer.open(FliteSettings(voice=voice), run_sync=in_place) as flite:
        await speak_with(flite, text, sink, told.extend)
    assert [word.text for word in told] == [
        "Dr",
        "Lee's",
        "twenty-six",
        "cats",
        "cost",
        "$12.50",
        "in",
        "May",
    ]
    ends = [word.end_s for word in told]
    assert ends == sorted(ends)
    length_s = len(sink.pcm) / FliteSynthesizer.rate_hz
    assert length_s - 0.25 < ends[-1] <= length_s
    # Behind the price there is a pause.
    end = round(ends[5] * FliteSynthesizer.rate_hz)
    assert rms_dbfs(sink.pcm[end + 160 : end + 800]) < rms_dbfs(sink.pcm[end - 4000 : end]) - 10


def test_the_class_fits_the_contract():
    fits: type[Synthesizer] = FliteSynthesizer  # checked by mypy
    assert fits.rate_hz == 16_000


async def test_a_missing_library_is_named_with_the_package_to_install(monkeypatch):
    real = ctypes.CDLL

    def without_the_voice(name: str, mode: int) -> ctypes.CDLL:
        return real(name.replace("libflite_cmu_us_slt", "libflite_absent"), mode=mode)

    monkeypatch.setattr(ctypes, "CDLL", without_the_voice)
    with pytest.raises(StartupError, match=r"libflite_cmu_us_slt.* apt-get install libflite1"):
        await speak("Hello.", voice="slt")


@pytest.mark.parametrize(
    "wrong", [{"voice": "bob"}, {"stretch": 3.0}, {"level_dbfs": 0.0}, {"volume": 1}]
)
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ValidationError):
        FliteSettings.model_validate(wrong)
