"""G.711 against a second reading of the standard: its decision values, searched one by one."""

import sys
import warnings
from bisect import bisect_left, bisect_right
from itertools import accumulate, chain, repeat

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiced.audio.g711 import decode_alaw, decode_ulaw, encode_alaw, encode_ulaw

ALL_CODES = bytes(range(256))
ALL_SAMPLES = np.arange(-32768, 32768).astype(np.int16)

# Tables 1 and 2 of G.711: widths of the intervals from zero upwards, in units of int16 (the
# standard's own are a quarter of that for mu-law and an eighth for A-law).
ULAW_WIDTHS = [4, *chain.from_iterable(repeat(8 << s, 15 + (s > 0)) for s in range(8))]
ALAW_WIDTHS = [*repeat(16, 32), *chain.from_iterable(repeat(32 << s, 16) for s in range(6))]
ULAW_DECISIONS = [0, *accumulate(ULAW_WIDTHS)]
ALAW_DECISIONS = [0, *accumulate(ALAW_WIDTHS)]


def interval(decisions, sample):
    """Return the number of the interval that `sample` falls into, counted from zero outwards.

    On a decision value, positive samples belong to the upper interval and negative ones to the
    lower, which is what ones' complement makes of it in the ITU's software tools.
    """
    if sample >= 0:
        found = bisect_right(decisions, sample) - 1
    else:
        found = max(0, bisect_left(decisions, -sample) - 1)
    return min(found, 127)


def scalar_encode_ulaw(sample):
    return (255 if sample >= 0 else 127) - interval(ULAW_DECISIONS, sample)


def scalar_encode_alaw(sample):
    return (interval(ALAW_DECISIONS, sample) + (128 if sample >= 0 else 0)) ^ 0x55


def scalar_decode_ulaw(code):
    number = 127 - (code & 127)
    low, high = ULAW_DECISIONS[number : number + 2]
    value = (low + high) // 2 if number else 0  # the first interval is centred on zero
    return value if code & 128 else -value


def scalar_decode_alaw(code):
    number = (code ^ 0x55) & 127
    low, high = ALAW_DECISIONS[number : number + 2]
    return (low + high) // 2 if code & 128 else -(low + high) // 2


def test_the_reference_has_the_decision_values_that_the_standard_prints():
    ulaw = [value // 4 for value in ULAW_DECISIONS]
    assert ulaw[:4] == [0, 1, 3, 5]
    assert [ulaw[n] for n in range(16, 128, 16)] == [31, 95, 223, 479, 991, 2015, 4063]
    assert (ulaw[127], ulaw[128]) == (7903, 8159)
    alaw = [value // 8 for value in ALAW_DECISIONS]
    assert [alaw[n] for n in range(16, 129, 16)] == [32, 64, 128, 256, 512, 1024, 2048, 4096]


def test_ulaw_decodes_every_code_as_the_standard_says():
    assert decode_ulaw(ALL_CODES).tolist() == [scalar_decode_ulaw(code) for code in range(256)]


def test_alaw_decodes_every_code_as_the_standard_says():
    assert decode_alaw(ALL_CODES).tolist() == [scalar_decode_alaw(code) for code in range(256)]


def test_ulaw_encodes_every_sample_as_the_standard_says():
    assert encode_ulaw(ALL_SAMPLES) == bytes(map(scalar_encode_ulaw, ALL_SAMPLES.tolist()))


def test_alaw_encodes_every_sample_as_the_standard_says():
    assert encode_alaw(ALL_SAMPLES) == bytes(map(scalar_encode_alaw, ALL_SAMPLES.tolist()))


@given(st.binary(max_size=400))
def test_alaw_codes_survive_decoding_and_encoding(payload):
    assert encode_alaw(decode_alaw(payload)) == payload


@given(st.binary(max_size=400))
def test_ulaw_codes_survive_decoding_and_encoding_but_minus_zero_becomes_plus_zero(payload):
    assert encode_ulaw(decode_ulaw(payload)) == payload.replace(b"\x7f", b"\xff")


def test_both_zeros_of_ulaw_are_silence():
    assert decode_ulaw(b"\xff\x7f").tolist() == [0, 0]
    assert encode_ulaw(np.array([0, -1], np.int16)) == b"\xff\x7f"


def test_silence_has_its_well_known_bytes():
    silence = np.zeros(160, np.int16)
    assert encode_ulaw(silence) == b"\xff" * 160
    assert encode_alaw(silence) == b"\xd5" * 160


def test_full_scale_clips_to_the_outermost_codes():
    loudest = np.array([32767, -32768], np.int16)
    assert decode_ulaw(encode_ulaw(loudest)).tolist() == [32124, -32124]
    assert decode_alaw(encode_alaw(loudest)).tolist() == [32256, -32256]


@pytest.mark.parametrize("decode", [decode_ulaw, decode_alaw])
def test_decoded_audio_is_int16_and_our_own(decode):
    pcm = decode(b"\x00\x80\xff")
    assert pcm.dtype == np.int16
    assert pcm.shape == (3,)
    before = decode(b"\x00").item()
    pcm[:] = 0
    assert decode(b"\x00").item() == before


@pytest.mark.parametrize("encode", [encode_ulaw, encode_alaw])
def test_any_layout_of_memory_is_encoded(encode):
    backwards = ALL_SAMPLES[::-7]
    assert encode(backwards) == encode(backwards.copy())
    assert encode(ALL_SAMPLES[:0]) == b""


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="audioop left the standard library")
def test_the_standard_library_agrees_where_it_follows_the_standard():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import audioop
    raw = ALL_SAMPLES.tobytes()
    assert decode_ulaw(ALL_CODES).tobytes() == audioop.ulaw2lin(ALL_CODES, 2)
    assert decode_alaw(ALL_CODES).tobytes() == audioop.alaw2lin(ALL_CODES, 2)
    assert encode_alaw(ALL_SAMPLES) == audioop.lin2alaw(raw, 2)
    # Its mu-law floors negative samples to 14 bits, which moves some across a decision value: the
    # neighbouring code, only ever below zero.
    ours = np.frombuffer(encode_ulaw(ALL_SAMPLES), np.uint8).astype(int)
    theirs = np.frombuffer(audioop.lin2ulaw(raw, 2), np.uint8).astype(int)
    assert np.abs(ours - theirs).max() == 1
    assert np.array_equal(ours[32768:], theirs[32768:])
    assert np.count_nonzero(ours != theirs) == 508
