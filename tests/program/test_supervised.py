"""What systemd hears of the real program, datagram by datagram."""

import signal
import socket

import pytest
import trio

from tests.program.conftest import ADMIN_TOKEN, ECHO, Ringing, call_streams
from tests.program.test_handover import Takeover
from voiced.testing.caller import silent_caller

pytestmark = [pytest.mark.socket, pytest.mark.slow]

READY, STOPPING, FED = "READY=1", "STOPPING=1", "WATCHDOG=1"


class Systemd:
    """Hears what it is told."""

    def __init__(self, heard):
        self._heard = heard
        self.told = []

    async def hears(self, text, *, n=1):
        """Read until it was told so, so many times."""
        while self.told.count(text) < n:
            self.told.append((await self._heard.recv(1000)).decode())


@pytest.fixture
async def systemd(tmp_path):
    heard = trio.socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    with heard:
        await heard.bind(str(tmp_path / "notify"))
        yield Systemd(heard)


def variables(tmp_path, watchdog_s=0.3):
    return {
        "NOTIFY_SOCKET": str(tmp_path / "notify"),
        "WATCHDOG_USEC": f"{watchdog_s * 1e6:.0f}",
    }


async def test_it_is_told_of_the_whole_life_of_a_daemon(run_with_telnyx, tmp_path, systemd):
    async with (
        run_with_telnyx(ECHO, **variables(tmp_path)) as (program, telnyx),
        trio.open_nursery() as nursery,
    ):
        await systemd.hears(READY)
        assert systemd.told == [READY]  # nothing before it, and not before it listens
        assert (await program.admin("/livez")).status_code == 200
        await systemd.hears("STATUS=0 live calls")
        await systemd.hears(FED, n=3)
        ringing = Ringing(telnyx, silent_caller(hangs_up_s=4))
        nursery.start_soon(ringing.run)
        await call_streams(program)
        await systemd.hears("STATUS=1 live call")
        program.process.send_signal(signal.SIGHUP)
        await systemd.hears(READY, n=2)
        reloading = [one for one in systemd.told if one.startswith("RELOADING=1\nMONOTONIC_USEC=")]
        assert len(reloading) == 1
        assert systemd.told.index(reloading[0]) > systemd.told.index(READY)
        program.terminate()
        await systemd.hears(STOPPING)
        await systemd.hears("STATUS=draining, 1 live call")
        assert not any(one.startswith("EXTEND") for one in systemd.told)
        await systemd.hears("EXTEND_TIMEOUT_USEC=75000000")
    assert program.process.returncode == 0


async def test_a_daemon_that_cannot_start_is_never_ready(run, tmp_path, systemd):
    async with run(ECHO + "[call]\nbogus = 1\n", **variables(tmp_path)) as program:
        pass
    assert program.process.returncode == 2
    with trio.move_on_after(0.1):
        await systemd.hears(READY)
    assert systemd.told == []


async def test_a_process_that_hangs_feeds_nobody(run, tmp_path, systemd):
    async with run(ECHO, VOICED_ADMIN_TOKEN=ADMIN_TOKEN, **variables(tmp_path)) as program:
        await systemd.hears(FED)
        program.process.send_signal(signal.SIGSTOP)
        while True:  # what was told before
            with trio.move_on_after(0.5) as quiet:
                systemd.told.clear()
                await systemd.hears(FED)
            if quiet.cancelled_caught:
                break
        program.process.send_signal(signal.SIGCONT)
        await systemd.hears(FED)
        program.terminate()
    assert program.process.returncode == 0


async def test_after_a_handover_the_newer_process_is_the_service(
    run_with_telnyx, tmp_path, systemd
):
    (tmp_path / "run").mkdir(mode=0o700)
    text = ECHO.replace("[server]\n", '[server]\nhandover_path = "run"\n')
    async with (
        run_with_telnyx(text, **variables(tmp_path, watchdog_s=30)) as (program, telnyx),
        trio.open_nursery() as nursery,
    ):
        ringing = Ringing(telnyx, silent_caller(hangs_up_s=6))
        nursery.start_soon(ringing.run)
        await call_streams(program)
        takeover = Takeover(program)
        await takeover.begin()
        await systemd.hears(READY, n=2)
        assert systemd.told.index(f"MAINPID={takeover.newer}") > systemd.told.index(READY)
        assert systemd.told[-1] == READY  # of the newer one, once systemd knows it
        await systemd.hears("STATUS=0 live calls; older processes that end theirs: 1")
        assert STOPPING not in systemd.told  # the older one ends, the service does not
        await program.process.wait()
        takeover.signal_newer()
        await systemd.hears(STOPPING)
    assert ringing.report.ended_by == "caller"
