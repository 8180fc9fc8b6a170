"""Whose voice it is, by its level: windows as likely as can be, at levels of our choice."""

import pytest

from voiced.recognizer.endpoint import Ended, Endpointer, EndpointSettings, Started

RULES = EndpointSettings(silence_s=0.128, min_voiced_s=0.096, max_utterance_s=0.640)
CALLER, ROOM = 60, 30
"""Decibels above one step of int16."""


class Caller:
    """A line on which somebody talks at levels of our choice, `room` dB loud without him."""

    def __init__(self, room=ROOM):
        self.room = room
        self.endpointer = Endpointer(RULES)
        self.n = 0

    def talks(self, level_db, windows=8):
        """Return what is decided meanwhile, and in the silence behind it."""
        decided = []
        for level, likely in [(level_db, 0.99)] * windows + [(self.room, 0.0)] * 5:
            self.n += 1
            decided.append(
                self.endpointer.decide(likely, float(self.n), level - self.room, float(level))
            )
        return [type(decision) for decision in decided if decision is not None]


HEARD = [Started, Ended]


def test_talk_in_the_background_is_heard_until_it_is_known_how_loud_the_caller_is():
    line = Caller(room=CALLER - 30)
    assert line.talks(CALLER - 20) == HEARD
    assert line.talks(CALLER) == HEARD
    assert line.talks(CALLER - 20) == []
    assert line.talks(CALLER - 10) == HEARD


def test_who_speaks_softly_in_a_quiet_room_is_heard():
    line = Caller(room=10)
    assert line.talks(CALLER) == HEARD
    assert line.talks(26) == HEARD


def test_who_has_shouted_once_is_not_held_to_it():
    line = Caller(room=CALLER - 20)
    assert line.talks(CALLER + 12) == HEARD
    assert line.talks(CALLER) == HEARD  # 12 dB below: near enough, and now 6 of them are forgotten
    assert line.talks(CALLER - 6) == HEARD


@pytest.mark.parametrize("windows", [2, 100])
def test_clicks_and_what_never_ends_teach_nothing(windows):
    line = Caller(room=CALLER - 30)
    line.talks(CALLER + 10, windows)
    assert line.talks(CALLER - 17) == HEARD


def test_the_level_is_forgotten_in_time():
    line = Caller(room=CALLER - 30)
    line.talks(CALLER)
    assert line.talks(CALLER - 18) == []
    for _ in range(1000):  # 32 s
        line.endpointer.decide(0.0, 0.0, 0.0, float(line.room))
    assert line.talks(CALLER - 18) == []
    for _ in range(1000):
        line.endpointer.decide(0.0, 0.0, 0.0, float(line.room))
    assert line.talks(CALLER - 18) == HEARD


def test_a_pause_that_others_fill_is_one():
    line = Caller(room=CALLER - 33)
    ends = []
    for n, level_db in enumerate([CALLER] * 8 + [CALLER - 21] * 4):
        ends.append(line.endpointer.decide(0.99, float(n), level_db - line.room, level_db))
    assert isinstance(ends[-1], Ended)
    assert ends[-1].last_voice_at == 7.0


def test_a_word_that_begins_softly_is_dated_from_there():
    line = Caller(room=CALLER - 30)
    line.talks(CALLER)
    levels = [CALLER - 28, CALLER - 19, CALLER - 19, CALLER - 19, CALLER]
    decided = [
        line.endpointer.decide(0.99, 100.0 + n, level_db - line.room, level_db)
        for n, level_db in enumerate(levels)
    ]
    assert decided == [None] * 4 + [Started(started_at=101.0, voiced_windows=4)]
