"""The real program, as systemd runs it: a process, its signals, its exit code, what it says."""

import signal
import socket
from pathlib import Path

import numpy as np
import pytest
import trio

from tests.program.conftest import (
    ADMIN_TOKEN,
    CALLED,
    CALLER,
    ECHO,
    KEY,
    PatientNetwork,
    Ringing,
    call_streams,
    records_in,
)
from voiced.ledger.lines import read_lines
from voiced.testing.caller import silent_caller, tone_caller
from voiced.testing.emulator import Account, open_emulator
from voiced.testing.network import open_loopback
from voiced.testing.telnyx_api.rest import serve_api

pytestmark = [pytest.mark.socket, pytest.mark.slow]

SHIPPED = Path(__file__).parents[2] / "config.toml"


async def speaks_for_long(text):
    return np.zeros(60 * 8000, np.int16)


# Starting.


@pytest.mark.parametrize("which", ["echo", "shipped"])
async def test_it_listens_within_seconds_and_stops_at_a_signal(
    run, record_testsuite_property, which
):
    text = ECHO
    if which == "shipped":
        text = SHIPPED.read_text().replace('bind = "127.0.0.1:808', 'bind = "127.0.0.1:0" # ')
        text = text.replace('format = "auto"', 'format = "json"')
    begun = trio.current_time()
    async with run(text, TELNYX_API_KEY=KEY, VOICED_ADMIN_TOKEN=ADMIN_TOKEN) as program:
        with trio.fail_after(10):
            await program.says("listening")
        listening_ms = round((trio.current_time() - begun) * 1000)
        record_testsuite_property(f"{which} listening after ms", listening_ms)
        assert (await program.admin("/livez")).json() == {"alive": True}
        begun = trio.current_time()
        program.terminate()
        await program.process.wait()
        stopped_ms = round((trio.current_time() - begun) * 1000)
        record_testsuite_property(f"{which} stopped after ms", stopped_ms)
    assert program.process.returncode == 0
    assert [event["event"] for event in program.events()][-1] == "stopped"


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_while_it_starts_stops_it(run, sign):
    async with run(ECHO) as program:
        await trio.sleep(0.35)  # somewhere between its imports and its sockets
        program.process.send_signal(sign)
    assert program.process.returncode in {0, 130, -sign}


async def test_without_keys_it_starts_and_says_what_to_set(run):
    async with run(ECHO) as program:
        warnings = {
            (await program.says(event))["level"]
            for event in (
                "every webhook will be refused: set TELNYX_PUBLIC_KEY",
                "no call can be answered: set TELNYX_API_KEY",
            )
        }
        program.terminate()
    assert warnings == {"warning"}
    assert program.process.returncode == 0


@pytest.mark.parametrize("table", ["server", "admin"])
async def test_a_port_that_is_taken_is_one_sentence_with_key_and_remedy(run, table):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        bind = f'"127.0.0.1:{taken.getsockname()[1]}"'
        text = ECHO.replace(f'[{table}]\nbind = "127.0.0.1:0"', f"[{table}]\nbind = {bind}")
        async with run(text) as program:
            pass
    assert program.process.returncode == 1
    (sentence,) = [line for line in program.lines if line.startswith("voiced: ")]
    assert f"[{table}] bind = {bind[1:-1]}: " in sentence
    assert "free the port or choose another" in sentence


async def test_every_fault_of_a_configuration_is_told_with_exit_code_2(run):
    text = ECHO.replace("127.0.0.1:0", "127.0.0.1", 1) + "[call]\nmax_duration = 1\n"
    async with run(text, TELNYX_API_KEY=KEY) as program:
        pass
    assert program.process.returncode == 2
    assert len(program.lines) == 2
    assert program.lines[0].startswith("voiced: server.bind = ")
    assert "max_duration_s" in program.lines[1]


async def test_records_that_cannot_be_written_are_one_sentence(run, tmp_path):
    (tmp_path / "file").touch()
    async with run(ECHO + '[records]\npath = "file/calls"\n') as program:
        pass
    assert program.process.returncode in {1, 2}
    (sentence,) = program.lines
    assert "records" in sentence


# Calls.


async def test_a_call_is_answered_and_recorded(run_with_telnyx, tmp_path):
    async with run_with_telnyx() as (program, telnyx):
        ringing = Ringing(telnyx, tone_caller(starts_s=0.3, lasts_s=60, heard_s=0.3))
        await ringing.run()
        await program.says("call ended")
        program.terminate()
    assert ringing.report.violations == ()
    assert ringing.report.first_audio_s is not None
    (record,) = records_in(tmp_path)
    assert (record["from"], record["to"]) == (CALLER, CALLED)
    assert record["end"]["reason"] == "caller_hung_up"


@pytest.mark.parametrize("asked_by", ["signal", "request", "both"])
async def test_a_drain_during_a_call_lets_it_finish_and_refuses_new_ones(
    run_with_telnyx, tmp_path, asked_by
):
    async with run_with_telnyx() as (program, telnyx), trio.open_nursery() as nursery:
        ringing = Ringing(telnyx, silent_caller(hangs_up_s=1.5))
        nursery.start_soon(ringing.run)
        await call_streams(program)
        if asked_by != "signal":
            assert (await program.admin("/drain", "POST")).json() == {"draining": True, "calls": 1}
        if asked_by != "request":
            program.terminate()
        await program.says("draining")
        assert (await program.admin("/readyz")).status_code == 503
        refused = await telnyx.ring(silent_caller(), from_=CALLER, to=CALLED)
        assert refused.cause == "user_busy"
        assert refused.actions == ("reject",)
        assert ringing.reports == []
    assert program.process.returncode == 0
    assert ringing.report.ended_by == "caller"
    assert ringing.report.violations == ()
    reasons = {record["end"]["reason"] for record in records_in(tmp_path)}
    assert reasons == {"caller_hung_up", "refused_busy"}


async def test_a_second_signal_ends_it_at_once_and_hangs_the_legs_up(run_with_telnyx, tmp_path):
    async with run_with_telnyx() as (program, telnyx), trio.open_nursery() as nursery:
        ringing = Ringing(telnyx, silent_caller())
        nursery.start_soon(ringing.run)
        await call_streams(program)
        program.terminate()
        await program.says("draining")
        program.terminate()
        with trio.fail_after(5):
            await program.process.wait()
    assert program.process.returncode == 0
    assert ringing.report.ended_by == "agent"
    assert ringing.report.actions == ("answer", "hangup")
    assert ringing.report.violations == ()
    (record,) = records_in(tmp_path)
    assert record["end"]["reason"] == "shutdown"
    assert record["hangup_confirmed"] is True


async def test_a_drain_that_takes_too_long_is_cut_short(run_with_telnyx, tmp_path):
    text = ECHO + "[call]\ndrain_timeout_s = 0.3\n"
    async with run_with_telnyx(text) as (program, telnyx), trio.open_nursery() as nursery:
        ringing = Ringing(telnyx, silent_caller())
        nursery.start_soon(ringing.run)
        await call_streams(program)
        program.terminate()
    assert program.process.returncode == 0
    assert ringing.report.ended_by == "agent"
    assert ringing.report.actions == ("answer", "speak", "hangup")
    assert records_in(tmp_path)[0]["end"]["reason"] == "drain_limit"


async def test_a_second_signal_cuts_the_apology_and_hangs_up_all_the_same(
    run_with_telnyx, tmp_path
):
    apology = "word " * 100
    text = ECHO + f'[call]\ndrain_timeout_s = 0.3\napology = "{apology}"\n'
    account = Account(api_key=KEY, speaker=speaks_for_long)
    async with (
        run_with_telnyx(text, account=account) as (program, telnyx),
        trio.open_nursery() as nursery,
    ):
        ringing = Ringing(telnyx, silent_caller())
        nursery.start_soon(ringing.run)
        await call_streams(program)
        program.terminate()
        await program.says("drain limit reached")
        program.terminate()
        with trio.fail_after(5):
            await program.process.wait()
    assert program.process.returncode == 0
    assert ringing.report.actions[-1] == "hangup"
    assert ringing.report.violations == ()
    assert records_in(tmp_path)[0]["hangup_confirmed"] is True


async def test_a_killed_daemon_leaves_earlier_records_whole(run_with_telnyx, tmp_path):
    async with run_with_telnyx() as (program, telnyx):
        await Ringing(telnyx, silent_caller(hangs_up_s=0.3)).run()
        await program.says("call ended")
        async with trio.open_nursery() as nursery:
            ringing = Ringing(telnyx, silent_caller(hangs_up_s=1.0))
            nursery.start_soon(ringing.run)
            await call_streams(program)
            program.process.kill()
            nursery.cancel_scope.cancel()
    assert sorted(record["state"] for record in records_in(tmp_path)) == ["ended", "live"]


async def test_a_leg_that_a_killed_daemon_has_left_is_hung_up_by_the_next(run, tmp_path):
    async with (
        open_loopback() as network,
        open_emulator(network, account=Account(api_key=KEY)) as telnyx,
        serve_api(telnyx.app) as api_url,
    ):
        account = {
            "TELNYX_API_KEY": KEY,
            "TELNYX_PUBLIC_KEY": telnyx.public_key,
            "TELNYX_API_BASE": api_url,
            "VOICED_ADMIN_TOKEN": ADMIN_TOKEN,
        }
        async with trio.open_nursery() as nursery:
            async with run(ECHO, **account) as program:
                address = (await program.says("listening"))["public"]
                telnyx.webhook_url = f"http://{address}/telnyx/webhook"
                telnyx.network = PatientNetwork(network, program)
                ringing = Ringing(telnyx, silent_caller())
                nursery.start_soon(ringing.run)
                call = await call_streams(program)
                program.process.kill()
            (record,) = records_in(tmp_path)
            assert (record["state"], record["from"]) == ("live", CALLER)
            assert call["call_id"] in (tmp_path / "calls" / "legs.jsonl").read_text()
            async with run(ECHO, **account) as program:
                settled = await program.says("leg settled")
                program.terminate()
    assert settled["leg"] == "was hung up"
    assert program.process.returncode == 0
    assert ringing.report.ended_by == "agent"
    assert ringing.report.actions == ("answer", "hangup")
    assert ringing.report.violations == ()
    (record,) = records_in(tmp_path)
    assert (record["state"], record["end"]["reason"]) == ("ended", "daemon_died")
    assert (record["from"], record["hangup_confirmed"]) == (CALLER, True)
    assert read_lines((tmp_path / "calls" / "legs.jsonl").read_bytes()).items == {}


async def test_two_daemons_with_the_same_records_are_one_sentence(run_with_telnyx, run):
    async with run_with_telnyx() as (program, _):
        async with run(ECHO) as second:
            pass
        program.terminate()
    assert second.process.returncode == 1
    (sentence,) = [line for line in second.lines if line.startswith("voiced: ")]
    assert "another voiced is using it; give each its own directory" in sentence
