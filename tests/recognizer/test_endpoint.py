import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiced.recognizer.endpoint import (
    Ended,
    Endpointer,
    EndpointSettings,
    Started,
    windows_in,
)

PLAIN_DB = 9.0
"""Above the background: enough for a voice, too little for a sound that has none."""

LEVEL_DB = 60.0
"""Of a caller, above one step of int16."""

RULES = EndpointSettings(silence_s=0.128, min_voiced_s=0.096, max_utterance_s=0.640)


def decisions(probabilities, settings=RULES):
    """Each decision with the number of its window; window n arrives at n seconds."""
    endpointer = Endpointer(settings)
    decided = (
        (n, endpointer.decide(p, float(n), PLAIN_DB, LEVEL_DB)) for n, p in enumerate(probabilities)
    )
    return [(n, decision) for n, decision in decided if decision is not None]


def shape(probabilities, settings=RULES):
    return [(n, type(decision).__name__) for n, decision in decisions(probabilities, settings)]


HIGH, MIDDLE, LOW = 0.9, 0.4, 0.1


@pytest.mark.parametrize(
    ("probabilities", "expected"),
    [
        ([LOW] * 50, []),
        ([HIGH, LOW] * 20, []),  # clicks of one window
        ([MIDDLE] * 20, []),  # never reaches the threshold
        ([LOW, HIGH, HIGH], [(2, "Started")]),
        ([HIGH, MIDDLE, LOW], [(1, "Started")]),  # hysteresis holds the second window
        ([HIGH] * 3 + [LOW] * 3 + [HIGH] + [LOW] * 3, [(1, "Started")]),  # pauses are too short
        ([HIGH] * 3 + [LOW] * 4, [(1, "Started"), (6, "Ended")]),
        ([HIGH] * 3 + [MIDDLE] * 4, [(1, "Started")]),  # a dying vowel goes on
        (
            [HIGH] * 2 + [LOW] * 4 + [HIGH] * 2 + [LOW] * 4,
            [(1, "Started"), (5, "Ended"), (7, "Started"), (11, "Ended")],
        ),
    ],
)
def test_probabilities_decide_starts_and_ends(probabilities, expected):
    assert shape(probabilities) == expected


@pytest.mark.parametrize(
    ("above_floor_db", "expected"),
    [
        ([4.9] * 20, []),  # as likely a voice as can be, but it does not stand out
        ([5.0, 5.0], [(1, "Started")]),
        ([5.0, 2.5, 2.5, 2.5, 2.5, 2.5], [(1, "Started")]),  # within an utterance less will do
        ([5.0, 5.0, 2.4, 2.4, 2.4, 2.4], [(1, "Started"), (5, "Ended")]),
        ([5.0, 5.0, 2.4, 2.4, 2.4, 2.5, 2.4], [(1, "Started")]),
    ],
)
def test_a_voice_must_stand_out_from_the_background(above_floor_db, expected):
    endpointer = Endpointer(RULES)
    decided = [
        (n, endpointer.decide(HIGH, float(n), db, LEVEL_DB)) for n, db in enumerate(above_floor_db)
    ]
    assert [(n, type(decision).__name__) for n, decision in decided if decision] == expected


@pytest.mark.parametrize(
    ("windows", "starts"),
    [
        ([(LOW, 20.0)] * 3 + [(HIGH, 20.0)], 3),  # "s", and the first of the vowel
        ([(LOW, 20.0)] * 2 + [(LOW, 0.0)] * 2 + [(HIGH, 20.0)], 4),  # "st"
        ([(LOW, 20.0)] * 2 + [(LOW, 0.0)] * 4 + [(HIGH, 20.0)] * 2, 7),  # too long ago
        ([(LOW, 20.0)] + [(HIGH, 20.0)] * 2, 2),  # too short
        ([(LOW, 9.0)] * 5 + [(HIGH, 20.0)] * 2, 6),  # too soft
    ],
)
def test_after_a_sound_without_voice_one_voiced_window_is_enough(windows, starts):
    endpointer = Endpointer(RULES)
    decided = [endpointer.decide(p, float(n), db, LEVEL_DB) for n, (p, db) in enumerate(windows)]
    assert [n for n, decision in enumerate(decided) if isinstance(decision, Started)] == [starts]


PAUSES = EndpointSettings(silence_s=0.192, pause_s=0.096)


@pytest.mark.parametrize(
    ("probabilities", "expected"),
    [
        ([HIGH] * 3 + [LOW] * 6, [(1, "Started"), (5, "Paused"), (8, "Ended")]),
        ([HIGH] * 3 + [LOW] * 2 + [HIGH], [(1, "Started")]),
        (
            [HIGH] * 3 + [LOW] * 4 + [HIGH] * 2 + [LOW] * 6,
            [(1, "Started"), (5, "Paused"), (7, "Resumed"), (11, "Paused"), (14, "Ended")],
        ),
        ([HIGH] * 2 + [LOW] * 6, [(1, "Started"), (7, "Ended")]),  # too short to be a word
    ],
)
def test_a_pause_is_told_and_its_end(probabilities, expected):
    assert shape(probabilities, PAUSES) == expected


def test_an_end_tells_whether_anything_came_after_the_pause():
    assert [d.paused for _, d in decisions([HIGH] * 3 + [LOW] * 6, PAUSES) if isinstance(d, Ended)]
    *_, (_, ended) = decisions([HIGH] * 3 + [LOW] * 4 + [HIGH] + [LOW] * 6, PAUSES)
    assert isinstance(ended, Ended)
    assert ended.paused  # of the second pause


def test_start_tells_when_voice_began():
    assert decisions([LOW, LOW, LOW, HIGH, HIGH]) == [
        (4, Started(started_at=3.0, voiced_windows=2))
    ]


def test_end_tells_when_voice_was_last_heard():
    [_, (_, ended)] = decisions([LOW, HIGH, HIGH, LOW, HIGH, LOW, LOW, LOW, LOW])
    assert ended == Ended(
        started_at=1.0, last_voice_at=4.0, silent_windows=4, forced=False, too_short=False
    )


def test_a_click_before_speech_does_not_date_its_start():
    [(_, started)] = decisions([HIGH, LOW, LOW, HIGH, HIGH])
    assert started.started_at == 3.0


def test_utterance_of_two_voiced_windows_is_too_short_and_of_three_is_not():
    assert decisions([HIGH] * 2 + [LOW] * 4)[-1][1].too_short
    assert not decisions([HIGH] * 3 + [LOW] * 4)[-1][1].too_short


def test_utterance_is_ended_by_force_at_its_maximum_length():
    found = decisions([HIGH] * 45)
    assert [(n, type(d).__name__) for n, d in found] == [
        (1, "Started"), (19, "Ended"), (21, "Started"), (39, "Ended"), (41, "Started"),
    ]  # fmt: skip
    assert found[1][1].forced
    assert found[1][1].silent_windows == 0


def test_silence_at_the_maximum_length_is_not_called_forced():
    [_, (n, ended)] = decisions([HIGH] * 16 + [LOW] * 4)
    assert (n, ended.forced) == (19, False)


def test_settings_can_change_within_an_utterance():
    endpointer = Endpointer(RULES)
    for n in range(3):
        endpointer.decide(HIGH, float(n), PLAIN_DB, LEVEL_DB)
    endpointer.settings = EndpointSettings(silence_s=0.032)
    assert isinstance(endpointer.decide(LOW, 3.0, PLAIN_DB, LEVEL_DB), Ended)


@pytest.mark.parametrize(
    ("duration_s", "windows"),
    [(0.032, 1), (0.064, 2), (0.6, 19), (0.096, 3), (20.0, 625), (0.0321, 2)],
)
def test_durations_are_rounded_up_to_whole_windows(duration_s, windows):
    assert windows_in(duration_s) == windows


@given(st.lists(st.sampled_from([LOW, MIDDLE, HIGH]), max_size=300))
def test_starts_and_ends_alternate_and_no_utterance_is_too_long(probabilities):
    found = decisions(probabilities)
    kinds = [type(decision) for _, decision in found]
    assert kinds[::2] == [Started] * len(kinds[::2])
    assert kinds[1::2] == [Ended] * len(kinds[1::2])
    for (_, started), (n, ended) in zip(found[::2], found[1::2], strict=False):
        assert started.started_at == ended.started_at <= ended.last_voice_at <= n
        assert n - started.started_at < windows_in(RULES.max_utterance_s)
