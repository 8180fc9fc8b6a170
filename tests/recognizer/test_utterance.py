import numpy as np
import pytest

from voiced.audio.frame import Frame
from voiced.recognizer.endpoint import EndpointSettings, Started
from voiced.recognizer.utterance import Cut, CutSettings, Utterance, UtteranceCutter

WINDOW = 256
RULES = EndpointSettings(
    silence_s=0.320,
    max_utterance_s=0.640,
    stay_above_db=-1.0,  # these voices are as even as no voice is
)
CUT = CutSettings(preroll_s=0.096, tail_s=0.128)


def level_network(samples, state):
    """A network that takes loud for voice."""
    return (1.0 if np.abs(samples[0, 32:]).mean() > 0.1 else 0.2), state


def staircase(*runs):
    """Windows, numbered from 1: each holds its number, negated and offset when it is loud."""
    levels = [loud for loud, count in runs for _ in range(count)]
    return np.concatenate(
        [np.full(WINDOW, (8000 + n) if loud else n, np.int16) for n, loud in enumerate(levels, 1)]
    )


def cuts(pcm, frame_samples=160):
    cutter = UtteranceCutter(level_network, RULES, CUT)
    found: list[Cut] = []
    for at in range(0, len(pcm), frame_samples):
        piece = pcm[at : at + frame_samples]
        found += cutter.cut(Frame(pcm=piece, at=(at + len(piece)) / 8000))
    return found


def numbers(utterance):
    """The numbers of the windows in an utterance."""
    assert len(utterance.pcm) % WINDOW == 0
    first = utterance.pcm.reshape(-1, WINDOW)[:, 0]
    return [int(n) % 8000 for n in first]


def test_utterance_has_preroll_speech_and_tail_and_no_more():
    _, utterance = cuts(staircase((False, 20), (True, 10), (False, 20)))
    assert numbers(utterance) == list(range(18, 35))  # 3 before 21, 10 of speech, 4 after


def test_speech_at_the_start_of_a_call_has_what_preroll_there_is():
    _, utterance = cuts(staircase((False, 1), (True, 5), (False, 20)))
    assert numbers(utterance) == list(range(1, 11))


def test_next_utterance_has_its_own_preroll_without_repeating_audio():
    first, second = [
        cut
        for cut in cuts(staircase((True, 5), (False, 11), (True, 5), (False, 11)))
        if isinstance(cut, Utterance)
    ]
    assert numbers(first) == list(range(1, 10))
    assert numbers(second) == list(range(14, 26))


def test_forced_ends_lose_no_audio():
    found = [cut for cut in cuts(staircase((True, 65), (False, 11))) if isinstance(cut, Utterance)]
    assert [cut.ended.forced for cut in found] == [True, True, True, False]
    assert [n for cut in found for n in numbers(cut)] == list(range(1, 70))


@pytest.mark.parametrize("frame_samples", [1, 80, 160, 256, 320, 1000])
def test_frame_size_does_not_matter(frame_samples):
    pcm = staircase((False, 5), (True, 10), (False, 20))
    [started, utterance] = cuts(pcm, frame_samples)
    assert isinstance(started, Started)
    assert numbers(utterance) == list(range(3, 20))


def test_times_of_voice_are_found_by_its_level():
    [started, utterance] = cuts(staircase((False, 5), (True, 10), (False, 20)))
    assert isinstance(started, Started)
    assert isinstance(utterance, Utterance)
    assert started.started_at == pytest.approx(5 * 0.032, abs=0.005)
    assert utterance.ended.last_voice_at == pytest.approx(15 * 0.032, abs=0.005)


def test_where_noise_is_loud_times_are_those_of_the_detector():
    hum = np.where(np.arange(35 * WINDOW) % 2, 3200, -3200).astype(np.int16)  # no voice to it
    hum[5 * WINDOW : 15 * WINDOW] *= 4
    [started, utterance] = cuts(hum)
    assert isinstance(started, Started)
    assert isinstance(utterance, Utterance)
    assert 6 * 0.032 - 0.2 <= started.started_at <= 6 * 0.032
    assert utterance.ended.last_voice_at == pytest.approx(15 * 0.032, abs=0.020)
