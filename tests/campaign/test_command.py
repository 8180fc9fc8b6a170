import os
import signal

import pytest
import trio

from voiced.campaign import Limits, Retry, Tally, call_list
from voiced.campaign.command import describe
from voiced.errors import CallListError
from voiced.telnyx.outcome import Outcome

LIMITS = Limits(per_s=1000, retries={Outcome.BUSY: Retry(times=1, after_s=60)})


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "list.csv"
    path.write_text("number,name\n+13125550121,Miller\n+13125550122,Smith\n")
    return path


async def run(file, place):
    said: list[str] = []
    done = await call_list(
        file, LIMITS, place, wall=lambda: 1_770_000_000.0 + trio.current_time(), say=said.append
    )
    return done, said


async def answer(number, variables, key):
    await trio.sleep(10)
    return Outcome.COMPLETED


async def test_a_list_is_called_once_and_told_row_by_row(file, autojump_clock):
    done, said = await run(file, answer)
    assert done
    assert said == [
        "0 done; 2 to be called",
        "line 2: completed",
        "line 3: completed",
        "2 done (2 completed)",
    ]
    done, said = await run(file, None)  # nobody is called: `place` is not looked at
    assert (done, said) == (True, ["2 done (2 completed)"] * 2)


async def test_a_signal_calls_nobody_else_and_waits(file, autojump_clock):
    async def interrupted(number, variables, key):
        os.kill(os.getpid(), signal.SIGTERM)
        await trio.sleep(10)
        return Outcome.BUSY

    done, said = await run(file, interrupted)
    assert not done
    assert said[1].startswith("no further calls")
    assert said[2:] == ["line 2: busy", "0 done; 2 to be called", "ended early: stopped"]


async def test_a_second_signal_ends_at_once_and_the_call_is_not_placed_again(file, autojump_clock):
    async def interrupted_twice(number, variables, key):
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGINT)
            await trio.sleep(1)
        await trio.sleep_forever()

    with pytest.RaisesGroup(KeyboardInterrupt, flatten_subgroups=True):
        await run(file, interrupted_twice)
    done, said = await run(file, answer)
    assert not done
    assert said[-1] == "1 done (1 completed); 1 interrupted, and not called again"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"number\n\xff\n", "line 2: not UTF-8"),
        (b"number\nx\n", "line 2: the number is not E.164"),
    ],
)
async def test_a_list_with_faults_is_not_begun(file, content, words):
    file.write_bytes(content)
    with pytest.raises(CallListError, match=words):
        await run(file, None)
    assert list(file.parent.iterdir()) == [file]


async def test_a_list_that_is_not_there_is_told(tmp_path):
    with pytest.raises(CallListError, match="No such file"):
        await run(tmp_path / "list.csv", None)


def test_the_tally_is_told_in_words():
    tally = Tally(
        outcomes={Outcome.NO_ANSWER: 1, Outcome.BUSY: 2}, interrupted=1, waiting=3, live=1
    )
    assert list(describe(tally)) == [
        "3 done (2 busy, 1 no_answer)",
        "4 to be called",
        "1 interrupted, and not called again",
    ]
