from __future__ import annotations

import numpy as np
import pytest

from voiced.testing.utterances import Utterance, find_turns, find_utterances, is_speech, level_dbfs


def track(*spans, length_s=10.0):
    pcm = np.zeros(round(length_s * 8000), np.int16)
    for start_s, end_s in spans:
        pcm[round(start_s * 8000) : round(end_s * 8000)] = 3000
    return pcm


def spans(utterances):
    return [(round(u.start_s, 2), round(u.end_s, 2)) for u in utterances]


def said(*pairs):
    return tuple(Utterance(start_s=start_s, end_s=end_s) for start_s, end_s in pairs)


def test_speech_is_split_at_long_pauses_only():
    pcm = track((1, 2), (2.6, 3), (4, 5))
    assert spans(find_utterances(pcm)) == [(1.0, 3.0), (4.0, 5.0)]
    assert spans(find_utterances(pcm, finished_s=0.3)) == [(1.0, 2.0), (2.6, 3.0), (4.0, 5.0)]


@pytest.mark.parametrize("length_s", [0.0, 0.001, 3.0])
def test_silence_holds_no_utterance(length_s):
    assert find_utterances(track(length_s=length_s)) == ()


def test_speech_up_to_the_last_odd_sample_is_found():
    assert spans(find_utterances(track((0, 1.003), length_s=1.003))) == [(0.0, 1.02)]


def test_levels():
    assert level_dbfs(np.zeros(0, np.int16)) == -np.inf
    assert level_dbfs(np.zeros(160, np.int16)) == -np.inf
    assert level_dbfs(np.full(160, -32768, np.int16)) == pytest.approx(0)
    assert not is_speech(np.full(160, 32768 // 200, np.int16))
    assert is_speech(np.full(160, 32768 // 150, np.int16))


def test_a_turn_goes_from_the_end_of_the_question_to_the_start_of_the_answer():
    turns = find_turns(said((1, 2), (5, 6)), said((0, 0.5), (2.7, 4), (6.9, 8)))
    assert [round(turn.latency_s, 3) for turn in turns] == [0.7, 0.9]


def test_a_question_that_goes_on_before_the_answer_counts_from_its_last_part():
    turns = find_turns(said((1, 2), (3, 4)), said((4.5, 5)))
    assert [round(turn.latency_s, 3) for turn in turns] == [0.5]


def test_an_agent_that_is_interrupted_answers_after_the_interruption():
    turns = find_turns(said((3, 4)), said((1, 3.3), (4.8, 6)))
    assert [round(turn.latency_s, 3) for turn in turns] == [0.8]


def test_no_answer_is_no_turn():
    assert find_turns(said((1, 2)), said((0, 0.5))) == ()
    assert find_turns((), said((0, 0.5))) == ()
