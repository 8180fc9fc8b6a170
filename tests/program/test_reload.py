"""SIGHUP: what new calls get, what live ones keep, and what becomes of a file with faults."""

import signal

import pytest
import trio

from tests.program.conftest import CALLED, CALLER, ECHO, Ringing, call_streams, records_in
from voiced.testing.caller import silent_caller, tone_caller

pytestmark = [pytest.mark.socket, pytest.mark.slow]


def reload(program):
    program.process.send_signal(signal.SIGHUP)


async def test_new_calls_get_the_new_configuration_and_live_ones_keep_theirs(
    run_with_telnyx, tmp_path
):
    text = ECHO + "[call]\nmax_duration_s = 3600\n"
    async with run_with_telnyx(text) as (program, telnyx), trio.open_nursery() as nursery:
        ringing = Ringing(telnyx, tone_caller(starts_s=0.1, lasts_s=60, hangs_up_s=60))
        nursery.start_soon(ringing.run)
        await call_streams(program)
        (tmp_path / "voiced.toml").write_text(text + "max_concurrent = 1\n")
        reload(program)
        await program.says("reloaded")
        refused = await telnyx.ring(silent_caller(), from_=CALLER, to=CALLED)
        assert refused.cause == "user_busy"
        assert ringing.reports == []
        (tmp_path / "voiced.toml").write_text(text.replace("3600", "10"))
        reload(program)
        while len([e for e in program.events() if e["event"] == "reloaded"]) < 2:
            await program.news.wait()
        answered = await telnyx.ring(silent_caller(hangs_up_s=0.3), from_=CALLER, to=CALLED)
        assert answered.actions == ("answer",)
        program.terminate()
        await program.says("draining")
        program.terminate()
    assert program.process.returncode == 0
    assert ringing.report.first_audio_s is not None


async def test_a_file_with_faults_is_refused_with_all_of_them_and_the_old_one_stays(
    run_with_telnyx, tmp_path
):
    async with run_with_telnyx() as (program, telnyx):
        faulty = ECHO + "[call]\nmax_concurrent = 0\nbogus = 1\n"
        (tmp_path / "voiced.toml").write_text(faulty.replace('"echo"', '"ecko"'))
        reload(program)
        said: dict[str, object] = {}
        while len(said) < 3:
            await program.news.wait()
            refused = "reload refused, the old configuration stays"
            said = {e["key"]: e for e in program.events() if e["event"] == refused}
        assert said.keys() == {
            "call.max_concurrent",
            "call.bogus",
            "agent.provider",
        }
        answered = await telnyx.ring(silent_caller(hangs_up_s=0.3), from_=CALLER, to=CALLED)
        assert answered.actions == ("answer",)
        program.terminate()
    assert program.process.returncode == 0
    assert [record["end"]["reason"] for record in records_in(tmp_path)] == ["caller_hung_up"]


async def test_a_dialogue_that_was_changed_is_spoken_by_the_next_call(run_with_telnyx, tmp_path):
    (tmp_path / "desk.toml").write_text(dialogue("Good morning."))
    text = ECHO.replace('provider = "echo"', 'provider = "script"\ndialogue = "desk.toml"')
    async with run_with_telnyx(text) as (program, telnyx):
        await telnyx.ring(silent_caller(hangs_up_s=1.5), from_=CALLER, to=CALLED)
        (tmp_path / "desk.toml").write_text(dialogue("Good evening."))
        reload(program)
        await program.says("reloaded")
        await telnyx.ring(silent_caller(hangs_up_s=1.5), from_=CALLER, to=CALLED)
        program.terminate()
    assert program.process.returncode == 0
    greetings = [r["turns"][0]["text"][:13] for r in by_time(records_in(tmp_path))]
    assert greetings == ["Good morning.", "Good evening."]


async def test_what_belongs_to_the_process_is_named_and_stays(run_with_telnyx, tmp_path):
    async with run_with_telnyx() as (program, telnyx):
        elsewhere = ECHO.replace("127.0.0.1:0", "127.0.0.1:9", 1) + '[records]\npath = "other"\n'
        (tmp_path / "voiced.toml").write_text(elsewhere)
        reload(program)
        await program.says("reloaded")
        while len(named := stale(program)) < 2:
            await program.news.wait()
        assert named == ["server.bind", "records.path"]
        answered = await telnyx.ring(silent_caller(hangs_up_s=0.3), from_=CALLER, to=CALLED)
        assert answered.actions == ("answer",)
        program.terminate()
    assert len(records_in(tmp_path)) == 1
    assert not (tmp_path / "other").exists()


def stale(program):
    event = "changed, but stays as it was until a restart"
    return [e["key"] for e in program.events() if e["event"] == event]


def by_time(records):
    return sorted(records, key=lambda record: record["started_at"])


def dialogue(greeting):
    return f"""
greeting = "{greeting}"
start = "ask"
[states.ask]
say = "How are you?"
[[states.ask.answers]]
hear = ["fine"]
say = "Goodbye."
hang_up = true
"""
