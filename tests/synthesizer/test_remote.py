"""What all remote voices share, with a provider made of events; and their keys."""

from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
import trio

from voiced.audio.g711 import encode_ulaw
from voiced.errors import ConfigError, SynthesizerFailed
from voiced.net.peer import Peer
from voiced.record.word_times import Word
from voiced.synthesizer import cartesia, deepgram, elevenlabs, openai, telnyx
from voiced.synthesizer.deepgram_wire import DeepgramVoice
from voiced.synthesizer.deepgram_wire import socket_url as deepgram_url
from voiced.synthesizer.elevenlabs_wire import ElevenLabsVoice
from voiced.synthesizer.elevenlabs_wire import socket_url as elevenlabs_url
from voiced.synthesizer.openai_wire import OpenAIVoice, request_of
from voiced.synthesizer.remote import RemoteFormat, RemoteVoice
from voiced.synthesizer.speech_connection import MOST_UNREAD_BYTES, SpeechConnection
from voiced.synthesizer.speech_session import SpeechAudio, SpeechDone, SpeechTrouble, SpeechWords
from voiced.synthesizer.telnyx_wire import TelnyxVoice
from voiced.synthesizer.telnyx_wire import socket_url as telnyx_url
from voiced.testing.fake_provider import FakeServer, open_memory_wire
from voiced.testing.fake_voices import FakeOpenAISpeech, speak_in_tones
from voiced.testing.synthesizer_kit import hear

TEXT = "We are open."
TONES = SpeechAudio(encode_ulaw(speak_in_tones(TEXT, 8000).pcm))
WORDS = SpeechWords(tuple(Word(word, end_s) for word, _, end_s in speak_in_tones(TEXT, 8000).words))
FORM = RemoteFormat(encoding="PCMU", rate_hz=8000, level_dbfs=-20.0, first_audio_s=4.0, stall_s=3.0)


class Events:
    def __init__(self, events):
        self._events = list(events)

    async def next_event(self):
        await trio.lowlevel.checkpoint()
        return self._events.pop(0) if self._events else await trio.sleep_forever()


def voice_of(*texts):
    """A voice whose provider answers each text with the next of `texts`: a list of events."""
    asked = []

    @asynccontextmanager
    async def speak(text):
        asked.append(text)
        yield Events(texts[len(asked) - 1])

    peer = Peer("made", SynthesizerFailed)
    return RemoteVoice(openai.OpenAISynthesizer, peer, FORM, speak, lambda: None), asked


async def test_a_provider_that_speaks_nothing_has_failed(autojump_clock):
    silence = SpeechAudio(b"\xff" * 4000)
    voice, asked = voice_of([silence, SpeechDone()], [SpeechDone()])
    with pytest.raises(SynthesizerFailed, match="has spoken nothing"):
        await hear(voice, TEXT)
    assert asked == [TEXT, TEXT]


async def test_where_all_words_were_given_a_lost_end_is_none(autojump_clock):
    voice, asked = voice_of([TONES, WORDS, SpeechTrouble("closed", "gone")])
    heard = await hear(voice, TEXT)
    assert [word.text for word in heard.words] == TEXT.split()
    assert asked == [TEXT]


async def test_words_before_the_first_sound_are_told_in_the_time_of_what_is_given(autojump_clock):
    voice, _ = voice_of([WORDS, SpeechAudio(b"\xff" * 800), TONES, SpeechDone()])
    heard = await hear(voice, TEXT)
    # 0.1 s of silence before the tones' own 0.2 s; 0.04 s are left of both.
    assert heard.words[0].end_s == pytest.approx(0.2 + 0.1 - 0.26, abs=0.006)


async def test_more_audio_than_a_text_can_have_is_no_audio(autojump_clock):
    class Endless:
        is_spoilt = False

        def receive(self, message):
            return [SpeechAudio(bytes(MOST_UNREAD_BYTES // 4))]

    endless: Any = Endless()
    connection = SpeechConnection(endless, Peer("made", SynthesizerFailed))
    for _ in range(4):
        connection._receive("")
    with pytest.raises(SynthesizerFailed, match="of audio for one text"):
        connection._receive("")


KEYED = [
    (cartesia.CartesiaSynthesizer, "CARTESIA_API_KEY"),
    (deepgram.DeepgramSynthesizer, "DEEPGRAM_API_KEY"),
    (elevenlabs.ElevenLabsSynthesizer, "ELEVENLABS_API_KEY"),
    (openai.OpenAISynthesizer, "OPENAI_API_KEY"),
    (telnyx.TelnyxSynthesizer, "TELNYX_API_KEY"),
]


@pytest.mark.parametrize(("synthesizer", "variable"), KEYED)
def test_a_missing_key_is_a_problem_with_its_remedy(synthesizer, variable, monkeypatch):
    monkeypatch.delenv(variable, raising=False)
    with pytest.raises(ConfigError, match=rf"synthesizer\.api_key.*{variable}"):
        synthesizer.check(synthesizer.Settings())
    monkeypatch.setenv(variable, "from-the-environment")
    synthesizer.check(synthesizer.Settings())


async def test_the_key_of_openai_goes_to_openai_only(monkeypatch, autojump_clock):
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    server = FakeServer(FakeOpenAISpeech(key=""))
    settings = openai.OpenAISettings(base_url="http://kokoro/v1")
    openai.OpenAISynthesizer.check(settings)
    async with (
        open_memory_wire(server) as wire,
        openai.OpenAISynthesizer.open(settings, wire=wire) as voice,
    ):
        with pytest.raises(SynthesizerFailed):
            await hear(cast("Any", voice), TEXT)
    assert "authorization" not in server.requests[0].headers
    assert openai._headers(openai.OpenAISettings()) == {"Authorization": "Bearer secret"}


def test_what_was_not_set_is_not_asked_for():
    assert request_of(OpenAIVoice(model="m", voice="v"), TEXT).keys() == {
        "model",
        "voice",
        "input",
        "response_format",
    }
    asked = request_of(OpenAIVoice(model="m", voice="v", instructions="calm", speed=1.5), TEXT)
    assert (asked["instructions"], asked["speed"]) == ("calm", 1.5)
    voice = DeepgramVoice(model="m", encoding="mulaw", rate_hz=8000, speed=1.2)
    assert deepgram_url("wss://x", voice).endswith("&speed=1.2")
    spoken = ElevenLabsVoice(voice_id="v", model_id="m", output_format="f", language_code="de")
    assert elevenlabs_url("wss://x", spoken).endswith("&language_code=de")
    told = TelnyxVoice(voice="v", audio_format="f", rate_hz=8000, language="de-DE")
    assert telnyx_url("wss://x", told).endswith("&language=de-DE")
