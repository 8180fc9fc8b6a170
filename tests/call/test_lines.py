"""Several numbers on one daemon, and callers who are not wanted."""

from voiced.services.services import Staff
from voiced.testing.caller import silent_caller
from voiced.testing.providers import FunctionAgent, ScriptedRecognizer, ToneSynthesizer

SALES = {"sales": {"numbers": ["+13125550177"]}}


def farewell(text):
    async def greet(reply):
        await reply.say(text)
        reply.hang_up()

    return FunctionAgent(greet=greet)


def heard(record):
    return [turn["heard_text"] for turn in record["turns"]]


async def test_each_number_is_answered_by_its_own_agent(open_world, autojump_clock):
    sales = Staff(
        agent=farewell("This is sales."),
        recognizer=ScriptedRecognizer(),
        synthesizer=ToneSynthesizer(),
    )
    async with open_world(
        agent=farewell("This is the front desk."), lines=SALES, lines_staff={"sales": sales}
    ) as world:
        await world.telnyx.ring(silent_caller(), to="+13125550177")
        await world.telnyx.ring(silent_caller(), to="+13125550178")
    assert list(map(heard, world.records)) == [["This is sales."], ["This is the front desk."]]
    assert [record["line"] for record in world.records] == ["sales", ""]


async def test_a_blocked_caller_is_declined_and_never_answered(open_world, autojump_clock):
    async with open_world(inbound={"block": ["+1312*"]}) as world:
        report = await world.telnyx.ring(silent_caller(), from_="+13125550100")
    assert [command.action for command in report.commands] == ["reject"]
    assert report.commands[0].body["cause"] == "CALL_REJECTED"
    assert report.cause == "call_rejected"
    assert world.records[0]["end"] == {"reason": "refused_blocked", "evidence": "[inbound] block"}
    assert report.violations == ()


async def test_a_caller_too_many_hears_why_and_is_hung_up(open_line, autojump_clock):
    inbound = {"when_full": "message", "full_message": "All lines are busy."}
    async with open_line(call={"max_concurrent": 1}, inbound=inbound) as line:
        await line.ring("v3:first")
        await line.ring("v3:second")
        assert line.actions() == ["answer", "answer"]
        assert "stream_url" not in line.commands[1][1]
        await line.webhook("call.answered", "v3:second")
        await line.settle()
        assert line.actions()[2:] == ["speak"]
        assert line.commands[2][1]["payload"] == "All lines are busy."
        await line.webhook("call.speak.ended", "v3:second", status="completed")
        await line.settle()
        assert line.actions()[3:] == ["hangup"]
        await line.webhook("call.hangup", "v3:first", hangup_cause="normal_clearing")
        await line.settle()
    assert line.records[0]["end"]["reason"] == "refused_busy"


async def test_a_caller_who_goes_before_the_message_is_not_waited_for(open_line, autojump_clock):
    async with open_line(call={"max_concurrent": 1}, inbound={"when_full": "message"}) as line:
        await line.ring("v3:first")
        await line.ring("v3:second")
        await line.webhook("call.hangup", "v3:second", hangup_cause="originator_cancel")
        await line.settle()
        assert [record["call_id"] for record in line.records] == ["v3:second"]
        assert line.actions() == ["answer", "answer"]
        await line.webhook("call.hangup", "v3:first", hangup_cause="normal_clearing")
        await line.settle()
