"""Microphone and loudspeaker, and what is said where there are none."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from voiced.errors import StartupError
from voiced.testing.console.sound_card import MOST_FRAMES, PortAudioCard, open_sound_card


class Refused(Exception):
    pass


class Stream:
    """As PortAudio's: calls back once when it is opened."""

    def __init__(self, *, samplerate, blocksize, channels, dtype, latency, callback):
        assert (samplerate, blocksize, channels, dtype) == (8000, 160, 1, "int16")
        self.callback = callback
        self.played = bytearray(320)

    def __enter__(self):
        heard = np.full(160, 9, np.int16).tobytes()
        self.callback(heard, memoryview(self.played), 160, None, None)

    def __exit__(self, *_error):
        pass


def sounddevice(stream):
    return SimpleNamespace(RawStream=stream, PortAudioError=Refused)


def test_what_the_microphone_hears_comes_and_what_is_played_goes(monkeypatch):
    monkeypatch.setitem(sys.modules, "sounddevice", sounddevice(Stream))
    with open_sound_card() as card:
        assert (card.listen() == 9).all()
        assert not card.listen().any()  # nothing more has come
        card.play(np.full(160, 3, np.int16))
        played = bytearray(320)
        card.called_back(bytes(320), memoryview(played), 160, None, None)
        assert (np.frombuffer(bytes(played), np.int16) == 3).all()


def test_neither_side_lags_behind_for_long():
    card = PortAudioCard()
    for n in range(100):
        card.called_back(np.full(160, n, np.int16).tobytes(), memoryview(bytearray(320)), 160, 0, 0)
    heard = [int(card.listen()[0]) for _ in range(MOST_FRAMES + 1)]
    assert heard == [*range(100 - MOST_FRAMES, 100), 0]


def test_without_the_package_its_name_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(StartupError, match=r"pip install 'voiced\[console\]'"), open_sound_card():
        pass


def test_without_hardware_that_is_said(monkeypatch):
    def refuse(**_):
        raise Refused("Error querying device -1")

    monkeypatch.setitem(sys.modules, "sounddevice", sounddevice(refuse))
    with pytest.raises(StartupError, match="no microphone and loudspeaker"), open_sound_card():
        pass
