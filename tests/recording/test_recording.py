"""The file while it grows and at its end, on a good disk, a slow one, a full one and a dead one."""

import errno
import os
import resource
import stat
import subprocess
import sys
import wave
from functools import partial

import numpy as np
import pytest
import trio

from voiced.audio.wav import read_wav
from voiced.recording.recording import BLOCK_S, MOST_BLOCKS, Recording
from voiced.recording.stereo_timeline import SETTLE_S

FRAME = np.full(160, 1000, np.int16)


async def inline(work, *args):
    await trio.lowlevel.checkpoint()
    work(*args)


class Disk:
    """Runs work inline; takes `delay_s` for it, or fails with one of `errors` (0: does not)."""

    def __init__(self, *, delay_s=0.0, errors=()):
        self.delay_s = delay_s
        self.errors = list(errors)
        self.n_writes = 0

    async def __call__(self, work, *args):
        await trio.sleep(self.delay_s)
        self.n_writes += 1
        error = self.errors.pop(0) if self.errors else 0
        if error:
            raise OSError(error, os.strerror(error))
        work(*args)


def stereo(path):
    with wave.open(str(path), "rb") as reader:
        assert reader.getparams()[:3] == (2, 2, 8000)
        n_frames = reader.getnframes()
        samples = np.frombuffer(reader.readframes(n_frames), "<i2").reshape(-1, 2)
    assert len(samples) == n_frames
    return samples


async def record(path, run_sync, lasts_s, *, close_s=5.0):
    """Record a caller who makes the same noise all the time; return the closed recording."""
    recording = Recording(path, trio.current_time(), run_sync)
    begun_at = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(recording.run)
        for n in range(round(lasts_s * 50)):
            await trio.sleep_until(begun_at + n * 0.02)
            recording.timeline.caller(FRAME, trio.current_time())
        await trio.sleep_until(begun_at + lasts_s)
        nursery.cancel_scope.cancel()
    recording.end(trio.current_time())
    with trio.move_on_after(close_s):
        await recording.close()
    return recording


@pytest.mark.parametrize("lasts_s", [0.02, 0.5, 3.999, 4.0, 17.43])
async def test_the_file_is_as_long_as_the_call(tmp_path, autojump_clock, lasts_s):
    path = tmp_path / "a" / "audio.wav"
    recording = await record(path, inline, lasts_s)
    assert len(stereo(path)) == round(lasts_s * 8000)
    assert recording.document() == {"file": "audio.wav", "dropped_s": 0.0}


async def test_the_file_holds_what_was_put_in(tmp_path, autojump_clock):
    await record(tmp_path / "audio.wav", inline, 7.0)
    samples = stereo(tmp_path / "audio.wav")
    assert (samples[:, 0] == 1000).all()
    assert not samples[:, 1].any()


async def test_only_the_owner_may_read_it(tmp_path, autojump_clock):
    path = tmp_path / "calls" / "audio.wav"
    old = os.umask(0)
    try:
        await record(path, inline, 1.0)
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


async def test_the_file_is_whole_after_every_block(tmp_path, autojump_clock):
    path = tmp_path / "audio.wav"
    lengths = []

    async def look_after(work, *args):
        await inline(work, *args)
        lengths.append(len(stereo(path)) / 8000)
        assert len(read_wav(path.read_bytes())[0]) == len(stereo(path))

    await record(path, look_after, 8.5)
    assert lengths == [1.0, 2.0, 3.0, 4.0, 8.5]


async def test_a_call_without_any_media_leaves_no_file(tmp_path, autojump_clock):
    recording = Recording(tmp_path / "audio.wav", trio.current_time(), inline)
    recording.end(trio.current_time())
    await recording.close()
    assert recording.document() == {"file": None, "dropped_s": 0.0}
    assert list(tmp_path.iterdir()) == []


async def test_the_end_may_be_told_twice_and_the_first_time_counts(tmp_path, autojump_clock):
    path = tmp_path / "audio.wav"
    recording = Recording(path, trio.current_time(), inline)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(recording.run)
        await trio.sleep(6.5)
        recording.end(trio.current_time())
        await trio.sleep(100)
    recording.end(trio.current_time())
    await recording.close()
    assert len(stereo(path)) == 6.5 * 8000


# -- bad disks -------------------------------------------------------------------------------------


async def test_a_disk_that_is_full_for_a_while_leaves_silence_in_its_place(
    tmp_path, autojump_clock
):
    path = tmp_path / "audio.wav"
    recording = await record(path, Disk(errors=[0, errno.ENOSPC, errno.ENOSPC]), 10.0)
    left = stereo(path)[:, 0]
    assert len(left) == 80_000
    assert (left[:8000] == 1000).all()
    assert not left[8000:24_000].any()
    assert (left[24_000:] == 1000).all()
    assert recording.document() == {"file": "audio.wav", "dropped_s": 2.0}


async def test_a_disk_that_is_full_from_the_beginning_leaves_no_file(tmp_path, autojump_clock):
    disk = Disk(errors=[errno.ENOSPC] * 100)
    recording = await record(tmp_path / "audio.wav", disk, 10.0)
    assert recording.document() == {"file": None, "dropped_s": 10.0}


async def test_of_a_block_that_fits_only_in_part_nothing_is_kept(tmp_path, autojump_clock):
    path = tmp_path / "audio.wav"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    two_blocks = 44 + 2 * 32_000
    resource.setrlimit(resource.RLIMIT_FSIZE, (two_blocks + 10_000, limits[1]))
    try:
        recording = await record(path, inline, 8.0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.stat().st_size == two_blocks
    assert (stereo(path)[:, 0] == 1000).all()
    assert recording.document() == {"file": "audio.wav", "dropped_s": 6.0}


async def test_what_is_lost_at_the_end_is_silence_of_its_length(tmp_path, autojump_clock):
    path = tmp_path / "audio.wav"
    recording = await record(path, Disk(errors=[0, 0, 0, errno.EIO]), 7.5)
    samples = stereo(path)
    assert len(samples) == 60_000
    assert (samples[:24_000, 0] == 1000).all()
    assert not samples[24_000:].any()
    assert recording.dropped_s == 4.5


async def test_a_directory_that_cannot_be_made_is_an_ordinary_failure(tmp_path, autojump_clock):
    (tmp_path / "calls").write_text("in the way")
    recording = await record(tmp_path / "calls" / "audio.wav", inline, 6.0)
    assert recording.document() == {"file": None, "dropped_s": 6.0}


async def test_a_slow_disk_costs_blocks_and_neither_time_nor_memory(tmp_path, autojump_clock):
    path = tmp_path / "audio.wav"
    disk = Disk(delay_s=3.0)
    recording = await record(path, disk, 60.0, close_s=100.0)
    samples = stereo(path)
    assert len(samples) == 60 * 8000
    assert 20 < recording.dropped_s < 60 - MOST_BLOCKS
    written = np.count_nonzero(samples[:, 0]) / 8000
    assert written == pytest.approx(60 - recording.dropped_s)


async def test_a_dead_disk_is_given_up_at_the_deadline(tmp_path, autojump_clock):
    disk = Disk(delay_s=float("inf"))
    started_at = trio.current_time()
    recording = await record(tmp_path / "audio.wav", disk, 30.0, close_s=2.0)
    assert trio.current_time() - started_at == pytest.approx(32.0)
    assert recording.document() == {"file": None, "dropped_s": 30.0}


async def test_a_block_whose_write_was_cut_by_the_end_of_the_call_is_written_again(
    tmp_path, autojump_clock
):
    path = tmp_path / "audio.wav"
    recording = await record(path, Disk(delay_s=0.6), 5.3)
    assert len(stereo(path)) == 5.3 * 8000
    assert (stereo(path)[:, 0] == 1000).all()
    assert recording.dropped_s == 0.0


async def test_a_thread_that_was_stuck_does_not_shorten_the_file(tmp_path, autojump_clock):
    path = tmp_path / "audio.wav"
    first: list[partial[None]] = []

    async def stuck_once(work, *args):
        if not first:
            first.append(partial(work, *args))
            await trio.sleep_forever()
        await inline(work, *args)

    await record(path, stuck_once, 7.0)
    before = path.read_bytes()
    first[0]()
    assert path.read_bytes() == before
    assert (stereo(path)[:, 0] == 1000).all()


# -- a real process --------------------------------------------------------------------------------

KILLED = """
import os, signal, sys
from functools import partial
from pathlib import Path
import numpy as np, trio
from voiced.recording.recording import Recording

async def main():
    path = Path(sys.argv[1])
    run_sync = partial(trio.to_thread.run_sync, abandon_on_cancel=True)
    begun_at = trio.current_time() - 12
    recording = Recording(path, begun_at, run_sync)
    for n in range(600):
        recording.timeline.caller(np.full(160, 1000, np.int16), begun_at + n / 50)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(recording.run)
        while not path.exists() or path.stat().st_size < 44 + 8 * 32_000:
            await trio.sleep(0.01)
        os.kill(os.getpid(), signal.SIGKILL)

trio.run(main)
"""


@pytest.mark.slow
def test_kill_9_leaves_a_file_that_can_be_read(tmp_path):
    path = tmp_path / "audio.wav"
    done = subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False, timeout=60)
    assert done.returncode == -9
    samples = stereo(path)
    assert (12 - SETTLE_S - BLOCK_S) * 8000 <= len(samples) <= (12 - SETTLE_S) * 8000
    assert (samples[:, 0] == 1000).all()
    pcm, rate_hz = read_wav(path.read_bytes())
    assert (len(pcm), rate_hz) == (len(samples), 8000)
