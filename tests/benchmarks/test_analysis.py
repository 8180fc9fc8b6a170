import json
from base64 import b64encode

import numpy as np
import pytest

from benchmarks.analysis import (
    Caller,
    Received,
    Window,
    delays_s,
    gaps_s,
    onsets,
    percentiles,
    play,
    receive,
    summarize,
)
from benchmarks.audio import burst_cycle
from voiced.audio.g711 import decode_ulaw, encode_ulaw

WINDOW = Window(begin=0.0, end=4.0)
CALLER = Caller(onsets=[8000], n_frames=100, offset=0, start=0.0)
SILENCE = encode_ulaw(np.zeros(160, np.int16))


def call(arrivals, audio=None, size=160):
    """Return a call that got `size` bytes at each of `arrivals`."""
    starts = np.arange(len(arrivals)) * size
    return Received(
        arrivals=np.array(arrivals, float),
        starts=starts,
        audio=audio if audio is not None else bytes(len(arrivals) * size),
    )


def steady(n_messages=200, size=160, delay_s=0.0):
    return [delay_s + number * size / 8000 for number in range(n_messages)]


def test_only_media_messages_are_audio():
    media = json.dumps({"event": "media", "media": {"payload": b64encode(SILENCE).decode()}})
    mark = json.dumps({"event": "mark", "mark": {"name": "m"}})
    received = receive([1.0, 1.5, 2.0], [media.encode(), mark.encode(), media.encode()])
    assert received.arrivals.tolist() == [1.0, 2.0]
    assert received.starts.tolist() == [0, 160]
    assert received.audio == SILENCE * 2


def test_audio_on_schedule_has_no_gaps_whatever_the_size_of_its_messages():
    assert gaps_s(call(steady()), WINDOW).max() < 1e-9
    assert gaps_s(call(steady(40, 800), size=800), WINDOW).max() < 1e-9


def test_a_late_message_is_a_gap_of_its_lateness():
    arrivals = steady()
    arrivals[100] += 0.015
    assert gaps_s(call(arrivals), WINDOW).max() == pytest.approx(0.015)


def test_a_steady_stream_never_runs_dry():
    played = play(call(steady()), WINDOW, 0.1)
    assert played.underruns == 0
    assert played.lowest_s == pytest.approx(0.1, abs=0.021)


def test_lateness_beyond_the_prefill_is_an_underrun_and_counts_once():
    arrivals = [at + (0.15 if at >= 2.0 else 0.0) for at in steady()]
    played = play(call(arrivals), WINDOW, 0.1)
    assert played.underruns == 3  # 50 ms, in slots of 20
    assert played.lowest_s == 0.0


def test_nothing_at_all_is_nothing_but_underruns():
    assert play(call([]), WINDOW, 0.1).underruns == 200


def test_underruns_before_the_window_do_not_count():
    arrivals = [at + (0.5 if at >= 0.5 else 0.0) for at in steady()]
    assert play(call(arrivals), Window(begin=2.0, end=3.5), 0.1).underruns == 0


def test_the_burst_of_the_cycle_sets_in_once_at_its_place():
    cycle = decode_ulaw(burst_cycle())
    assert onsets(np.tile(cycle, 3)) == [8000, 24_000, 40_000]


def test_silence_and_noise_have_no_onset():
    assert onsets(np.zeros(8000, np.int16)) == []
    assert onsets(decode_ulaw(burst_cycle())[:7000]) == []


def test_the_callers_last_onset_is_found_in_every_turn_of_the_cycle():
    caller = Caller(onsets=[8000], n_frames=100, offset=25, start=10.0)
    assert caller.last_onset_before(10.4) is None
    assert caller.last_onset_before(10.6) == pytest.approx(10.5)
    assert caller.last_onset_before(14.4) == pytest.approx(12.5)


@pytest.mark.parametrize("delay_s", [0.0, 0.007, 0.2])
def test_the_delay_of_an_echo_is_measured(delay_s):
    cycle = burst_cycle()
    received = call(steady(200, delay_s=delay_s), audio=cycle * 2)
    direct, heard = delays_s(received, CALLER, WINDOW)
    assert direct == pytest.approx([delay_s] * 2, abs=1e-6)
    assert heard == pytest.approx([delay_s] * 2, abs=1e-6)


def test_what_is_heard_is_as_late_as_the_worst_of_the_last_two_seconds():
    arrivals = steady(200)
    arrivals[40] += 0.1  # before the first onset
    received = call(arrivals, audio=burst_cycle() * 2)
    direct, heard = delays_s(received, CALLER, WINDOW)
    assert direct == pytest.approx([0.0, 0.0], abs=1e-6)
    assert heard == pytest.approx([0.1, 0.0], abs=1e-6)


def test_a_run_is_summed_up():
    cycle = burst_cycle()
    window = Window(begin=0.5, end=3.5)
    calls = [call(steady(200), audio=cycle * 2)] * 2
    figures = summarize(calls, [CALLER] * 2, window, 0.1)
    assert figures["messages_per_call_s"] == pytest.approx(50)
    assert figures["audio_share"] == pytest.approx(1.0)
    assert figures["underruns_per_call_min"] == 0
    assert figures["delay_ms"]["p50"] == pytest.approx(0, abs=0.01)


def test_without_an_echo_there_is_neither_gap_nor_delay():
    figures = summarize([call(steady())], [], WINDOW, 0.1)
    assert figures["gap_ms"] is figures["delay_ms"] is figures["heard_ms"] is None


def test_percentiles_of_nothing_are_nothing():
    assert percentiles([]) is None
    assert percentiles([1.0, 2.0, 3.0]) == {"p50": 2.0, "p99": 2.98, "p999": 2.998, "max": 3.0}
