"""Whoever sits at the console."""

import numpy as np

from voiced.testing.console.party import KEY_EVERY, ConsoleParty

QUIET = np.zeros(160, np.int16)


class Card:
    def __init__(self):
        self.played = []

    def listen(self):
        return np.full(160, 7, np.int16)

    def play(self, pcm):
        self.played.append(pcm)


def test_who_types_is_silent():
    spoken = ConsoleParty().step(QUIET)
    assert not spoken.pcm.any()
    assert not spoken.hangs_up


def test_who_speaks_is_heard_and_hears():
    card = Card()
    spoken = ConsoleParty(card).step(np.full(160, 5, np.int16))
    assert (spoken.pcm == 7).all()
    assert (card.played[0] == 5).all()


def test_keys_are_pressed_one_after_the_other():
    party = ConsoleParty()
    party.press("12#")
    pressed = [party.step(QUIET).digit for _ in range(3 * KEY_EVERY)]
    assert "".join(pressed) == "12#"
    assert pressed[0] == "1"
    assert pressed[KEY_EVERY] == "2"


def test_hanging_up_ends_the_call_with_the_next_step():
    party = ConsoleParty()
    party.hang_up()
    assert party.step(QUIET).hangs_up
