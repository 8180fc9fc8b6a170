"""The echo guard with voices: our own that the line returns, a caller's, and both at once."""

from functools import cache

import numpy as np
import pytest

from voiced.audio.echo import ECHO_SHARE, EchoGuard, Taps
from voiced.audio.frame import LINE_RATE_HZ
from voiced.audio.g711 import decode_ulaw, encode_ulaw
from voiced.audio.level import normalize
from voiced.audio.resample import Resampler
from voiced.synthesizer.libflite import RATE_HZ, Voice

FRAME = 160
ROOM = np.zeros(40)
ROOM[[0, 5, 11, 37]] = [1.0, 0.4, -0.3, 0.15]


@cache
def say(text, rate_hz=LINE_RATE_HZ):
    pcm = Resampler(RATE_HZ, rate_hz).process(Voice("kal16").speak(text))
    return normalize(pcm, -20.0)


OURS = say("Thank you for calling Riverside Clinic. How can I help you today?")
THEIRS = say("no wait I need to talk to somebody about my appointment on friday please")


def line(*, echo_db=None, delay_s=0.15, theirs_db=None):
    """What the caller's side sends while we speak, through mu-law."""
    sent = np.random.default_rng(1).normal(0, 8, len(OURS))
    if echo_db is not None:
        n = round(delay_s * LINE_RATE_HZ)
        echo = np.convolve(OURS, ROOM)[: len(OURS) - n] * 10 ** (echo_db / 20)
        sent[n:] += echo
    if theirs_db is not None:
        n = min(len(THEIRS), len(OURS))
        sent[:n] += THEIRS[:n] * 10 ** (theirs_db / 20)
    return decode_ulaw(encode_ulaw(sent.clip(-32000, 32000).astype(np.int16)))


def shares(sent, *, agent_hz=LINE_RATE_HZ, ours=OURS):
    """What share is explained, asked every 100 ms where the caller's side is loud enough."""
    guard = EchoGuard(agent_hz=agent_hz)
    step = FRAME * agent_hz // LINE_RATE_HZ * 5
    found = []
    for i in range(0, len(sent) - FRAME, FRAME):
        now = i / LINE_RATE_HZ
        if i % (5 * FRAME) == 0:
            at = i * agent_hz // LINE_RATE_HZ
            guard.agent(ours[at : at + step], now)
        guard.caller(sent[i : i + FRAME], now + 0.02)
        recent = sent[max(0, i - 2240) : i + FRAME].astype(float)
        if i % (5 * FRAME) == 0 and now > 0.5 and np.sqrt(np.mean(recent**2)) > 150:
            found.append(guard.explained())
    return np.array(found)


@pytest.mark.parametrize("echo_db", [-12, -20, -26])
@pytest.mark.parametrize("delay_s", [0.0, 0.15, 0.5])
def test_our_own_voice_is_known_however_late_and_quiet(echo_db, delay_s):
    found = shares(line(echo_db=echo_db, delay_s=delay_s))
    assert len(found) > 5
    assert np.mean(found >= ECHO_SHARE) > 0.9


def test_a_callers_voice_is_not_taken_for_ours():
    found = shares(line(theirs_db=0))
    assert len(found) > 15
    assert found.max() < ECHO_SHARE


@pytest.mark.parametrize("echo_db", [-14, -20])
def test_a_caller_who_speaks_over_the_echo_is_noticed(echo_db):
    found = shares(line(echo_db=echo_db, theirs_db=0))
    # Not in every window: in a pause of the caller's only the echo is there.
    assert np.mean(found < ECHO_SHARE) > 0.6


def test_the_agents_audio_may_come_at_another_rate():
    ours = say("Thank you for calling Riverside Clinic. How can I help you today?", 16_000)
    found = shares(line(echo_db=-16), agent_hz=16_000, ours=ours)
    assert np.mean(found >= ECHO_SHARE) > 0.8


def test_what_was_cleared_explains_nothing():
    guard = EchoGuard()
    guard.agent(OURS[:8000], 0.0)
    guard.cleared(0.0)
    guard.caller(OURS[:FRAME], 0.02)
    assert guard.explained() == 0.0
    guard.agent(OURS[:8000], 0.0)
    guard.cleared(0.5)
    for i in range(30):
        guard.caller(OURS[i * FRAME : (i + 1) * FRAME], (i + 1) * 0.02)
    assert guard.is_echo()


def test_silence_is_no_echo():
    guard = EchoGuard()
    assert not guard.is_echo()
    guard.agent(OURS[:8000], 0.0)
    guard.caller(np.zeros(FRAME, np.int16), 0.02)
    assert not guard.is_echo()


def test_several_taps_hear_the_same():
    guards = EchoGuard(), EchoGuard()
    taps = Taps(*guards)
    taps.agent(OURS[:8000], 0.0)
    for i in range(40):
        taps.caller(OURS[i * FRAME : (i + 1) * FRAME], (i + 1) * 0.02)
    assert [guard.is_echo() for guard in guards] == [True, True]
    taps.cleared(-1.0)
    assert [guard.is_echo() for guard in guards] == [False, False]
