"""The operator's commands as processes, against a daemon on real sockets."""

import json
import subprocess
import sys

import pytest
import trio

from tests.sockets.conftest import until
from tests.sockets.test_admin_calls import OUTBOUND
from voiced.testing import callees

pytestmark = [pytest.mark.socket, pytest.mark.slow]

HUMAN, BUSY, UNWILLING, NOBODY, FORBIDDEN, LONG = (f"+1312555010{n}" for n in range(6))
DIRECTORY = {
    HUMAN: callees.human(after_s=0.05, hangs_up_s=0.3),
    BUSY: callees.busy(after_s=0.05),
    UNWILLING: callees.declined(after_s=0.05),
    NOBODY: callees.bad_number(after_s=0.05),
    FORBIDDEN: callees.account_problem(after_s=0.05),
    LONG: callees.human(after_s=0.05, hangs_up_s=2.0),
}


def command(house, *arguments):
    admin = f"http://{house.daemon.admin.address}"
    return [sys.executable, "-m", "voiced", *arguments, "--admin", admin]


@pytest.fixture
def voiced(tmp_path):
    """Run a command to its end: its exit code, its lines, its complaint."""

    async def run(house, *arguments):
        done = await trio.run_process(
            command(house, *arguments),
            cwd=tmp_path,
            capture_stdout=True,
            capture_stderr=True,
            check=False,
        )
        assert b"Traceback" not in done.stderr
        return done.returncode, done.stdout.decode().splitlines(), done.stderr.decode()

    return run


async def test_calls_are_placed_listed_and_ended(open_house, voiced):
    async with open_house(outbound=OUTBOUND) as house:
        house.telnyx.directory.entries.update(DIRECTORY)
        house.telnyx.directory.otherwise = callees.human(after_s=0.05)
        code, lines, _ = await voiced(house, "call", "+13125550199", "--wait", "answered")
        call_id, state = lines[-1].split()
        assert (code, state) == (0, "answered")

        code, lines, _ = await voiced(house, "calls")
        assert (code, len(lines)) == (0, 2)
        assert lines[1].split()[:4] == [call_id, "out", OUTBOUND["caller_id"], "+13125550199"]

        code, lines, _ = await voiced(house, "explain", call_id)  # it lives: the daemon is asked
        assert (code, lines[0].split()[:3]) == (0, ["call", call_id, "outgoing,"])

        code, lines, complaint = await voiced(house, "transfer", call_id, "12")
        assert (code, lines) == (2, [])
        assert complaint.startswith("voiced: to: must be a number as +E.164")
        assert complaint.count("\n") == 1

        assert await voiced(house, "hangup", call_id) == (0, [f"{call_id}  hanging up"], "")
        await until(lambda: house.daemon.switchboard.find(call_id) is None)
        code, _, complaint = await voiced(house, "hangup", call_id)
        assert (code, complaint) == (1, "voiced: the call has ended\n")

        assert await voiced(house, "webhooks") == (
            0,
            ["no webhooks wait, and none was given up"],
            "",
        )
        code, lines, _ = await voiced(house, "call", BUSY, "--wait", "ended", "--json")
        answer = json.loads(lines[0])
        assert (code, len(lines), answer["outcome"]) == (1, 1, "busy")

        code, lines, _ = await voiced(house, "calls", "--past", "--outcome", "busy", "--json")
        assert (code, [c["id"] for c in json.loads(lines[0])["calls"]]) == (0, [answer["id"]])

        code, lines, _ = await voiced(house, "drain", "--json")
        assert (code, json.loads(lines[0])) == (0, {"draining": True, "calls": 0})


async def test_a_list_that_is_killed_goes_on_and_calls_nobody_twice(open_house, voiced, tmp_path):
    numbers = list(DIRECTORY)
    (tmp_path / "list.csv").write_text("number\n" + "\n".join(numbers) + "\n")
    arguments = (
        "call",
        "--list",
        "list.csv",
        "--concurrency",
        "2",
        "--per-second",
        "100",
        "--once",
    )
    async with open_house(outbound=OUTBOUND) as house:
        house.telnyx.directory.entries.update(DIRECTORY)
        process = await trio.lowlevel.open_process(
            command(house, *arguments), cwd=tmp_path, stdout=subprocess.DEVNULL
        )
        requests = house.telnyx.dialling.requests
        await until(lambda: len(requests) >= 3)
        process.kill()
        await process.wait()

        code, lines, _ = await voiced(house, *arguments)
        assert code == 0
        assert lines[-1] == (
            "6 done (1 account_problem, 1 bad_number, 1 busy, 2 completed, 1 declined)"
        )
        assert sorted(request.body["to"] for request in requests) == sorted(numbers)
        assert await voiced(house, *arguments) == (0, [lines[-1]] * 2, "")
