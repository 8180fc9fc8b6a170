"""Real worker processes throughout: killed, stopped, abandoned."""

import os
import signal
import sys
from contextlib import suppress

import numpy as np
import pytest
import trio

from voiced.errors import RecognizerFailed
from voiced.recognizer.base import Vocabulary
from voiced.recognizer.pool import MAX_PREPARED, open_pool

pytestmark = pytest.mark.slow

SILENCE = np.zeros(8000, np.int16)
BROKEN = (sys.executable, "-c", "raise SystemExit(3)")
TALKS_GARBAGE = (sys.executable, "-c", "print('hello, world, how do you do')")


@pytest.fixture(autouse=True)
def time_limit():
    """No test here may hang: a wait that should end and does not is a failure."""

    def too_slow(*_):
        raise TimeoutError("30 s have passed")

    before = signal.signal(signal.SIGALRM, too_slow)
    signal.alarm(30)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def exists(pid):
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


async def the_pid(pool, vocabulary):
    await pool.decode(SILENCE, vocabulary)
    [pid] = pool.statistics().pids
    return pid


async def test_words_come_back_from_a_worker(say, vocabulary):
    async with open_pool() as pool:
        transcript = await pool.decode(say("on tuesday please"), vocabulary)
        assert transcript.text == "on tuesday please"
        assert pool.statistics().starts == 1


async def test_prepared_vocabulary_is_loaded_once_and_again_after_a_restart(say, vocabulary):
    async with open_pool() as pool:
        loaded = await pool.prepare(vocabulary)
        assert loaded is not None
        assert loaded.words > 30
        assert await pool.prepare(vocabulary) is None
        (pid,) = pool.statistics().pids
        os.kill(pid, signal.SIGKILL)
        assert (await pool.decode(say("yes"), vocabulary)).text == "yes"


async def test_more_vocabularies_than_a_worker_holds_are_all_served(say):
    async with open_pool() as pool:
        many = [Vocabulary(("yes", f"call {'a' * (n + 1)}")) for n in range(MAX_PREPARED + 2)]
        for vocabulary in (*many, *many):
            await pool.prepare(vocabulary)
            assert (await pool.decode(say("yes"), vocabulary)).text == "yes"


async def test_a_vocabulary_too_big_to_send_is_refused_and_the_worker_kept(say, vocabulary):
    async with open_pool() as pool:
        pid = await the_pid(pool, vocabulary)
        with pytest.raises(RecognizerFailed, match="bytes are more than"):
            await pool.prepare(Vocabulary(("yes " * 3_000_000,)))
        assert (await pool.decode(say("yes"), vocabulary)).text == "yes"
        assert pool.statistics().pids == (pid,)


async def test_callers_share_the_workers_and_each_gets_its_own_words(say, vocabulary):
    texts = ["yes", "no", "on tuesday please", "at half past three"] * 3
    found: dict[int, str] = {}

    async def decode(number, text):
        found[number] = (await pool.decode(say(text), vocabulary)).text

    async with open_pool(2) as pool, trio.open_nursery() as nursery:
        for number, text in enumerate(texts):
            nursery.start_soon(decode, number, text)
    assert [found[number] for number in range(len(texts))] == texts


async def test_worker_killed_at_work_is_replaced_and_the_utterance_retried(say, vocabulary):
    async with open_pool() as pool:
        pid = await the_pid(pool, vocabulary)
        os.kill(pid, signal.SIGSTOP)  # so that it is surely at work when it is killed
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def decode():
                assert (await pool.decode(say("no"), vocabulary)).text == "no"

            await trio.testing.wait_all_tasks_blocked(0.05)
            os.kill(pid, signal.SIGKILL)
        assert pool.statistics().starts == 2
        assert not exists(pid)


async def test_worker_that_dies_while_free_costs_nobody_an_attempt(say, vocabulary):
    async with open_pool() as pool:
        for _ in range(3):
            os.kill(await the_pid(pool, vocabulary), signal.SIGKILL)
        assert (await pool.decode(say("yes"), vocabulary)).text == "yes"


async def test_wedged_worker_is_killed_at_the_callers_deadline(say, vocabulary):
    async with open_pool() as pool:
        pid = await the_pid(pool, vocabulary)
        os.kill(pid, signal.SIGSTOP)
        with trio.move_on_after(0.1) as scope:
            await pool.decode(say("yes"), vocabulary)
        assert scope.cancelled_caught
        assert (await pool.decode(say("no"), vocabulary)).text == "no"
        assert not exists(pid)


@pytest.mark.parametrize("delay_s", [0, 0.001, 0.01, 0.03])
async def test_abandoned_utterance_does_not_answer_for_the_next(say, vocabulary, delay_s):
    async with open_pool() as pool:
        await the_pid(pool, vocabulary)
        with trio.move_on_after(delay_s):
            await pool.decode(say("i would like to book an appointment please"), vocabulary)
        assert (await pool.decode(say("no"), vocabulary)).text == "no"


async def test_utterance_that_kills_two_workers_fails(vocabulary):
    async def kill_every_worker():
        while True:
            for pid in pool.statistics().pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            await trio.sleep(0.001)

    async with open_pool() as pool, trio.open_nursery() as nursery:
        await the_pid(pool, vocabulary)
        long = np.random.default_rng(1).integers(-3000, 3000, 160_000).astype(np.int16)
        nursery.start_soon(kill_every_worker)
        with pytest.raises(RecognizerFailed, match="decoder workers"):  # died, or do not start
            await pool.decode(long, vocabulary)
        nursery.cancel_scope.cancel()


async def test_too_many_waiting_callers_are_refused_and_the_others_served(say, vocabulary):
    outcomes = []

    async def decode():
        await trio.lowlevel.checkpoint()
        try:
            outcomes.append((await pool.decode(say("yes"), vocabulary)).text)
        except RecognizerFailed as failed:
            outcomes.append(str(failed))

    async with open_pool(max_waiting=2) as pool:
        await the_pid(pool, vocabulary)
        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(decode)
    assert outcomes[:2] == ["embedded recognizer: overloaded: 2 utterances wait"] * 2
    assert outcomes[2:] == ["yes"] * 3


@pytest.mark.parametrize("command", [BROKEN, TALKS_GARBAGE, ("/nonexistent/worker",)])
async def test_workers_that_do_not_start_are_reported_to_callers(vocabulary, command):
    async with open_pool(command=command) as pool:
        while pool.statistics().starts < 4:  # noqa: ASYNC110 - nothing tells of it
            await trio.sleep(0.05)
        with pytest.raises(RecognizerFailed, match="do not start"):
            await pool.decode(SILENCE, vocabulary)


async def test_the_pool_recovers_once_workers_start_again(tmp_path, say, vocabulary):
    script = (
        "import os, sys; out = open(sys.argv[1], 'a'); out.write('x'); out.flush()\n"
        "out.tell() > 3 or sys.exit(3)\n"
        "os.execv(sys.executable, [sys.executable, '-m', 'voiced.recognizer.worker'])"
    )
    command = (sys.executable, "-c", script, str(tmp_path / "starts"))
    async with open_pool(command=command) as pool:
        while not pool.statistics().free:  # noqa: ASYNC110 - nothing tells of it
            await trio.sleep(0.05)
        assert pool.statistics().starts == 4
        assert (await pool.decode(say("yes"), vocabulary)).text == "yes"


async def test_nothing_is_left_after_the_pool_whatever_its_workers_do(vocabulary):
    await trio.lowlevel.checkpoint()
    async with open_pool(2) as pool:
        await pool.prepare(vocabulary)
        while len(pool.statistics().pids) < 2:  # noqa: ASYNC110 - nothing tells of it
            await trio.sleep(0.01)
        busy, stopped = pids = pool.statistics().pids
        os.kill(stopped, signal.SIGSTOP)
        started = trio.current_time()
    assert not any(exists(pid) for pid in pids)
    assert trio.current_time() - started < 5
    assert busy != stopped


async def test_a_worker_ignores_the_signals_that_are_meant_for_the_daemon(say, vocabulary):
    async with open_pool() as pool:
        pid = await the_pid(pool, vocabulary)
        os.kill(pid, signal.SIGINT)
        os.kill(pid, signal.SIGTERM)
        assert (await pool.decode(say("yes"), vocabulary)).text == "yes"
        assert pool.statistics().pids == (pid,)


async def test_a_worker_is_not_given_our_secrets(monkeypatch, vocabulary):
    monkeypatch.setenv("TELNYX_API_KEY", "KEY-of-a-test")
    async with open_pool() as pool:
        pid = await the_pid(pool, vocabulary)
        environment = await trio.Path(f"/proc/{pid}/environ").read_bytes()
    assert b"PATH=" in environment
    assert b"KEY-of-a-test" not in environment


async def test_a_worker_loads_neither_the_run_loop_nor_the_detectors_runtime(vocabulary):
    async with open_pool() as pool:
        pid = await the_pid(pool, vocabulary)
        maps = await trio.Path(f"/proc/{pid}/maps").read_text()
    assert "pocketsphinx" in maps
    assert "onnxruntime" not in maps
    script = "import sys, voiced.recognizer.worker as _; print(*sys.modules)"
    modules = (await trio.run_process([sys.executable, "-c", script], capture_stdout=True)).stdout
    assert not {b"trio", b"scipy", b"onnxruntime"} & set(modules.split())
