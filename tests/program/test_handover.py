"""A newer process takes over: every call goes on, none is refused, and the older one ends."""

import signal

import pytest
import trio

from tests.program.conftest import ECHO, Ringing, records_in
from voiced.testing.caller import tone_caller

pytestmark = [pytest.mark.socket, pytest.mark.slow]


@pytest.fixture
def meeting(tmp_path):
    (tmp_path / "run").mkdir(mode=0o700)
    return ECHO.replace("[server]\n", '[server]\nhandover_path = "run"\n')


class RingingMany:
    """Rings now and then in the background, each call for some seconds."""

    def __init__(self, telnyx, nursery):
        self.rung = []
        self._telnyx = telnyx
        self._nursery = nursery

    def ring(self, n_calls, lasts_s):
        for _ in range(n_calls):
            caller = tone_caller(starts_s=0.3, lasts_s=lasts_s - 0.6, hangs_up_s=lasts_s)
            ringing = Ringing(self._telnyx, caller)
            self.rung.append(ringing)
            self._nursery.start_soon(ringing.run)

    def faults(self):
        """Return what went wrong with any of the calls."""
        faults = []
        for number, ringing in enumerate(self.rung):
            report = ringing.report
            if report.violations or report.ended_by != "caller" or report.actions != ("answer",):
                faults.append((number, report.ended_by, report.actions, report.violations))
        return faults


async def listens_again(program, times=2):
    """Wait until a successor listens."""
    while len([e for e in program.events() if e["event"] == "listening"]) < times:
        await program.news.wait()


async def test_calls_go_on_when_a_newer_process_takes_over(run_with_telnyx, tmp_path, meeting):
    async with run_with_telnyx(meeting) as (program, telnyx), trio.open_nursery() as nursery:
        ringing = RingingMany(telnyx, nursery)
        ringing.ring(3, 6)
        await trio.sleep(1)
        program.process.send_signal(signal.SIGUSR2)
        await listens_again(program)
        ringing.ring(3, 3)
        await trio.sleep(1)
        calls = (await program.admin("/calls")).json()["calls"]
        assert len(calls) == 6
        await program.process.wait()
        (first, second) = [e for e in program.events() if e["event"] == "listening"]
        assert first["public"] == second["public"]
        nursery.start_soon(stop_successor, program)
    assert ringing.faults() == []
    assert [r["end"]["reason"] for r in records_in(tmp_path)] == ["caller_hung_up"] * 6


async def stop_successor(program):
    pid = next(e["pid"] for e in program.events() if e["event"] == "handed over to a newer process")
    import os

    os.kill(pid, signal.SIGTERM)
