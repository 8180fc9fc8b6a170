import subprocess
import sys

import numpy as np
import pytest

from voiced.recognizer.silero import WINDOW_SAMPLES, VoiceDetector

RNG_SEED = 11


def windows(pcm):
    whole = len(pcm) - len(pcm) % WINDOW_SAMPLES
    return pcm[:whole].reshape(-1, WINDOW_SAMPLES)


def noise(seconds, dbfs):
    samples = np.random.default_rng(RNG_SEED).standard_normal(round(seconds * 8000))
    return np.clip(samples * 32768 * 10 ** (dbfs / 20), -32768, 32767).astype(np.int16)


def tone(seconds, *hertz):
    time = np.arange(round(seconds * 8000)) / 8000
    return sum(8000 * np.sin(2 * np.pi * f * time) for f in hertz).astype(np.int16)


def probabilities(network, *pieces):
    detector = VoiceDetector(network)
    return [detector.probability(window) for window in windows(np.concatenate(pieces))]


def silence(seconds):
    return np.zeros(round(seconds * 8000), np.int16)


def test_speech_is_voice(network, say):
    speech = say("i would like to book an appointment please")
    found = probabilities(network, silence(0.5), speech)[16:]
    assert np.mean(np.array(found) > 0.5) > 0.8


@pytest.mark.parametrize(
    "sound",
    [
        silence(4),
        noise(4, -30),
        noise(4, -50),
        tone(4, 350, 440),  # dial tone
        tone(4, 697, 1209),  # DTMF 1
        np.full(32000, 500, np.int16),  # a constant offset
        np.array([32767, -32768] * 16000, np.int16),  # full scale
    ],
    ids=["silence", "noise", "soft noise", "dial tone", "dtmf", "offset", "full scale"],
)
def test_what_is_no_voice_is_not_taken_for_it(network, sound):
    found = probabilities(network, sound)
    assert sum(p >= 0.5 for p in found) <= 2


def test_the_same_audio_gives_the_same_probabilities_whatever_another_call_hears(network, say):
    speech = windows(say("can you repeat that please"))
    alone = VoiceDetector(network)
    expected = [alone.probability(window) for window in speech]
    first, second = VoiceDetector(network), VoiceDetector(network)
    found = []
    for window, other in zip(speech, windows(noise(8, -20)), strict=False):
        found.append(first.probability(window))
        second.probability(other)
    assert found == expected


@pytest.mark.parametrize("background", [None, -60, -50])
def test_a_short_answer_after_a_long_silence_is_heard(network, say, background):
    quiet = silence(20) if background is None else noise(20, background)
    found = probabilities(network, quiet, say("no"), quiet[:8000])
    assert max(found[: 20 * 31]) < 0.35
    assert sum(p >= 0.5 for p in found) >= 3


class CountingNetwork:
    """Says `answer` and counts; its state is the number of windows since zero."""

    def __init__(self, answer=0.0):
        self.answer = answer
        self.states = []

    def __call__(self, samples, state):
        self.states.append(int(state[0, 0, 0]))
        return self.answer, state + 1


def test_silence_is_gated_once_the_background_is_known():
    network = CountingNetwork()
    detector = VoiceDetector(network)
    for window in windows(silence(10)):
        assert detector.probability(window) == 0.0
    assert len(network.states) == 40  # 8 to be calm, 32 to learn


def test_state_is_cleared_then_kept_and_put_back_while_the_line_stays_calm():
    network = CountingNetwork()
    detector = VoiceDetector(network)
    loud = np.full(WINDOW_SAMPLES, 3000, np.int16)
    steps = np.linspace(1, 3, 100)  # never within the gate: each window louder than the floor
    for factor in (1, *steps[1:]):
        detector.probability((loud * factor**4).clip(max=32000).astype(np.int16))
    assert network.states[:9] == [0, 1, 2, 3, 4, 5, 6, 7, 0]
    assert max(network.states) <= 32 + 8
    assert network.states[-1] >= 32


def test_state_is_left_alone_while_there_may_be_voice():
    network = CountingNetwork(answer=0.2)
    detector = VoiceDetector(network)
    for window in windows(silence(3)):
        assert detector.probability(window) == 0.2
    assert network.states == list(range(len(network.states)))


def test_a_window_above_the_background_passes_the_gate():
    network = CountingNetwork()
    detector = VoiceDetector(network)
    for window in windows(noise(5, -60)):
        detector.probability(window)
    seen = len(network.states)
    detector.probability(noise(0.032, -50))
    assert len(network.states) == seen + 1


def test_the_floor_follows_a_louder_background():
    network = CountingNetwork()
    detector = VoiceDetector(network)
    for window in windows(np.concatenate([noise(4, -60), noise(12, -40)])):
        detector.probability(window)
    seen = len(network.states)
    for window in windows(noise(2, -40)):
        detector.probability(window)
    assert len(network.states) == seen


def test_reset_forgets_the_call(network, say):
    speech = windows(say("yes please"))
    detector = VoiceDetector(network)
    first = [detector.probability(window) for window in speech]
    detector.reset()
    assert [detector.probability(window) for window in speech] == first


@pytest.mark.slow
def test_making_the_network_leaves_nothing_in_the_home_directory(tmp_path):
    code = "from voiced.recognizer.silero import SileroNetwork; SileroNetwork()"
    subprocess.run(
        [sys.executable, "-c", code], env={"HOME": str(tmp_path)}, timeout=60, check=True
    )
    assert list(tmp_path.iterdir()) == []
