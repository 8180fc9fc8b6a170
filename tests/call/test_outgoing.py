"""Calls that we place, and who answers them."""

import pytest
import trio

from tests.call.conftest import start_message
from voiced.leg.leg import EndReason
from voiced.testing.callees import (
    account_problem,
    answering_machine,
    bad_number,
    busy,
    dead_air,
    declined,
    fax_machine,
    full_mailbox,
    human,
    unreachable,
)
from voiced.testing.providers import FunctionAgent

NUMBER = "+13125550142"
MESSAGE = "Please call us back. Thank you."


@pytest.fixture
def caller_agent():
    """Says its piece and hangs up."""

    async def greet(reply):
        await reply.say("Hello, this is the test line calling.")
        reply.hang_up()

    return FunctionAgent(greet=greet)


async def place(world, callee, **order):
    world.telnyx.directory.entries[NUMBER] = callee
    call = world.dial(NUMBER, **order)
    report = await world.telnyx.dialled()
    await world.switchboard.drain()
    return call, report, world.records[-1]


def texts(record):
    return " ".join(turn["heard_text"] for turn in record["turns"] if turn["who"] == "agent")


async def test_a_person_who_answers_is_talked_to(open_world, autojump_clock, caller_agent):
    async with open_world(agent=caller_agent) as world:
        _, report, record = await place(world, human())
    assert report.actions == ("dial", "hangup")
    assert report.violations == ()
    assert record["direction"] == "outgoing"
    assert record["end"]["reason"] == "agent_hung_up"
    assert record["outcome"] == "completed"
    assert record["answered_by"]["who"] == "human"
    assert texts(record) == "Hello, this is the test line calling."
    assert record["call_id"] == report.call_control_id


async def test_the_agent_is_silent_until_it_is_known_who_answered(
    open_world, autojump_clock, caller_agent
):
    async with open_world(agent=caller_agent) as world:
        _, late, _ = await place(world, human())
    async with open_world(agent=caller_agent, outbound={"agent_starts": "at once"}) as world:
        _, at_once, _ = await place(world, human())
    wait_s = late.first_audio_s - late.answered_s
    assert wait_s > at_once.first_audio_s - at_once.answered_s + 0.5


async def test_without_detection_the_agent_speaks_at_once(open_world, autojump_clock, caller_agent):
    outbound = {"answering_machine_detection": "disabled"}
    async with open_world(agent=caller_agent, outbound=outbound) as world:
        _, report, record = await place(world, human())
    assert report.first_audio_s - report.answered_s < 1
    assert record["answered_by"] is None


@pytest.mark.parametrize(
    ("callee", "outcome"),
    [
        (busy(), "busy"),
        (declined(), "declined"),
        (unreachable(), "no_answer"),
        (bad_number(), "bad_number"),
        (account_problem(), "account_problem"),
        (human(after_s=100), "no_answer"),
    ],
)
async def test_a_call_that_nobody_takes_says_why(
    open_world, autojump_clock, caller_agent, callee, outcome
):
    async with open_world(agent=caller_agent, outbound={"ring_timeout_s": 25}) as world:
        _, report, record = await place(world, callee)
    assert record["end"]["reason"] == "unreached"
    assert record["outcome"] == outcome
    assert report.actions == ("dial",)
    assert report.violations == ()
    assert record["hangup_confirmed"] is True


@pytest.mark.parametrize(
    "mode", ["premium", "detect", "detect_beep", "detect_words", "greeting_end"]
)
async def test_a_machine_is_left_the_message_after_its_greeting(
    open_world, autojump_clock, caller_agent, mode
):
    outbound = {"answering_machine_detection": mode, "voicemail_message": MESSAGE}
    async with open_world(agent=caller_agent, outbound=outbound) as world:
        _, report, record = await place(world, answering_machine())
    assert record["end"]["reason"] == "voicemail_left"
    assert texts(record) == MESSAGE
    assert report.first_audio_s >= report.message_from_s - 0.05
    assert report.violations == ()


@pytest.mark.parametrize("detection", ["usual", "after_beep", "never"])
async def test_the_beep_may_be_told_before_or_instead_of_the_machine(
    open_world, autojump_clock, caller_agent, detection
):
    async with open_world(agent=caller_agent, outbound={"voicemail_message": MESSAGE}) as world:
        _, _, record = await place(world, answering_machine(detection=detection))
    assert record["end"]["reason"] == "voicemail_left"
    assert texts(record).endswith(MESSAGE)


async def test_a_machine_without_a_beep_gets_the_message_all_the_same(
    open_world, autojump_clock, caller_agent
):
    async with open_world(agent=caller_agent, outbound={"voicemail_message": MESSAGE}) as world:
        _, _, record = await place(world, answering_machine(beeps=False))
    assert record["end"]["reason"] == "voicemail_left"


async def test_an_agent_that_had_begun_is_silenced_by_a_machine(
    open_world, autojump_clock, caller_agent
):
    outbound = {"voicemail_message": MESSAGE, "agent_starts": "at once"}

    async def greet(reply):
        await reply.say("This is a very long story. " * 20)

    async with open_world(agent=FunctionAgent(greet=greet), outbound=outbound) as world:
        _, report, record = await place(world, answering_machine())
    assert record["end"]["reason"] == "voicemail_left"
    assert texts(record).endswith(MESSAGE)
    assert report.violations == ()


@pytest.mark.parametrize(
    "outbound", [{"on_machine": "hang up", "voicemail_message": MESSAGE}, {"voicemail_message": ""}]
)
async def test_a_machine_is_hung_up_where_nothing_is_to_be_left(
    open_world, autojump_clock, caller_agent, outbound
):
    async with open_world(agent=caller_agent, outbound=outbound) as world:
        _, report, record = await place(world, answering_machine())
    assert record["end"]["reason"] == "answering_machine"
    assert texts(record) == ""
    assert report.actions == ("dial", "hangup")


async def test_the_agent_may_carry_on_with_a_machine(open_world, autojump_clock, caller_agent):
    async with open_world(agent=caller_agent, outbound={"on_machine": "carry on"}) as world:
        _, _, record = await place(world, answering_machine())
    assert record["end"]["reason"] == "agent_hung_up"
    assert record["answered_by"]["who"] in {"machine", "machine_ready"}


@pytest.mark.parametrize("on_machine", ["leave message", "carry on"])
async def test_a_fax_is_hung_up(open_world, autojump_clock, caller_agent, on_machine):
    outbound = {"on_machine": on_machine, "voicemail_message": MESSAGE}
    async with open_world(agent=caller_agent, outbound=outbound) as world:
        _, _, record = await place(world, fax_machine())
    assert record["end"]["reason"] == "answering_machine"
    assert record["answered_by"]["who"] == "fax"


async def test_somebody_who_says_nothing_is_taken_for_a_person(
    open_world, autojump_clock, caller_agent
):
    async with open_world(agent=caller_agent) as world:
        _, _, record = await place(world, dead_air())
    assert record["end"]["reason"] == "agent_hung_up"


async def test_a_full_mailbox_ends_the_call_itself(open_world, autojump_clock, caller_agent):
    outbound = {"voicemail_message": MESSAGE * 10}
    async with open_world(agent=caller_agent, outbound=outbound) as world:
        _, report, record = await place(world, full_mailbox())
    assert record["end"]["reason"] == "callee_hung_up"
    assert record["outcome"] == "completed"
    assert report.violations == ()


async def test_an_audio_agent_leaves_its_message_by_telnyx(open_world, autojump_clock):
    async with open_world(outbound={"voicemail_message": MESSAGE}) as world:
        _, report, record = await place(world, answering_machine())
    assert record["end"]["reason"] == "voicemail_left"
    assert report.actions == ("dial", "speak", "hangup")
    assert report.first_audio_s >= report.message_from_s


async def test_the_operator_may_give_up_while_it_rings(open_world, autojump_clock, caller_agent):
    async with open_world(agent=caller_agent) as world:
        world.telnyx.directory.entries[NUMBER] = human(after_s=20)
        call = world.dial(NUMBER)
        await trio.sleep(5)
        assert world.switchboard.find(call.keys.ref) is call
        call.end_from_outside(EndReason.OPERATOR_HUNG_UP, "by hand")
        report = await world.telnyx.dialled()
    assert report.actions == ("dial", "hangup")
    assert world.records[0]["end"]["reason"] == "operator_hung_up"
    assert world.records[0]["outcome"] == "cancelled"


async def test_a_dial_that_telnyx_refuses_is_told_with_its_reason(open_line, autojump_clock):
    async with open_line(outbound={"caller_id": "+13125550199"}) as line:
        line.answers["calls"] = (422, {"errors": [{"code": "10015", "title": "Bad Request"}]})
        line.dial(NUMBER)
        await line.settle()
    (record,) = line.records
    assert record["end"]["reason"] == "dial_failed"
    assert "10015" in record["end"]["evidence"] or "Bad Request" in record["end"]["evidence"]
    assert record["outcome"] == "account_problem"
    assert record["hangup_confirmed"] is True
    assert line.actions() == ["calls"]


async def test_a_leg_whose_dial_was_cut_off_is_hung_up_once_its_id_is_known(
    open_line, autojump_clock
):
    async with open_line(outbound={"caller_id": "+13125550199"}) as line:
        line.delays["calls"] = 100.0  # the reply does not come
        call = line.dial(NUMBER)
        await line.settle()
        state = line.commands[0][1]["client_state"]
        call.end_from_outside(EndReason.OPERATOR_HUNG_UP, "by hand")
        await trio.sleep(2)
        assert line.actions() == ["calls"]
        await line.webhook(
            "call.initiated", "v3:out", direction="outgoing", state="bridging", client_state=state
        )
        await line.settle()
        assert line.actions() == ["calls", "hangup"]
    assert line.records[0]["call_id"] == "v3:out"
    assert line.records[0]["hangup_confirmed"] is True


async def test_the_webhook_tells_the_leg_where_the_reply_was_lost(open_line, autojump_clock):
    async with open_line(
        outbound={"caller_id": "+13125550199", "answering_machine_detection": "disabled"}
    ) as line:
        line.delays["calls"] = 100.0
        line.dial(NUMBER)
        await line.settle()
        dial = line.commands[0][1]
        state = dial["client_state"]
        await line.webhook("call.initiated", "v3:out", direction="outgoing", client_state=state)
        await line.webhook("call.answered", "v3:out", client_state=state)
        async with line.media(dial["stream_url"]) as socket:
            await socket.send_text(start_message("v3:out"))
            await trio.sleep(1)
            assert line.switchboard.snapshot()[0]["leg"] == "streaming"
            await line.webhook("call.hangup", "v3:out", hangup_cause="normal_clearing")
    assert line.records[0]["end"]["reason"] == "callee_hung_up"


async def test_a_socket_that_came_while_it_rang_may_go_again(open_line, autojump_clock):
    async with open_line(outbound={"caller_id": "+13125550199"}) as line:
        line.answers["calls"] = (200, {"data": {"call_control_id": "v3:out"}})
        line.dial(NUMBER)
        await line.settle()
        async with line.media() as socket:
            await socket.send_text('{"event":"connected","version":"1.0.0"}')
            await trio.sleep(1)
        await trio.sleep(1)
        assert line.switchboard.snapshot() != []
        await line.webhook("call.hangup", "v3:out", hangup_cause="user_busy")
    assert line.records[0]["outcome"] == "busy"
    assert line.actions() == ["calls"]


async def test_an_answered_call_without_media_is_not_waited_for(open_line, autojump_clock):
    tables = {"outbound": {"caller_id": "+13125550199"}, "call": {"apology": ""}}
    async with open_line(**tables) as line:
        line.answers["calls"] = (200, {"data": {"call_control_id": "v3:out"}})
        line.dial(NUMBER)
        await line.settle()
        await line.webhook("call.answered", "v3:out")
        await trio.sleep(16)
    assert line.records[0]["end"]["reason"] == "no_media"
    assert line.actions() == ["calls", "hangup"]


async def test_a_call_ended_before_it_was_dialled_leaves_nothing_to_look_for(
    open_line, autojump_clock
):
    async with open_line() as line:
        call = line.dial("+13125550142")
        call.end_from_outside(EndReason.OPERATOR_HUNG_UP, "a change of mind")
        await line.settle()
        assert line.switchboard.snapshot() == []  # nobody waits for the id of a leg
        assert line.actions() == []
        assert line.records[0]["hangup_confirmed"] is True
        assert line.ledger.statistics().open == 0
