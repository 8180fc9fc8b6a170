from __future__ import annotations

import numpy as np
import pytest

from voiced.testing.caller import Line, PlayedCaller, ScriptedCaller, silent_caller, tone_caller
from voiced.testing.utterances import level_dbfs

SILENCE = np.zeros(160, np.int16)
VOICE = np.full(160, 3000, np.int16)
SPEECH = np.full(1600, 2000, np.int16)  # 0.2 s


def line(**more):
    return Line(pcm=SPEECH, text="hello", **more)


def run(caller, agent):
    """Step through `agent`: (seconds, speaks) pairs; returns when the caller spoke, and the end."""
    now, spoke, ended = 0.0, [], None
    for seconds, speaks in agent:
        for _ in range(round(seconds / 0.02)):
            step = caller.step(VOICE if speaks else SILENCE)
            assert len(step.pcm) == 160
            if step.pcm.any():
                spoke.append(round(now, 2))
            if step.hangs_up:
                ended = round(now, 2)
            now += 0.02
    return (spoke[0] if spoke else None), ended


def test_a_line_is_said_when_the_agent_has_been_silent_for_700_ms_after_speaking():
    caller = ScriptedCaller([line()])
    start, _ = run(caller, [(1.0, False), (2.0, True), (2.0, False)])
    assert start == pytest.approx(3.68)  # the 35th frame of silence is heard from 3.68 to 3.70
    (said,) = caller.utterances
    assert (said.start_s, said.end_s, said.text) == pytest.approx((3.68, 3.88, "hello"))


def test_a_pause_of_the_agent_is_not_its_end():
    start, _ = run(ScriptedCaller([line()]), [(1, True), (0.6, False), (1, True), (1, False)])
    assert start == pytest.approx(3.28)


def test_a_line_can_wait_longer():
    start, _ = run(ScriptedCaller([line(after_s=1.5)]), [(1.0, True), (3.0, False)])
    assert start == pytest.approx(2.48)


def test_barge_in_speaks_over_the_agent():
    start, _ = run(ScriptedCaller([line(barge_in=True, after_s=0.5)]), [(3.0, True)])
    assert start == pytest.approx(0.48)


def test_each_line_needs_an_answer_to_the_one_before():
    caller = ScriptedCaller([line(), line()])
    run(caller, [(1, True), (3, False)])
    assert len(caller.utterances) == 1
    run(caller, [(1, True), (3, False)])
    assert len(caller.utterances) == 2
    assert caller.notes == []


def test_without_an_answer_the_next_line_is_said_in_the_end_with_a_note():
    caller = ScriptedCaller([line(), line()], patience_s=5.0)
    run(caller, [(1, True), (7, False)])
    assert len(caller.utterances) == 2
    assert caller.notes == ["heard nothing for 5 s before line 2"]


def test_after_the_last_line_the_agent_has_its_time_to_hang_up():
    caller = ScriptedCaller([line()], goodbye_s=4.0)
    _, ended = run(caller, [(1, True), (2, False), (1, True), (3.9, False)])
    assert ended is None
    _, ended = run(caller, [(0.2, False)])
    assert ended is not None
    assert caller.notes == ["the agent had not hung up 4 s after the last word"]


def test_a_played_caller_reports_what_it_has_played():
    pcm = np.concatenate((np.zeros(8000, np.int16), SPEECH, np.zeros(8000, np.int16)))
    caller = PlayedCaller(pcm, hangs_up_s=2.0, keys=[(0.5, "1"), (0.6, "#")])
    steps = [caller.step(SILENCE) for _ in range(101)]
    assert [(n, step.digit) for n, step in enumerate(steps) if step.digit] == [(25, "1"), (30, "#")]
    assert [n for n, step in enumerate(steps) if step.hangs_up] == [100]
    assert np.array_equal(np.concatenate([step.pcm for step in steps])[: len(pcm)], pcm[:16160])
    (said,) = caller.utterances
    assert (said.start_s, said.end_s) == pytest.approx((1.0, 1.2))


def test_a_tone_has_its_level_and_its_place():
    caller = tone_caller(starts_s=0.2, lasts_s=0.2, level_dbfs=-12.0)
    frames = [caller.step(SILENCE).pcm for _ in range(30)]
    assert [n for n, pcm in enumerate(frames) if pcm.any()] == list(range(10, 20))
    assert level_dbfs(np.concatenate(frames[10:20])) == pytest.approx(-12, abs=0.1)


def test_who_only_wants_to_see_that_the_line_is_up_hangs_up_once_it_has_heard_enough():
    caller = tone_caller(starts_s=0.0, lasts_s=9.0, heard_s=0.1)
    assert run(caller, [(1.0, False), (0.06, True), (0.5, False), (0.04, True)]) == (0.0, 1.58)


def test_a_silent_caller_says_nothing():
    caller = silent_caller(hangs_up_s=0.1)
    steps = [caller.step(VOICE) for _ in range(6)]
    assert not any(step.pcm.any() for step in steps)
    assert steps[5].hangs_up
