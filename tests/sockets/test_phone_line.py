"""A whole phone line at work: two numbers with agents of their own, and a list of numbers to call.

Real sockets, the embedded recognizer and voice, the operator's command, and Telnyx emulated.
"""

import json

import pytest
import trio

from tests.sockets.test_operator_commands import command
from voiced.audio.frame import LINE_RATE_HZ
from voiced.audio.level import rms_dbfs
from voiced.testing import callees
from voiced.testing.caller import silent_caller

pytestmark = [pytest.mark.socket, pytest.mark.slow]

SALES, SERVICE = "+13125550191", "+13125550192"
PERSON, MACHINE, ENGAGED = "+13125550101", "+13125550102", "+13125550103"
MESSAGE = "Your order is ready."


def greeting(text):
    return {"provider": "script", "greeting": text}


CONFIG = {
    "agent": greeting("Welcome."),
    "lines": {
        "sales": {"numbers": [SALES], "agent": greeting("This is sales.")},
        "service": {"numbers": [SERVICE], "agent": greeting("This is service.")},
    },
    "inbound": {"unknown_numbers": "reject"},
    "outbound": {
        "caller_id": "+13125550199",
        "calls_per_second": 100.0,
        "voicemail_message": MESSAGE,
    },
}


def records_of(house):
    documents = [json.loads(p.read_text()) for p in house.records.glob("*/call.json")]
    return {document["to"]: document for document in documents}


def first_words(record):
    return next(turn["text"] for turn in record["turns"] if turn["who"] == "agent")


async def test_two_numbers_answer_and_a_list_is_called_with_a_message_for_the_machine(
    open_house, tmp_path
):
    (tmp_path / "list.csv").write_text(f"number\n{PERSON}\n{MACHINE}\n{ENGAGED}\n")
    async with open_house(**CONFIG) as house:
        house.telnyx.directory.entries.update(
            {
                PERSON: callees.human(after_s=0.1, hangs_up_s=4.0),
                MACHINE: callees.answering_machine(callees.murmur(1.0), after_s=0.1),
                ENGAGED: callees.busy(after_s=0.1),
            }
        )
        async with trio.open_nursery() as nursery:
            for number in (SALES, SERVICE, "+13125550193"):
                caller = silent_caller(hangs_up_s=3.0)
                nursery.start_soon(lambda n, c: house.telnyx.ring(c, to=n), number, caller)
            listed = ("call", "--list", "list.csv", "--per-second", "100", "--once")
            done = await trio.run_process(
                command(house, *listed), cwd=tmp_path, capture_stdout=True
            )
        await house.daemon.switchboard.drain()
        machine = await house.telnyx.dialled(2)
    records = records_of(house)
    assert done.stdout.decode().splitlines()[-1] == "3 done (1 busy, 2 completed)"
    assert first_words(records[SALES]).startswith("This is sales.")
    assert first_words(records[SERVICE]).startswith("This is service.")
    assert records["+13125550193"]["end"]["reason"] == "refused_blocked"
    assert first_words(records[PERSON]).startswith("Welcome.")
    assert records[MACHINE]["end"]["reason"] == "voicemail_left"
    assert first_words(records[MACHINE]) == MESSAGE
    assert records[ENGAGED]["outcome"] == "busy"
    # What the machine recorded after its beep: the whole message, spoken at a usual level.
    message = machine.heard[round(machine.message_from_s * LINE_RATE_HZ) :]
    assert rms_dbfs(message[: round(1.2 * LINE_RATE_HZ)]) > -35
    assert not any(report.zombie for report in (machine,))
    assert house.telnyx.zombies == ()
