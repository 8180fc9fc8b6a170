"""The whole voice detection, network and rules, on a caller in noise. Figures: docs/turns.md."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from tests.noise import noise
from voiced.audio.frame import Frame
from voiced.audio.g711 import decode_ulaw, encode_ulaw
from voiced.audio.level import normalize
from voiced.recognizer.endpoint import EndpointSettings, Started
from voiced.recognizer.utterance import CutSettings, SoFar, Utterance, UtteranceCutter

RULES = EndpointSettings(pause_s=0.32)
CUT = CutSettings()
TEXTS = (
    "yes", "i would like to book an appointment please", "no", "on monday", "hello",
    "can i speak to a person", "at half past three", "that is all thank you",
)  # fmt: skip
LEAD_S = 3.0
GAP_S = 1.4


@dataclass
class Heard:
    """What was made of each text, in seconds.

    `missed` texts have no start of their own, `false` starts are beside all texts; `lost` is how
    much of a text the decoder is not given, in the worst case.
    """

    started_late: list[float] = field(default_factory=list)
    onset_error: list[float] = field(default_factory=list)
    end_error: list[float] = field(default_factory=list)
    told_after: list[float] = field(default_factory=list)
    missed: int = 0
    false: int = 0
    lost: float = 0.0


def line(samples):
    """Int16 as the telephone brings it."""
    return decode_ulaw(encode_ulaw(np.clip(np.rint(samples), -32767, 32767).astype(np.int16)))


def cuts(network, pcm):
    cutter = UtteranceCutter(network, RULES, CUT)
    for end in range(160, len(pcm) + 1, 160):
        at = end / 8000
        for cut in cutter.cut(Frame(pcm=pcm[end - 160 : end], at=at)):
            yield at, cut


def scene(say, dbfs, kind, snr_db):
    """Return the texts at `dbfs` (RMS of speech) in noise, and where each is."""
    parts, spans, n = [np.zeros(round(LEAD_S * 8000))], [], round(LEAD_S * 8000)
    for text in TEXTS:
        pcm = normalize(say(text), dbfs).astype(float)
        loud = np.flatnonzero(np.abs(pcm) > np.abs(pcm).max() / 32)  # 30 dB
        spans.append(((n + loud[0]) / 8000, (n + loud[-1]) / 8000))
        parts += [pcm, np.zeros(round(GAP_S * 8000))]
        n += len(parts[-2]) + len(parts[-1])
    samples = np.concatenate(parts)
    if kind:
        seconds = len(samples) / 8000
        samples += noise(kind, seconds, dbfs - snr_db, talk=[say(text) for text in TEXTS])
    return line(samples), spans


def heard(network, say, dbfs, kind, snr_db):
    pcm, spans = scene(say, dbfs, kind, snr_db)
    found = list(cuts(network, pcm))
    starts = [(at, cut.started_at) for at, cut in found if isinstance(cut, Started)]
    whole = [(at, cut) for at, cut in found if isinstance(cut, Utterance)]
    result = Heard(false=len(starts))
    for begins, ends in spans:
        own = [(at, voice) for at, voice in starts if begins - 0.15 <= at <= ends + 0.3]
        if own:
            result.false -= len(own)
            result.started_late.append(own[0][0] - begins)
            result.onset_error.append(own[0][1] - begins)
        else:
            result.missed += 1
        told_at, utterance = next((at, cut) for at, cut in whole if at > ends)
        result.end_error.append(utterance.ended.last_voice_at - ends)
        result.told_after.append(told_at - ends)
        kept_until = told_at - max(0, utterance.ended.silent_windows * 0.032 - CUT.tail_s)
        kept_from = kept_until - len(utterance.pcm) / 8000
        lost = max(0.0, kept_from - begins) + max(0.0, ends - kept_until)
        result.lost = max(result.lost, lost)
    return result


SCENES = [
    (-20, "", 99),
    (-45, "", 99),
    (-15, "white", 10),
    (-45, "white", 10),
    (-30, "pink", 20),
    (-45, "pink", 10),
    (-20, "hum", 10),
    (-35, "hum", 5),
    (-25, "music", 20),
    (-45, "music", 10),
]


@pytest.mark.slow
@pytest.mark.parametrize(("dbfs", "kind", "snr_db"), SCENES)
def test_every_word_is_heard_in_noise_and_nothing_else(network, say, dbfs, kind, snr_db):
    found = heard(network, say, dbfs, kind, snr_db)
    assert (found.missed, found.false) == (0, 0)
    assert max(found.started_late) < 0.35  # the pre-roll is 0.4
    assert found.lost < 0.02
    # When the voice began and ended is known, though the network is misled by 150-250 ms.
    assert -0.1 < np.median(found.onset_error) < 0.05
    assert np.percentile(np.abs(found.onset_error), 80) < 0.1
    assert abs(np.median(found.end_error)) < 0.06
    assert np.median(found.told_after) < 0.8


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["white", "pink", "hum"])
def test_at_5_db_hardly_a_word_is_missed(network, say, kind):
    found = heard(network, say, -20, kind, 5)
    assert found.missed <= 1
    assert found.false == 0


@pytest.mark.slow
@pytest.mark.parametrize("snr_db", [20, 30])
def test_a_caller_in_the_talk_of_others_is_heard_and_his_end_is_found(network, say, snr_db):
    found = heard(network, say, -20, "babble", snr_db)
    assert found.lost < 0.02
    assert max(found.told_after) < 0.85
    assert found.false <= 2  # they are a voice until the caller has spoken once
    assert found.missed <= 1  # ... and may have begun his first utterance for him


@pytest.mark.slow
@pytest.mark.parametrize("dbfs", [-25, -45])
@pytest.mark.parametrize("kind", ["white", "pink", "hum", "music"])
def test_noise_and_music_alone_are_no_voice(network, kind, dbfs):
    assert list(cuts(network, line(noise(kind, 20.0, dbfs)))) == []


@pytest.mark.slow
def test_a_caller_who_talks_without_a_pause_does_not_become_the_background(network, say):
    talk = np.concatenate([say(text) for text in TEXTS * 2])  # gaps of 0.2 s: 19 s in all
    samples = np.concatenate([np.zeros(16000), talk, np.zeros(8000)])
    pcm = line(samples + noise("pink", len(samples) / 8000, -50))
    utterances = [cut for _, cut in cuts(network, pcm) if isinstance(cut, Utterance)]
    kept_s = sum(len(cut.pcm) for cut in utterances) / 8000
    assert kept_s > 0.97 * len(talk) / 8000


def test_a_short_click_is_no_utterance_and_a_pause_inside_one_is_no_end(network, say):
    click = np.zeros(160)
    click[::2] = 12000
    first, second = say("i would like to book"), say("an appointment please")
    pcm = np.concatenate([np.zeros(16000), click, np.zeros(16000)])
    assert list(cuts(network, line(pcm))) == []
    pcm = np.concatenate([np.zeros(16000), first, np.zeros(800), second, np.zeros(8000)])
    kinds = [type(cut) for _, cut in cuts(network, line(pcm))]
    assert kinds.count(Started) == kinds.count(Utterance) == 1
    assert SoFar in kinds
