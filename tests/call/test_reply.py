"""One reply: sentences to audio, marks, deadlines, and what was heard of it."""

from typing import Any

import numpy as np
import pytest
import trio

from voiced.audio.codec import open_encoder
from voiced.call.passages import MARK_GRACE_S
from voiced.call.reply import HangUp, SpokenReply, Transfer, Voice
from voiced.errors import AgentFailed, BudgetSpent, ProviderTooSlow
from voiced.media.outbound import Outbound
from voiced.media.pacing import Pacer
from voiced.record.journal import AgentHeard, AgentSpeaking, JournalEvent, ToolRan
from voiced.record.latency import TurnClock
from voiced.telnyx.media import MediaStream
from voiced.telnyx.media_messages import MediaFormat
from voiced.testing.providers import ToneSynthesizer
from voiced.turns.budgets import Budgets, Spending

START = """{"event":"start","sequence_number":"1","stream_id":"s1","start":{"call_control_id":"c",
"media_format":{"encoding":"PCMU","sample_rate":8000,"channels":1}}}"""

NO_PHONE: Any = None


class Line:
    """A far end that returns each mark once its audio has been played, if it returns any."""

    def __init__(self, nursery, *, returns_marks=True):
        self.outbound = Outbound(open_encoder("PCMU", 8000), Pacer(lead_s=0.4, message_frames=5))
        self._nursery = nursery
        self._returns_marks = returns_marks

    async def run(self):
        stream = MediaStream(outbound=MediaFormat())
        stream.receive(START)
        await self.outbound.run(self, stream)

    def send_text_nowait(self, text):
        if '"mark"' in text and self._returns_marks:
            name = text.split('"name":"')[1].split('"')[0]
            self._nursery.start_soon(self._return, name, self.outbound.unplayed_s)
        return True

    async def flush(self):
        await trio.lowlevel.checkpoint()

    async def _return(self, name, after_s):
        await trio.sleep(after_s + 0.05)
        self.outbound.mark_returned(name)


@pytest.fixture
def make(nursery):
    """Make a line and a reply on it; returns the reply, its outbound and its journal."""

    def maker(*, returns_marks=True, since=None, **synthesizer):
        line = Line(nursery, returns_marks=returns_marks)
        nursery.start_soon(line.run)
        events: list[JournalEvent] = []
        voice = Voice(
            synthesizer=ToneSynthesizer(letters_per_s=10, **synthesizer),
            outbound=line.outbound,
            note=events.append,
            phone=NO_PHONE,
        )
        clock = since and TurnClock(last_voice_at=since, silent_at=since, understood_at=since)
        reply = SpokenReply(voice, clock=clock)
        reply.release()
        return reply, line.outbound, events

    return maker


def saying(*texts, protected=False):
    async def think(reply):
        for text in texts:
            await reply.say(text, protected=protected)

    return think


async def test_a_reply_is_over_when_its_last_word_was_heard(autojump_clock, make):
    reply, _, events = make(since=trio.current_time() - 0.6)
    await reply.run(saying("One two.", "Three four."))
    # 0.1 s to the first audio of each sentence, 0.8 and 1.1 s of speech, the way of the mark.
    assert trio.current_time() == pytest.approx(0.1 + 0.8 + 1.1 + 0.05, abs=0.11)
    speaking = [event for event in events if isinstance(event, AgentSpeaking)]
    assert [(e.text, e.latency_s) for e in speaking] == [
        ("One two.", pytest.approx(0.7, abs=0.001)),
        ("Three four.", None),
    ]
    assert speaking[1].at - speaking[0].at == pytest.approx(0.8, abs=0.02)
    heard = [event for event in events if isinstance(event, AgentHeard)]
    assert [(e.text, e.heard) for e in heard] == [("One two.", "all"), ("Three four.", "all")]


async def test_a_reply_without_words_is_over_at_once(autojump_clock, make):
    reply, _, events = make()
    await reply.run(saying("", "  "))
    reply.settle()
    assert (events, reply.has_sounded, reply.decision) == ([], False, None)
    assert trio.current_time() == 0


async def test_a_mark_that_never_comes_back_is_waited_for_a_moment_only(autojump_clock, make):
    reply, _, events = make(returns_marks=False)
    await reply.run(saying("One two."))
    assert trio.current_time() == pytest.approx(0.1 + 0.8 + MARK_GRACE_S, abs=0.05)
    reply.settle()
    assert [e.heard for e in events if isinstance(e, AgentHeard)] == ["unknown"]


async def test_no_audio_within_ten_seconds_is_too_slow(autojump_clock, make):
    reply, _, _ = make(first_audio_s=60)
    with pytest.raises(ProviderTooSlow, match="no audio within 10 s"):
        await reply.run(saying("One."))
    assert trio.current_time() == pytest.approx(10.0)


async def test_an_agent_that_thinks_for_ever_is_too_slow(autojump_clock, make):
    reply, _, _ = make()

    async def think(_):
        await trio.sleep_forever()

    with pytest.raises(ProviderTooSlow):
        await reply.run(think)


async def test_after_its_first_audio_a_reply_may_take_its_time(autojump_clock, make):
    reply, _, _ = make()

    async def think(reply):
        await reply.say("One moment.")
        await trio.sleep(60)
        await reply.say("Here it is.")

    await reply.run(think)
    assert trio.current_time() > 60


async def test_an_error_of_the_agent_leaves(autojump_clock, make):
    reply, _, _ = make()

    async def think(reply):
        raise AgentFailed("a", "x")

    with pytest.RaisesGroup(AgentFailed):
        await reply.run(think)


async def test_an_interrupted_reply_says_what_was_heard_and_is_no_failure(
    autojump_clock, make, nursery
):
    reply, outbound, events = make()
    nursery.start_soon(reply.run, saying("One two three four.", "Five."))
    await trio.sleep(1.0)
    heard = reply.interrupt()
    assert heard == "One two"
    assert outbound.unplayed_s == 0
    await trio.sleep(20)
    reply.settle()
    results = [(e.text, e.heard) for e in events if isinstance(e, AgentHeard)]
    assert results == [("One two three four.", "part"), ("Five.", "none")]
    assert outbound.unplayed_s == 0


async def test_a_reply_may_be_interrupted_before_it_has_begun(autojump_clock, make, nursery):
    reply, _, events = make()
    nursery.start_soon(reply.run, saying("One."))
    await trio.sleep(0.05)  # the synthesizer is still at it
    assert reply.interrupt() == ""
    await trio.sleep(20)
    assert [e.heard for e in events if isinstance(e, AgentHeard)] == ["none"]
    assert not any(isinstance(e, AgentSpeaking) for e in events)


async def test_a_protected_passage_protects_until_it_has_been_played(autojump_clock, make, nursery):
    reply, _, _ = make()

    async def think(reply):
        await reply.say("One two three.", protected=True)  # 1.4 s
        await reply.say("Four five six.")

    assert reply.may_be_interrupted
    nursery.start_soon(reply.run, think)
    for at, may in ((0.3, False), (1.4, False), (1.6, True), (2.5, True)):
        await trio.sleep(at - trio.current_time())
        assert reply.may_be_interrupted is may, at


async def test_the_last_decision_counts(autojump_clock, make):
    reply, _, _ = make()

    async def think(reply):
        reply.hang_up()
        assert reply.decision == HangUp()
        reply.transfer("+13125550100")
        await trio.lowlevel.checkpoint()

    await reply.run(think)
    assert reply.decision == Transfer("+13125550100")


async def test_a_synthesizer_that_gives_nothing_is_a_passage_of_no_length(autojump_clock, make):
    reply, outbound, events = make()

    class Mute(ToneSynthesizer):
        async def synthesize(self, text, audio):
            await audio(np.zeros(0, np.int16))

    mute = SpokenReply(
        Voice(synthesizer=Mute(), outbound=outbound, note=events.append, phone=NO_PHONE)
    )
    mute.release()
    await mute.run(saying("One."))
    assert [e.heard for e in events if isinstance(e, AgentHeard)] == ["all"]
    assert trio.current_time() < 1
    assert not reply.has_sounded


async def test_a_stream_is_spoken_sentence_by_sentence_before_it_is_complete(autojump_clock, make):
    reply, _, events = make()

    class Stream:
        def __init__(self):
            self._pieces = iter(["One t", "wo three. Four ", "five six."])

        def __aiter__(self):
            return self

        async def __anext__(self):
            await trio.sleep(0.5)
            try:
                return next(self._pieces)
            except StopIteration:
                raise StopAsyncIteration from None

    async def think(reply):
        await reply.say(Stream())

    await reply.run(think)
    spoken = [(e.text, round(e.at, 1)) for e in events if isinstance(e, AgentSpeaking)]
    assert spoken == [("One two three.", 1.1), ("Four five six.", 2.5)]


async def test_a_stream_that_comes_too_late_is_too_slow(autojump_clock, make):
    reply, _, _ = make()

    async def think(reply):
        _, never = trio.open_memory_channel(0)
        await reply.say(never)

    with pytest.raises(ProviderTooSlow, match="no words within 10 s"):
        await reply.run(think)


async def test_a_reply_is_held_back_until_the_turn_is_certain(autojump_clock, make, nursery):
    _, outbound, events = make()
    reply = SpokenReply(
        Voice(synthesizer=ToneSynthesizer(), outbound=outbound, note=events.append, phone=NO_PHONE)
    )
    nursery.start_soon(reply.run, saying("One two."))
    await trio.sleep(30)  # budgets do not count yet
    assert not events
    reply.release()
    await trio.sleep(0.01)
    assert [e.at for e in events if isinstance(e, AgentSpeaking)] == [30.0]  # it was ready


async def test_a_reply_that_is_withdrawn_leaves_no_trace(autojump_clock, make, nursery):
    _, outbound, events = make()
    reply = SpokenReply(
        Voice(synthesizer=ToneSynthesizer(), outbound=outbound, note=events.append, phone=NO_PHONE)
    )
    nursery.start_soon(reply.run, saying("One two."))
    await trio.sleep(1)
    reply.withdraw()
    await trio.sleep(1)
    reply.settle()
    assert events == []
    assert outbound.position_s == 0


async def test_a_filler_bridges_the_wait_and_comes_first(autojump_clock, make, nursery):
    reply, _, events = make(since=trio.current_time() - 0.6)

    async def think(reply):
        await trio.sleep(3)
        await reply.say("Here it is.")

    nursery.start_soon(reply.run, think)
    await trio.sleep(1)
    reply.fill("One moment.")
    await trio.sleep(10)
    spoken = [(e.text, e.filler, e.latency_s) for e in events if isinstance(e, AgentSpeaking)]
    assert spoken == [
        ("One moment.", True, None),
        ("Here it is.", False, pytest.approx(3.7, abs=0.001)),
    ]


async def test_an_answer_that_waits_behind_a_filler_is_as_late_as_it_sounds(
    autojump_clock, make, nursery
):
    reply, _, events = make(since=trio.current_time() - 0.6)

    async def think(reply):
        await trio.sleep(1.5)
        await reply.say("Here it is.")

    nursery.start_soon(reply.run, think)
    await trio.sleep(1)
    reply.fill("One moment please.")  # until 2.9
    await trio.sleep(10)
    (answer,) = [e for e in events if isinstance(e, AgentSpeaking) and not e.filler]
    assert (answer.at, answer.latency_s) == pytest.approx((2.9, 3.5), abs=0.03)
    assert answer.latency is not None
    assert answer.latency.pacing_s > 0.2


async def test_a_tool_has_its_own_time_and_may_be_bridged(autojump_clock, make):
    reply, _, events = make()

    async def think(reply):
        async with reply.tool("slow"), reply.tool("slower"):
            await trio.sleep(5)
            reply.fill("One moment.")
            await trio.sleep(10)
        await trio.sleep(9)
        await reply.say("Here it is.")

    await reply.run(think)
    spoken = [(e.text, e.filler) for e in events if isinstance(e, AgentSpeaking)]
    assert spoken == [("One moment.", True), ("Here it is.", False)]
    ran = [(e.name, e.began_at, e.ok, e.at) for e in events if isinstance(e, ToolRan)]
    assert ran == [("slower", 0.0, True, 15.0), ("slow", 0.0, True, 15.0)]


async def test_after_a_tool_words_are_due_again(autojump_clock, make):
    reply, _, _ = make()

    async def think(reply):
        async with reply.tool("slow"):
            await trio.sleep(15)
        await trio.sleep_forever()

    with pytest.raises(ProviderTooSlow, match="no words within 10 s"):
        await reply.run(think)
    assert trio.current_time() == pytest.approx(25)


async def test_a_filler_is_not_the_audio_that_the_budget_wants(autojump_clock, make, nursery):
    reply, _, _ = make()

    async def fill():
        await trio.sleep(1)
        reply.fill("One moment.")

    async def silent(_):
        await trio.sleep_forever()

    nursery.start_soon(fill)
    with pytest.raises(ProviderTooSlow, match="no words within 10 s"):
        await reply.run(silent)
    assert trio.current_time() == pytest.approx(10.0)


async def test_a_tool_runs_once_the_turn_is_certain_and_within_its_time(
    autojump_clock, make, nursery
):
    _, outbound, events = make()
    voice = Voice(
        synthesizer=ToneSynthesizer(),
        outbound=outbound,
        note=events.append,
        phone=NO_PHONE,
        spending=Spending(Budgets(tool_s=2.0)),
    )
    reply = SpokenReply(voice)
    ran_at = []

    async def think(reply):
        async with reply.tool("lookup", "a"):
            ran_at.append(trio.current_time())
            await trio.sleep(60)

    async def release():
        await trio.sleep(5)
        reply.release()

    nursery.start_soon(release)
    with pytest.RaisesGroup(ProviderTooSlow):
        await reply.run(think)
    assert (ran_at, trio.current_time()) == ([5.0], 7.0)
    ran = [event for event in events if isinstance(event, ToolRan)]
    assert ran == [ToolRan(name="lookup", began_at=5.0, ok=False, at=7.0)]


async def test_what_is_spent_beyond_its_budget_ends_the_reply(autojump_clock, make):
    _, outbound, events = make()
    budgets = Budgets(max_tokens=100, max_characters=10, max_same_tool_calls=2)

    def reply_with():
        voice = Voice(
            synthesizer=ToneSynthesizer(),
            outbound=outbound,
            note=events.append,
            phone=NO_PHONE,
            spending=Spending(budgets),
        )
        reply = SpokenReply(voice)
        reply.release()
        return reply

    async def tokens(reply):
        await trio.lowlevel.checkpoint()
        reply.spend(60)
        reply.spend(60)

    async def same_tool(reply):
        for arguments in ("a", "b", "b", "b"):
            async with reply.tool("lookup", arguments):
                pass

    for think in (tokens, same_tool, saying("One two three four five.")):
        with pytest.RaisesGroup(BudgetSpent):
            await reply_with().run(think)


async def test_who_spoke_before_the_agent_did_speaks_over_it_from_its_first_sound_on(
    make, autojump_clock
):
    reply, _, events = make()
    assert reply.spoken_over_from(-1.0) == -1.0
    await reply.run(saying("one"))
    (spoke,) = (event.at for event in events if isinstance(event, AgentSpeaking))
    assert reply.spoken_over_from(spoke - 2.0) == spoke
    assert reply.spoken_over_from(spoke + 0.1) == spoke + 0.1
    assert reply.spoken_over_from(None) is None
