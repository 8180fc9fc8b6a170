"""The messages of the remote voices' sockets, as their documentation has them."""

import json
from base64 import b64encode
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiced.record.word_times import Word
from voiced.synthesizer import cartesia_wire, deepgram_wire, elevenlabs_wire, telnyx_wire
from voiced.synthesizer.speech_session import (
    SpeechAudio,
    SpeechDone,
    SpeechTrouble,
    SpeechWords,
    one_line,
)


def sent(messages):
    return [json.loads(message) for message in messages]


def tell(session, **message):
    return list(session.receive(json.dumps(message)))


def b64(data):
    return b64encode(data).decode()


def query_of(url):
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


# -- ElevenLabs -----------------------------------------------------------------------------------

ELEVENLABS = elevenlabs_wire.ElevenLabsVoice(
    voice_id="v/1",
    model_id="eleven_flash_v2_5",
    output_format="ulaw_8000",
    settings={"stability": 0.4},
)


def elevenlabs():
    return elevenlabs_wire.ElevenLabsSession(ELEVENLABS, 8000)


def alignment(text, from_ms=0, each_ms=100):
    starts = [from_ms + n * each_ms for n in range(len(text))]
    return {
        "chars": list(text),
        "charStartTimesMs": starts,
        "charDurationsMs": [each_ms] * len(text),
    }


def test_elevenlabs_is_asked_for_mu_law_with_the_times_of_characters():
    url = elevenlabs_wire.socket_url("wss://api.elevenlabs.io", ELEVENLABS)
    assert urlsplit(url).path == "/v1/text-to-speech/v%2F1/multi-stream-input"
    assert query_of(url) == {
        "model_id": "eleven_flash_v2_5",
        "output_format": "ulaw_8000",
        "auto_mode": "true",
        "sync_alignment": "true",
        "inactivity_timeout": "180",
    }


def test_elevenlabs_has_a_context_for_each_text():
    session = elevenlabs()
    assert sent(session.begin("Hello.", 0)) == [
        {"text": "Hello. ", "context_id": "text-1", "voice_settings": {"stability": 0.4}},
        {"context_id": "text-1", "flush": True},
        {"context_id": "text-1", "close_context": True},
    ]
    audio = b64(b"\xff" * 800)
    assert tell(session, audio=audio, contextId="text-1") == [SpeechAudio(b"\xff" * 800)]
    assert tell(session, isFinal=True, contextId="text-1") == [SpeechDone()]
    assert sent(session.begin("Bye.", 0))[0]["context_id"] == "text-2"


def test_elevenlabs_words_count_from_the_audio_before_their_message():
    session = elevenlabs()
    session.begin("We are open.", 0)
    audio = b64(b"\xff" * 8000)
    first = tell(session, audio=audio, alignment=alignment("We ar"), contextId="text-1")
    assert first[0] == SpeechWords((Word("We", 0.2),))
    second = tell(session, audio=audio, alignment=alignment("e open."), contextId="text-1")
    assert second[0] == SpeechWords((Word("are", 1.1),))
    last = tell(session, isFinal=True, contextId="text-1")
    assert last == [SpeechWords((Word("open.", 1.7),)), SpeechDone()]


def test_elevenlabs_late_audio_of_a_cancelled_text_is_dropped_by_its_context():
    session = elevenlabs()
    session.begin("One.", 0)
    assert sent(session.cancel()) == [{"context_id": "text-1", "close_context": True}]
    session.begin("Two.", 0)
    audio = b64(b"\xff")
    assert tell(session, audio=audio, contextId="text-1") == []
    assert tell(session, isFinal=True, contextId="text-1") == []
    assert tell(session, audio=audio, contextId="text-2") == [SpeechAudio(b"\xff")]


def test_elevenlabs_gets_no_fifth_context_before_another_has_ended():
    session = elevenlabs()
    for n in range(4):
        assert session.may_begin(0)
        session.begin(f"{n}", 0)
        session.cancel()
    assert not session.may_begin(0)
    tell(session, isFinal=True, contextId="text-2")
    assert session.may_begin(0)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("quota_exceeded", "unauthorized"),
        ("max_active_conversations", "rate_limited"),
        ("system_busy", "overloaded"),
        ("voice_id_does_not_exist", "bad_request"),
    ],
)
def test_elevenlabs_errors_have_their_kind(error, kind):
    session = elevenlabs()
    session.begin("One.", 0)
    (trouble,) = tell(session, error=error, message="so it is", code=1008)
    assert trouble == SpeechTrouble(kind, f"{error}: so it is")


# -- Cartesia -------------------------------------------------------------------------------------


def cartesia(**settings):
    voice = cartesia_wire.CartesiaVoice(
        voice_id="v1", model_id="sonic-3", encoding="pcm_mulaw", rate_hz=8000, **settings
    )
    return cartesia_wire.CartesiaSession(voice)


def test_cartesia_is_asked_for_mu_law_and_for_words_as_they_are_written():
    assert (
        cartesia_wire.socket_url("wss://api.cartesia.ai")
        == "wss://api.cartesia.ai/tts/websocket?cartesia_version=2026-03-01"
    )
    (request,) = sent(cartesia(language="en", generation={"speed": 1.2}).begin("Hello.", 0))
    assert request == {
        "model_id": "sonic-3",
        "transcript": "Hello.",
        "voice": {"mode": "id", "id": "v1"},
        "output_format": {"container": "raw", "encoding": "pcm_mulaw", "sample_rate": 8000},
        "context_id": "text-1",
        "continue": False,
        "add_timestamps": True,
        "use_normalized_timestamps": False,
        "language": "en",
        "generation_config": {"speed": 1.2},
    }


def test_cartesia_tells_audio_words_and_the_end():
    session = cartesia()
    session.begin("Hello world.", 0)
    context = {"context_id": "text-1", "done": False}
    times = {"words": ["Hello", "world."], "start": [0, 0.5], "end": [0.4, 0.9]}
    assert tell(session, type="chunk", data=b64(b"ab"), **context) == [SpeechAudio(b"ab")]
    assert tell(session, type="timestamps", word_timestamps=times, **context) == [
        SpeechWords((Word("Hello", 0.4), Word("world.", 0.9)))
    ]
    assert tell(session, type="flush_done", flush_id=1, **context) == []
    assert tell(session, type="done", context_id="text-1", done=True) == [SpeechDone()]


def test_cartesia_goes_on_with_a_cancelled_text_and_it_is_dropped_by_its_context():
    session = cartesia()
    session.begin("One.", 0)
    assert sent(session.cancel()) == [{"context_id": "text-1", "cancel": True}]
    session.begin("Two.", 0)
    assert tell(session, type="chunk", data=b64(b"late"), context_id="text-1") == []
    assert tell(session, type="done", context_id="text-1") == []
    assert tell(session, type="chunk", data=b64(b"b"), context_id="text-2") == [SpeechAudio(b"b")]


def test_cartesia_errors_have_the_kind_of_their_status():
    session = cartesia()
    session.begin("One.", 0)
    (trouble,) = tell(
        session,
        type="error",
        status_code=429,
        error_code="concurrency_limited",
        title="Too many",
        context_id="text-1",
    )
    assert trouble == SpeechTrouble("rate_limited", "concurrency_limited: Too many")


# -- Deepgram -------------------------------------------------------------------------------------


def test_deepgram_is_asked_for_mu_law():
    voice = deepgram_wire.DeepgramVoice(model="aura-2-thalia-en", encoding="mulaw", rate_hz=8000)
    url = deepgram_wire.socket_url("wss://api.deepgram.com", voice)
    assert url == (
        "wss://api.deepgram.com/v1/speak?model=aura-2-thalia-en&encoding=mulaw&sample_rate=8000"
    )


def test_deepgram_speaks_and_flushes_each_text():
    session = deepgram_wire.DeepgramSession()
    assert sent(session.begin("Hello.", 0)) == [
        {"type": "Speak", "text": "Hello."},
        {"type": "Flush"},
    ]
    assert tell(session, type="Metadata", request_id="r", model_name="m") == []
    assert session.receive(b"audio") == (SpeechAudio(b"audio"),)
    assert tell(session, type="Flushed", sequence_id=0) == [SpeechDone()]


def test_deepgram_audio_before_the_answer_to_a_clear_is_of_the_cancelled_text():
    session = deepgram_wire.DeepgramSession()
    session.begin("One.", 0)
    assert sent(session.cancel()) == [{"type": "Clear"}]
    assert session.cancel() == ()
    session.begin("Two.", 0)
    assert session.receive(b"late") == ()
    assert tell(session, type="Flushed", sequence_id=0) == []
    assert tell(session, type="Cleared", sequence_id=1) == []
    assert session.receive(b"two") == (SpeechAudio(b"two"),)
    assert tell(session, type="Flushed", sequence_id=2) == [SpeechDone()]


def test_deepgram_allows_so_many_flushes_a_minute():
    session = deepgram_wire.DeepgramSession()
    for n in range(18):
        assert session.may_begin(float(n))
        session.begin("One.", float(n))
        tell(session, type="Flushed", sequence_id=n)
    assert not session.may_begin(59.0)
    assert session.may_begin(60.5)


def test_deepgram_warning_of_too_many_flushes_ends_the_text_and_others_do_not():
    session = deepgram_wire.DeepgramSession()
    session.begin("One.", 0)
    assert tell(session, type="Warning", code="SOME", description="be careful") == []
    (trouble,) = tell(session, type="Warning", code="LIMIT", description="too many Flush messages")
    assert trouble == SpeechTrouble("rate_limited", "LIMIT: too many Flush messages")


# -- Telnyx ---------------------------------------------------------------------------------------


def telnyx(**settings):
    voice = telnyx_wire.TelnyxVoice(
        voice="Telnyx.NaturalHD.astra", audio_format="linear16", rate_hz=24000, settings=settings
    )
    return telnyx_wire.TelnyxSession(voice)


def test_telnyx_shakes_hands_with_the_settings_of_the_voice():
    assert sent(telnyx(voice_speed=1.2).opening()) == [
        {"text": " ", "voice_settings": {"voice_speed": 1.2}}
    ]
    assert sent(telnyx().opening()) == [{"text": " "}]


def test_telnyx_is_asked_for_linear_audio():
    voice = telnyx_wire.TelnyxVoice(voice="Telnyx.X.y", audio_format="linear16", rate_hz=24000)
    assert query_of(telnyx_wire.socket_url("wss://api.telnyx.com/v2", voice)) == {
        "voice": "Telnyx.X.y",
        "audio_format": "linear16",
        "sample_rate": "24000",
        "inactivity_timeout": "120",
    }


def test_telnyx_streamed_audio_is_not_taken_twice():
    session = telnyx()
    assert sent(session.begin("Hello.", 0)) == [{"text": "Hello.", "flush": True}]
    assert tell(session, audio=b64(b"ab"), text=None, isFinal=False) == [SpeechAudio(b"ab")]
    assert tell(session, audio=None, text="Hello.", isFinal=False) == []
    assert tell(session, audio=b64(b"ab"), text="Hello.", isFinal=False) == []
    assert tell(session, audio=None, text="", isFinal=True) == [SpeechDone()]


def test_telnyx_audio_that_comes_with_its_text_is_taken_where_nothing_was_streamed():
    session = telnyx()
    session.begin("Hello.", 0)
    assert tell(session, audio=b64(b"ab"), text="Hello.", isFinal=False) == [SpeechAudio(b"ab")]


def test_telnyx_gets_no_text_after_one_that_was_cancelled():
    session = telnyx()
    session.begin("One.", 0)
    assert not session.is_spoilt
    assert sent(session.cancel()) == [{"force": True}]
    assert session.is_spoilt
    assert not session.may_begin(0)


def test_telnyx_error_ends_the_text():
    session = telnyx()
    session.begin("One.", 0)
    (trouble,) = tell(session, error="Error in audio response")
    assert trouble == SpeechTrouble("overloaded", "Error in audio response")


# -- all of them ----------------------------------------------------------------------------------

SESSIONS = [elevenlabs, cartesia, deepgram_wire.DeepgramSession, telnyx]
NAMES = [
    "audio",
    "alignment",
    "contextId",
    "isFinal",
    "type",
    "data",
    "context_id",
    "word_timestamps",
    "error",
    "text",
]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just("text-1"),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=4,
)


@pytest.mark.parametrize("make", SESSIONS)
def test_nothing_comes_of_a_connection_without_a_text(make):
    session = make()
    assert session.cancel() == ()
    for message in ({"isFinal": True}, {"type": "done"}, {"type": "Flushed", "sequence_id": 1}):
        assert tell(session, **message) == []


@pytest.mark.parametrize("make", SESSIONS)
@given(st.dictionaries(st.sampled_from(NAMES), VALUES) | VALUES)
def test_a_message_of_any_kind_is_understood_or_makes_no_sense(make, message):
    session = make()
    session.begin("One.", 0)
    try:
        events = session.receive(json.dumps(message))
    except (ValueError, TypeError, KeyError, AttributeError):
        return
    assert all(
        isinstance(e, SpeechAudio | SpeechWords | SpeechDone | SpeechTrouble) for e in events
    )


@pytest.mark.parametrize(
    ("text", "line"), [(" We are\n open. ", "We are open."), ("...", ""), ("", ""), ("é", "é")]
)
def test_what_is_spoken_is_one_line_with_a_letter_in_it(text, line):
    assert one_line(text) == line
