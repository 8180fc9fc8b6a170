"""A newer process takes over: every call goes on, none is refused, and the older one ends."""

import os
import signal
import socket
import subprocess
import sys

import httpx
import pytest
import trio

from tests.program.conftest import ECHO, Ringing, records_in
from voiced.ledger.lines import read_lines
from voiced.testing.caller import tone_caller
from voiced.testing.faults import Faults

pytestmark = [pytest.mark.socket, pytest.mark.slow]


@pytest.fixture
def meeting(tmp_path):
    """A configuration with a directory in which both processes meet."""
    (tmp_path / "run").mkdir(mode=0o700)
    return ECHO.replace("[server]\n", '[server]\nhandover_path = "run"\n')


class Callers:
    """Callers in the background: a tone each, which is echoed, until they hang up."""

    def __init__(self, telnyx, nursery):
        self.ringing = []
        self._telnyx = telnyx
        self._nursery = nursery

    async def ring(self, n_calls, *, lasts_s, apart_s=0.0, faults=None):
        for _ in range(n_calls):
            caller = tone_caller(starts_s=0.2, lasts_s=lasts_s - 0.4, hangs_up_s=lasts_s)
            ringing = Ringing(self._telnyx, caller, faults)
            self.ringing.append(ringing)
            self._nursery.start_soon(ringing.run)
            await trio.sleep(apart_s)

    async def all_gone(self):
        """Wait until all have hung up."""
        for ringing in self.ringing:
            await ringing.done.wait()

    def faults(self):
        """Return the calls that did not go as they should."""
        reports = [ringing.report for ringing in self.ringing]
        return [
            (number, r.ended_by, r.cause, r.actions, r.violations)
            for number, r in enumerate(reports)
            if r.violations
            or r.ended_by != "caller"
            or r.actions[:1] != ("answer",)
            or {*r.actions} & {"hangup", "reject"}
            or r.first_audio_s is None
        ]


async def counted(program, series, value):
    """Wait until `/metrics` has come to a value."""
    with trio.move_on_after(10):
        while True:
            lines = (await program.admin("/metrics")).text.splitlines()
            if sum(float(n.split()[-1]) for n in lines if n.startswith(series)) == value:
                return True
            await trio.sleep(0.05)
    return False


class Takeover:
    """Both processes, which write to one pipe."""

    def __init__(self, program):
        self.program = program

    async def begin(self):
        """Have a successor started, and wait until it serves."""
        self.program.process.send_signal(signal.SIGUSR2)
        await self.happened()

    async def happened(self, n_processes=2):
        """Wait until the newer process serves, or the one after it."""
        while len(self.listening) < n_processes:
            await self.program.news.wait()

    @property
    def listening(self):
        """What either process has said when it began to serve."""
        return [e for e in self.program.events() if e["event"] == "listening"]

    @property
    def newer(self):
        """The process id of the newest one."""
        return [e["pid"] for e in self.program.events() if "pid" in e][-1]

    def signal_newer(self, sign=signal.SIGTERM):
        os.kill(self.newer, sign)


def open_legs(tmp_path):
    """Return the legs that stand in any ledger."""
    return [
        leg
        for path in (tmp_path / "calls").glob("legs*.jsonl")
        for leg in read_lines(path.read_bytes()).items
    ]


async def test_a_deployment_under_fifty_live_calls_cuts_none_and_refuses_none(
    run_with_telnyx, tmp_path, meeting
):
    async with (
        run_with_telnyx(meeting, limit_s=120) as (program, telnyx),
        trio.open_nursery() as nursery,
    ):
        callers, takeover = Callers(telnyx, nursery), Takeover(program)
        await callers.ring(50, lasts_s=9, apart_s=0.03)
        nursery.start_soon(takeover.begin)
        await callers.ring(20, lasts_s=4, apart_s=0.1)  # as the newer process starts, and after
        await takeover.happened()
        live = (await program.admin("/calls")).json()["calls"]
        assert len(live) > 50
        older, newer = takeover.listening
        assert (older["public"], older["admin"]) == (newer["public"], newer["admin"])
        assert await counted(program, "voiced_calls_begun_total", 70)  # by both
        await callers.ring(5, lasts_s=4, apart_s=0.05)
        await program.process.wait()  # the older one, with the last of its calls
        assert program.process.returncode == 0
        await callers.all_gone()
        assert await counted(program, 'voiced_calls_ended_total{reason="caller_hung_up"}', 75)
        assert await counted(program, "voiced_call_duration_seconds_count", 75)
        assert await counted(program, 'voiced_calls{state="streaming"}', 0)
        takeover.signal_newer()
    assert callers.faults() == []
    assert [r["end"]["reason"] for r in records_in(tmp_path)] == ["caller_hung_up"] * 75
    assert open_legs(tmp_path) == []


async def test_a_media_socket_that_breaks_after_the_handover_finds_its_call_again(
    run_with_telnyx, tmp_path, meeting
):
    async with run_with_telnyx(meeting) as (program, telnyx), trio.open_nursery() as nursery:
        callers, takeover = Callers(telnyx, nursery), Takeover(program)
        await callers.ring(1, lasts_s=6, faults=Faults(socket_drops_s=4.0))
        await trio.sleep(0.5)
        await takeover.begin()
        await program.process.wait()
        takeover.signal_newer()
    assert callers.faults() == []
    assert "streaming_start" in callers.ringing[0].report.actions
    (record,) = records_in(tmp_path)
    assert record["end"]["reason"] == "caller_hung_up"
    assert record["counters"]["stream_restarts"] == 1


async def test_operators_reach_the_calls_of_both_processes_by_one_address(
    run_with_telnyx, tmp_path, meeting
):
    async with run_with_telnyx(meeting) as (program, telnyx), trio.open_nursery() as nursery:
        callers, takeover = Callers(telnyx, nursery), Takeover(program)
        await callers.ring(1, lasts_s=60)
        await trio.sleep(0.5)
        await takeover.begin()
        await callers.ring(1, lasts_s=60)
        await trio.sleep(0.5)
        calls = (await program.admin("/calls")).json()["calls"]
        assert len(calls) == 2
        await strangers_learn_nothing_of(program, calls)
        for call in calls:
            shown = (await program.admin(f"/calls/{call['id']}")).json()
            assert (shown["id"], shown["state"]) == (call["id"], "live")
            hung_up = await program.admin(f"/calls/{call['id']}/hangup", "POST")
            assert hung_up.status_code == 202
        for nobody in ("unknown", "%00", "a%20b%3Fc%23", "%C3%A4%FF", "x%2Fhangup"):
            assert (await program.admin(f"/calls/{nobody}")).status_code == 404
        await program.process.wait()
        takeover.signal_newer()
    assert [r["end"]["reason"] for r in records_in(tmp_path)] == ["operator_hung_up"] * 2


async def strangers_learn_nothing_of(program, calls):
    """What operators may do of an older process's calls, nobody may on the public listener."""
    public = f"http://{(await program.says('listening'))['public']}"
    asked = [("GET", path) for path in ("/calls", "/calls?state=any", "/metrics", "/livez", "/")]
    asked += [("GET", f"/calls/{call['id']}") for call in calls]
    asked += [("POST", f"/calls/{call['id']}/hangup") for call in calls]
    asked += [("POST", "/drain"), ("GET", "/handover/knows/x"), ("GET", "/telnyx/../calls")]
    async with httpx.AsyncClient(trust_env=False) as stranger:
        for method, path in asked:
            answer = await stranger.request(method, public + path, json={})
            assert (path, answer.status_code) == (path, 404)


@pytest.mark.parametrize("n_signals", [1, 2])
async def test_a_drain_of_the_newer_process_is_one_of_both(
    run_with_telnyx, tmp_path, meeting, n_signals
):
    limit_s = 1 if n_signals == 1 else 60
    text = meeting + f'[call]\ndrain_timeout_s = {limit_s}\napology = ""\n'
    async with run_with_telnyx(text) as (program, telnyx), trio.open_nursery() as nursery:
        callers, takeover = Callers(telnyx, nursery), Takeover(program)
        await callers.ring(1, lasts_s=60)
        await trio.sleep(0.5)
        await takeover.begin()
        await callers.ring(1, lasts_s=60)
        await trio.sleep(0.5)
        takeover.signal_newer()
        if n_signals == 2:
            await program.says("draining")
            takeover.signal_newer()
        with trio.fail_after(8):
            await program.process.wait()
    assert program.process.returncode == 0
    assert [r.report.ended_by for r in callers.ringing] == ["agent", "agent"]
    reason = "drain_limit" if n_signals == 1 else "shutdown"
    assert [r["end"]["reason"] for r in records_in(tmp_path)] == [reason] * 2
    assert open_legs(tmp_path) == []


async def test_legs_of_an_older_process_that_is_killed_are_hung_up_by_the_newer(
    run_with_telnyx, tmp_path, meeting
):
    async with run_with_telnyx(meeting) as (program, telnyx), trio.open_nursery() as nursery:
        callers, takeover = Callers(telnyx, nursery), Takeover(program)
        await callers.ring(1, lasts_s=60, faults=Faults(lost=frozenset({"call.hangup"})))
        await trio.sleep(0.5)
        await takeover.begin()
        program.process.kill()
        settled = await program.says("leg settled")
        takeover.signal_newer()
    assert settled["leg"] == "was hung up"
    assert callers.ringing[0].report.ended_by == "agent"
    assert [r["end"]["reason"] for r in records_in(tmp_path)] == ["daemon_died"]


async def test_for_a_newer_process_that_dies_another_one_is_there_and_the_oldest_goes_on(
    run_with_telnyx, tmp_path, meeting
):
    async with run_with_telnyx(meeting) as (program, telnyx), trio.open_nursery() as nursery:
        callers, takeover = Callers(telnyx, nursery), Takeover(program)
        await callers.ring(1, lasts_s=60)
        await trio.sleep(0.5)
        await takeover.begin()
        os.kill(takeover.newer, signal.SIGKILL)
        died = await program.says("the process that took over has died; another is started")
        assert died["exit_code"] == -signal.SIGKILL
        await callers.ring(1, lasts_s=60)  # while nobody accepts: it waits, and is not refused
        await takeover.happened(3)
        while len(calls := (await program.admin("/calls")).json()["calls"]) < 2:  # noqa: ASYNC110
            await trio.sleep(0.05)
        for call in calls:
            assert (await program.admin(f"/calls/{call['id']}/hangup", "POST")).status_code == 202
        await program.process.wait()
        await callers.all_gone()
        takeover.signal_newer()
    assert [r.report.violations for r in callers.ringing] == [(), ()]
    assert [r["end"]["reason"] for r in records_in(tmp_path)] == ["operator_hung_up"] * 2
    assert open_legs(tmp_path) == []


@pytest.mark.parametrize("mode", [0o777, 0o755])
async def test_a_place_where_others_may_write_is_no_place_to_meet(run, tmp_path, meeting, mode):
    (tmp_path / "run").chmod(mode)
    async with run(meeting) as program:
        if mode == 0o755:
            await program.says("listening")
            program.terminate()
    assert program.process.returncode == (1 if mode == 0o777 else 0)
    told = [line for line in program.lines if line.startswith("voiced: ")]
    assert len(told) == (1 if mode == 0o777 else 0)
    assert all("[server] handover_path run: others may write there" in line for line in told)


async def test_a_successor_that_cannot_start_changes_nothing(run_with_telnyx, tmp_path, meeting):
    async with run_with_telnyx(meeting) as (program, telnyx), trio.open_nursery() as nursery:
        callers = Callers(telnyx, nursery)
        await callers.ring(1, lasts_s=3)
        (tmp_path / "voiced.toml").write_text(meeting + "[call]\nbogus = 1\n")
        program.process.send_signal(signal.SIGUSR2)
        failed = await program.says("the successor has failed; this process goes on")
        assert failed["exit_code"] == 2
        await callers.ring(1, lasts_s=1)
        await trio.sleep(1.5)
        program.terminate()
    assert callers.faults() == []


async def test_without_a_place_to_meet_there_is_no_handover(run_with_telnyx):
    async with run_with_telnyx() as (program, _):
        program.process.send_signal(signal.SIGUSR2)
        said = await program.says(
            "no handover: set [server] handover_path, or RuntimeDirectory= in the unit"
        )
        program.terminate()
    assert said["level"] == "error"
    assert program.process.returncode == 0


async def test_a_socket_that_systemd_has_opened_is_used(tmp_path):
    (tmp_path / "voiced.toml").write_text(ECHO)
    with socket.create_server(("127.0.0.1", 0)) as opened:
        address = "{}:{}".format(*opened.getsockname())
        script = (
            f"exec 3<&{opened.fileno()}; export LISTEN_FDS=1 LISTEN_FDNAMES=public LISTEN_PID=$$;"
            f' exec "{sys.executable}" -m voiced --config voiced.toml'
        )
        process = await trio.lowlevel.open_process(
            ["/bin/bash", "-c", script],
            cwd=tmp_path,
            pass_fds=[opened.fileno()],
            stderr=subprocess.PIPE,
        )
    said, stderr = b"", process.stderr
    assert stderr is not None
    with trio.fail_after(20):
        while b'"listening"' not in said:
            said += await stderr.receive_some()
        process.terminate()
        await process.wait()
    assert f'"public": "{address}"'.encode() in said
    assert process.returncode == 0
