"""Turns, barge-in, silence and goodbyes: a scripted caller against real pacing, on exact times."""

from collections import deque
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import numpy as np
import pytest
import trio

from tests.call.conftest import start_message
from tests.call.far_end import FarEnd
from voiced.agent.base import CallInfo
from voiced.agent.memory import Memory
from voiced.agent.messages import Message
from voiced.audio.codec import open_encoder
from voiced.call.conversation import Conversation
from voiced.call.reply import HangUp, Transfer, Voice
from voiced.errors import RecognizerFailed, SynthesizerFailed
from voiced.media.outbound import Outbound
from voiced.media.pacing import Pacer
from voiced.recognizer.base import Vocabulary
from voiced.record.journal import (
    AgentHeard,
    AgentSpeaking,
    BargeIn,
    CallerSaid,
    FalseAlarm,
    JournalEvent,
)
from voiced.telnyx.media import MediaStream
from voiced.telnyx.media_messages import MediaFormat
from voiced.testing.caller import Spoken, silent_caller
from voiced.testing.providers import FunctionAgent, ScriptedRecognizer, Speech, ToneSynthesizer
from voiced.turns.expect import ExpectDigits
from voiced.turns.rules import TurnRules

GREETING_S = 53 / 20  # the greeter's 53 letters at 20 letters a second
MEDIA = pytest.approx


def speech(from_s, to_s, text, **more):
    return Speech(from_s=from_s, to_s=to_s, text=text, **more)


async def test_four_turns_are_answered_and_the_agent_hangs_up_after_its_goodbye(
    open_world, autojump_clock, greeter
):
    script = [
        speech(4, 5, "one"),
        speech(8, 9, "two"),
        speech(12, 13, "three"),
        speech(16, 17, "goodbye"),
    ]
    async with open_world(agent=greeter, recognizer=ScriptedRecognizer(script)) as world:
        report = await world.ring(silent_caller())
    assert greeter.dialogues[0].turns == ["one", "two", "three", "goodbye"]
    assert report.ended_by == "agent"
    assert world.records[0]["end"]["reason"] == "agent_hung_up"
    assert [turn["heard"] for turn in world.records[0]["turns"] if turn["who"] == "agent"] == (
        ["all"] * 6
    )
    # The last thing said was heard to its end: the goodbye takes 36 letters at 20 a second.
    last = report.agent_utterances[-1]
    assert last.end_s - last.start_s == pytest.approx(36 / 20, abs=0.15)
    assert report.ended_s - last.end_s < 0.3
    assert report.playback.underruns == 0
    assert report.violations == ()
    assert not report.zombie


@pytest.mark.parametrize(("pause_ms", "parted_s"), [(200, 0.2), (0, 0.0)])
async def test_sentences_are_parted_by_a_breath_and_the_first_waits_for_none(
    open_world, autojump_clock, greeter, pause_ms, parted_s
):
    async with open_world(
        agent=greeter, recognizer=ScriptedRecognizer(), speech={"sentence_pause_ms": pause_ms}
    ) as world:
        report = await world.ring(silent_caller(hangs_up_s=6.0))
    first, second = (e.at - report.rang_at for e in world.journal.of(AgentSpeaking))
    assert report.streaming_s + 0.1 <= first <= report.streaming_s + 0.12
    assert second - first == pytest.approx(29 / 20 + parted_s, abs=0.021)  # 29 letters
    sounds = np.flatnonzero(np.abs(report.heard) > 500)
    longest_s = np.diff(sounds).max() / 8000
    assert longest_s == pytest.approx(parted_s, abs=0.021)
    assert [e.heard for e in world.journal.of(AgentHeard)] == ["all", "all"]
    assert report.playback.underruns == 0


async def test_latency_counts_from_the_callers_last_voice_to_the_first_audio_on_the_wire(
    open_world, autojump_clock, greeter
):
    script = [speech(4, 5, "one")]
    async with open_world(agent=greeter, recognizer=ScriptedRecognizer(script)) as world:
        await world.ring(silent_caller(hangs_up_s=9.0))
    (latency,) = [e.latency_s for e in world.journal.of(AgentSpeaking) if e.latency_s]
    # 0.6 s of silence, 0.2 s to decode, 0.1 s to the first audio.
    assert latency == pytest.approx(0.9, abs=0.001)


async def test_barge_in_cuts_the_reply_and_sends_one_clear_at_once(
    open_world, autojump_clock, greeter
):
    script = [speech(1.4, 2.0, "goodbye")]
    async with open_world(agent=greeter, recognizer=ScriptedRecognizer(script)) as world:
        report = await world.ring(silent_caller())
    (clear_s,) = report.clears
    (barge_in,) = world.journal.of(BargeIn)
    assert clear_s - (barge_in.at - report.rang_at) < 0.010
    # Silence at the caller's ear within the same 20 ms step and the next.
    after = report.heard_between(clear_s + 0.04, clear_s + 0.5)
    assert not after.any()
    dialogue = greeter.dialogues[0]
    assert dialogue.turns == ["goodbye"]
    assert dialogue.cut == ["Hello, this is the test"]
    heard = [(e.heard, e.heard_text) for e in world.journal.of(AgentHeard)]
    assert heard[:2] == [("part", "Hello, this is the test"), ("none", "")]


async def test_marks_that_clear_returns_prove_nothing(open_world, autojump_clock, greeter):
    script = [speech(1.4, 2.0, "one")]
    async with open_world(agent=greeter, recognizer=ScriptedRecognizer(script)) as world:
        report = await world.ring(silent_caller(hangs_up_s=8.0))
    assert any(mark.why == "cleared" for mark in report.marks)
    heard = {e.text: e.heard for e in world.journal.of(AgentHeard)}
    assert heard["How can I help you today?"] == "none"
    assert heard["You said one."] == "all"


class EchoingCaller:
    """A telephone that sends back what it plays, 0.2 s later and quieter; then it hangs up."""

    utterances = ()
    notes = ()

    def __init__(self, hangs_up_s):
        self._steps_left = round(hangs_up_s / 0.02)
        self._played = deque([np.zeros(160, np.int16)] * 10)

    def step(self, heard):
        self._steps_left -= 1
        self._played.append(heard)
        return Spoken(pcm=self._played.popleft() // 8, hangs_up=self._steps_left <= 0)


@pytest.mark.parametrize("echo_guard", [True, False])
async def test_the_agents_own_voice_returned_by_the_line_does_not_interrupt_it(
    open_world, autojump_clock, greeter, echo_guard
):
    script = [speech(0.4, 2.0, "thank you for calling")]  # what a detector makes of the echo
    async with open_world(
        agent=greeter, recognizer=ScriptedRecognizer(script), turns={"echo_guard": echo_guard}
    ) as world:
        await world.ring(EchoingCaller(hangs_up_s=6.0))
    assert len(world.journal.of(BargeIn)) == (0 if echo_guard else 1)
    assert greeter.dialogues[0].turns == ([] if echo_guard else ["thank you for calling"])


async def test_a_protected_passage_is_not_interrupted_and_words_over_it_are_no_turn(
    open_world, autojump_clock
):
    async def greet(reply):
        await reply.say("This call may be recorded for quality and training.", protected=True)

    agent = FunctionAgent(greet=greet)
    script = [speech(0.8, 1.2, "hello hello")]
    async with open_world(agent=agent, recognizer=ScriptedRecognizer(script)) as world:
        report = await world.ring(silent_caller(hangs_up_s=6.0))
    assert report.clears == ()
    assert agent.dialogues[0].turns == []
    assert [e.heard for e in world.journal.of(AgentHeard)] == ["all"]


async def test_barge_in_can_be_switched_off(open_world, autojump_clock, greeter):
    script = [speech(1.0, 1.5, "goodbye"), speech(5, 6, "goodbye")]
    async with open_world(
        agent=greeter, recognizer=ScriptedRecognizer(script), call={"barge_in": False}
    ) as world:
        report = await world.ring(silent_caller())
    assert report.clears == ()
    assert greeter.dialogues[0].turns == ["goodbye"]


async def test_a_caller_who_goes_on_before_the_answer_is_answered_once_with_all_words(
    open_world, autojump_clock, greeter
):
    script = [speech(4, 5, "on thursday"), speech(5.75, 6.5, "in the morning")]
    slow = ToneSynthesizer(first_audio_s=0.5)
    async with open_world(
        agent=greeter, recognizer=ScriptedRecognizer(script), synthesizer=slow
    ) as world:
        await world.ring(silent_caller(hangs_up_s=12.0))
    assert greeter.dialogues[0].turns == ["on thursday", "on thursday in the morning"]
    spoken = [e.text for e in world.journal.of(AgentSpeaking)]
    assert "You said on thursday." not in spoken
    assert "You said on thursday in the morning." in spoken


async def test_speech_without_words_in_a_silence_is_no_turn(open_world, autojump_clock, greeter):
    script = [speech(4, 4.3, "", confidence=0.0)]
    async with open_world(agent=greeter, recognizer=ScriptedRecognizer(script)) as world:
        await world.ring(silent_caller(hangs_up_s=8.0))
    assert greeter.dialogues[0].turns == []
    assert [e.text for e in world.journal.of(CallerSaid)] == [""]


async def test_a_cough_over_the_agent_lets_it_go_on_from_the_same_word(
    open_world, autojump_clock, greeter
):
    script = [speech(1.4, 1.8, "", confidence=0.0)]
    async with open_world(agent=greeter, recognizer=ScriptedRecognizer(script)) as world:
        report = await world.ring(silent_caller(hangs_up_s=8.0))
    dialogue = greeter.dialogues[0]
    assert (dialogue.turns, dialogue.cut) == ([], [])
    heard = [(e.heard, e.heard_text) for e in world.journal.of(AgentHeard)]
    assert heard == [
        ("part", "Hello, this is the test"),
        ("none", ""),
        ("all", "line."),
        ("all", "How can I help you today?"),
    ]
    (alarm,) = world.journal.of(FalseAlarm)
    assert alarm.at - world.journal.of(BargeIn)[0].at == pytest.approx(1.1)  # the words came: none
    assert len(report.clears) == 1
    assert [u.text for u in report.agent_utterances] == ["", ""]


async def test_what_the_agent_thinks_of_meanwhile_comes_after_what_it_still_has_to_say(
    open_world, autojump_clock
):
    async def greet(reply):
        await reply.say("Hello, this is the test line.")
        await trio.sleep(2.0)  # held at 1.5, goes on at 2.6; a model's next words come at 2.1
        await reply.say("How can I help you?")

    script = [speech(1.4, 1.8, "mhm")]
    agent = FunctionAgent(greet=greet)
    async with open_world(agent=agent, recognizer=ScriptedRecognizer(script)) as world:
        await world.ring(silent_caller(hangs_up_s=8.0))
    spoken = [e.text for e in world.journal.of(AgentSpeaking)]
    assert spoken == ["Hello, this is the test line.", "line.", "How can I help you?"]


async def test_long_speech_without_words_that_cut_the_agent_is_a_turn(
    open_world, autojump_clock, greeter
):
    script = [speech(1.4, 3.4, "", confidence=0.0)]
    async with open_world(agent=greeter, recognizer=ScriptedRecognizer(script)) as world:
        await world.ring(silent_caller(hangs_up_s=8.0))
    assert greeter.dialogues[0].turns == [""]


async def test_a_silent_caller_is_prompted_and_in_the_end_told_goodbye(
    open_world, autojump_clock, greeter
):
    async with open_world(
        agent=greeter, recognizer=ScriptedRecognizer(), call={"silence_timeout_s": 5}
    ) as world:
        report = await world.ring(silent_caller())
    spoken = [e.text for e in world.journal.of(AgentSpeaking)]
    assert spoken[2:] == ["Are you still there?"] * 2 + ["I will hang up now.", "Goodbye."]
    assert world.records[0]["end"]["reason"] == "silence"
    assert report.ended_by == "agent"
    # The clock stands still while the agent speaks: 5 s lie between the end of one and the next.
    starts = [u.start_s for u in report.agent_utterances]
    ends = [u.end_s for u in report.agent_utterances]
    assert starts[1] - ends[0] == pytest.approx(5.1, abs=0.15)


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (
            {"synthesizer": ToneSynthesizer(error=SynthesizerFailed("tone", "x"))},
            "synthesizer_failed",
        ),
        ({"recognizer": ScriptedRecognizer(error=RecognizerFailed("s", "x"))}, "recognizer_failed"),
        ({"recognizer": ScriptedRecognizer(error=ZeroDivisionError())}, "internal_error"),
        ({"synthesizer": ToneSynthesizer(first_audio_s=60)}, "synthesizer_too_slow"),
    ],
)
async def test_a_failure_inside_speaks_the_apology_and_then_hangs_up(
    open_world, autojump_clock, greeter, broken, reason
):
    async with open_world(agent=greeter, **broken) as world:
        report = await world.ring(silent_caller())
    assert world.records[0]["end"]["reason"] == reason
    assert report.actions == ("answer", "speak", "hangup")
    speak, hangup = report.commands[-2:]
    assert speak.body["payload"].startswith("I am sorry")
    # Hung up on call.speak.ended, not before: the emulated Telnyx speaks for some seconds.
    assert hangup.at_s - speak.at_s > 2.0
    assert report.ended_by == "agent"
    assert not report.zombie


async def test_one_calls_failure_leaves_another_call_alone(open_world, autojump_clock):
    async def greet(reply):
        await reply.say("Hello.")

    async def respond(turn, reply):
        raise ZeroDivisionError

    agent = FunctionAgent(greet=greet, respond=respond)

    class OneBadCall(ScriptedRecognizer):
        calls = 0

        async def recognize(self, frames, events, vocabulary):
            OneBadCall.calls += 1
            script = [speech(3, 4, "boom")] if OneBadCall.calls == 1 else []
            await ScriptedRecognizer(script).recognize(frames, events, vocabulary)

    reports = {}
    async with open_world(agent=agent, recognizer=OneBadCall()) as world:

        async def ring(name):
            reports[name] = await world.ring(silent_caller(hangs_up_s=15.0))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ring, "a")
            await trio.sleep(0.5)
            nursery.start_soon(ring, "b")
    reasons = sorted(record["end"]["reason"] for record in world.records)
    assert reasons == ["caller_hung_up", "internal_error"]
    assert reports["b"].ended_by == "caller"
    assert reports["b"].violations == ()


NO_PHONE: Any = None


@asynccontextmanager
async def alone(agent, script=(), *, pause_s=0.0, **rules):
    """A conversation without Telnyx: its far end plays all it gets and returns the marks."""
    outbound = Outbound(open_encoder("PCMU", 8000), Pacer(lead_s=0.4, message_frames=5))
    notes: list[JournalEvent] = []
    voice = Voice(
        synthesizer=ToneSynthesizer(),
        outbound=outbound,
        note=notes.append,
        phone=NO_PHONE,
        pause_s=pause_s,
    )
    dialogue = agent.begin(CallInfo(call_id="c", caller="", called=""))
    conversation = Conversation(dialogue, voice, TurnRules(**rules))
    events_in, events = trio.open_memory_channel(8)

    async with trio.open_nursery() as nursery:
        stream = MediaStream(outbound=MediaFormat())
        stream.receive(start_message())
        nursery.start_soon(outbound.run, FarEnd(outbound, nursery), stream)
        _, frames = trio.open_memory_channel(1)
        recognizer = ScriptedRecognizer(script)
        nursery.start_soon(recognizer.recognize, frames, events_in, Vocabulary())
        yield conversation, events, notes
        nursery.cancel_scope.cancel()


def ask(*texts, expected=None):
    """Speak a reply that expects something."""

    async def reply_with(*given):
        reply = given[-1]
        if expected is not None:
            reply.expect(expected)
        for text in texts:
            await reply.say(text)

    return reply_with


async def hang_up_after(turn, reply):
    await reply.say("Goodbye.")
    reply.hang_up()


async def press(conversation, *keys):
    """Press keys at their times."""
    for at, key in keys:
        await trio.sleep_until(at)
        conversation.key_pressed(key, trio.current_time())


async def test_keys_are_put_together_and_answered_as_one_turn(autojump_clock):
    expected = ExpectDigits(max_length=4)
    agent = FunctionAgent(greet=ask("Your number?", expected=expected), respond=hang_up_after)
    async with alone(agent) as (conversation, events, _), trio.open_nursery() as nursery:
        nursery.start_soon(press, conversation, (2.0, "4"), (2.5, "7"), (3.0, "1"), (3.5, "1"))
        assert await conversation.run(events) == HangUp()
    assert agent.dialogues[0].digits == ["4711"]
    assert agent.dialogues[0].turns == [""]


async def test_a_key_interrupts_the_agent(autojump_clock):
    agent = FunctionAgent(greet=ask("Press one, or two, or three."), respond=hang_up_after)
    async with alone(agent) as (conversation, events, notes), trio.open_nursery() as nursery:
        nursery.start_soon(press, conversation, (0.8, "2"), (1.0, "#"))
        await conversation.run(events)
    assert agent.dialogues[0].digits == ["2"]
    assert agent.dialogues[0].cut == ["Press one, or"]
    assert [e.at for e in notes if isinstance(e, BargeIn)] == [pytest.approx(0.8)]


async def test_keys_over_a_protected_passage_are_kept_for_its_end(autojump_clock):
    async def greet(reply):
        reply.expect(ExpectDigits(max_length=2))
        await reply.say("This call is recorded.", protected=True)

    agent = FunctionAgent(greet=greet, respond=hang_up_after)
    async with alone(agent) as (conversation, events, notes), trio.open_nursery() as nursery:
        nursery.start_soon(press, conversation, (0.5, "4"), (0.7, "2"), (0.8, "#"))
        await conversation.run(events)
    assert agent.dialogues[0].digits == ["42"]
    assert agent.dialogues[0].cut == []
    assert not any(isinstance(e, BargeIn) for e in notes)


@pytest.mark.parametrize("at_s", [0.5, 1.7, 2.55])
async def test_a_protected_passage_of_two_sentences_is_protected_throughout(autojump_clock, at_s):
    async def greet(reply):
        await reply.say(
            "Calls to this number are recorded by us. Please mind that.", protected=True
        )
        await reply.say("How can I help you?")

    agent = FunctionAgent(greet=greet, respond=hang_up_after)
    script = [speech(at_s, at_s + 0.2, "stop"), speech(5.0, 5.5, "goodbye")]
    async with alone(agent, script, pause_s=0.2) as (conversation, events, notes):
        await conversation.run(events)
    assert agent.dialogues[0].cut == []
    assert not any(isinstance(e, BargeIn) for e in notes)
    assert agent.dialogues[0].turns == ["goodbye"]


@pytest.mark.parametrize("at_s", np.arange(0.8, 1.7, 0.05).round(2).tolist())
async def test_no_word_is_lost_to_a_cough_whenever_it_comes(autojump_clock, at_s):
    texts = ("Please tell me what I can do for you on this fine day.", "I am all ears.", "Well?")
    agent = FunctionAgent(greet=ask(*texts), respond=hang_up_after)
    script = [speech(at_s, at_s + 0.2, ""), speech(9.0, 9.5, "goodbye")]
    async with alone(agent, script, pause_s=0.2) as (conversation, events, notes):
        await conversation.run(events)
    greeting = [e.heard_text for e in notes if isinstance(e, AgentHeard)][:-1]
    assert " ".join(text for text in greeting if text) == " ".join(texts)


async def test_words_and_keys_of_one_turn_are_answered_together(autojump_clock):
    agent = FunctionAgent(greet=ask("Yes?"), respond=hang_up_after)
    script = [speech(1.0, 1.6, "my number is", silence_s=0.3)]
    async with alone(agent, script) as (conversation, events, _), trio.open_nursery() as nursery:
        nursery.start_soon(press, conversation, (1.8, "4"), (2.5, "2"))
        await conversation.run(events)
    dialogue = agent.dialogues[0]
    assert (dialogue.turns, dialogue.digits) == (["my number is"], ["42"])


async def test_who_presses_no_key_is_prompted_after_the_questions_own_time(autojump_clock):
    prompted = []

    async def nudge(silences, reply):
        prompted.append(trio.current_time())
        await hang_up_after(None, reply)

    expected = ExpectDigits(first_digit_timeout_s=4.0)
    agent = FunctionAgent(greet=ask("Your number?", expected=expected), nudge=nudge)
    async with alone(agent) as (conversation, events, _):
        assert await conversation.run(events) == HangUp(nobody_spoke=True)
    assert prompted == [pytest.approx(0.7 + 4.0, abs=0.1)]


async def test_a_conversation_goes_on_after_a_transfer_that_failed(autojump_clock):
    async def respond(turn, reply):
        if turn.text == "operator":
            reply.transfer("+13125550100")
        else:
            await hang_up_after(turn, reply)

    agent = FunctionAgent(greet=ask("Yes?"), respond=respond, take_back=ask("Nobody is there."))
    script = [speech(1.0, 1.6, "operator"), speech(5.0, 5.5, "well goodbye")]
    async with alone(agent, script) as (conversation, events, notes):
        assert await conversation.run(events) == Transfer("+13125550100")
        dialogue = agent.dialogues[0]
        opening = partial(dialogue.transfer_failed, "busy")
        assert await conversation.run(events, opening=opening) == HangUp()
    assert dialogue.failed_transfers == ["busy"]
    assert dialogue.turns == ["operator", "well goodbye"]
    spoken = [e.text for e in notes if isinstance(e, AgentSpeaking)]
    assert spoken == ["Yes?", "Nobody is there.", "Goodbye."]


class MindfulDialogue:
    """A dialogue that remembers with `Memory` and is told when time is short."""

    def __init__(self):
        self.memory = Memory()

    async def open(self, reply):
        await reply.say("Hello, how can I help you?")

    async def answer(self, turn, reply):
        self.memory.caller_said(turn)
        await reply.say("Let me see what we have for you.")

    async def prompt(self, silences, reply):
        await reply.say("Are you there?")

    async def transfer_failed(self, reason, reply):
        raise AssertionError("nothing is transferred")

    async def time_is_short(self, left_s, reply):
        await reply.say(f"We have {left_s:.0f} seconds left.")
        reply.hang_up()

    def interrupted(self, heard):
        self.interrupted_after = heard

    def withdrawn(self):
        self.memory.withdrawn()

    def heard(self, pieces):
        self.memory.heard(pieces)


class MindfulAgent(FunctionAgent):
    def begin(self, call):
        self.dialogue = MindfulDialogue()
        return self.dialogue


async def test_a_dialogue_that_remembers_is_told_what_was_heard_and_what_never_was(autojump_clock):
    agent = MindfulAgent()
    script = [
        speech(2.0, 3.0, "on thursday"),
        speech(3.75, 4.5, "in the morning"),  # before the answer sounds
        speech(6.0, 6.8, "no on friday"),  # over it
    ]
    async with alone(agent, script) as (conversation, events, _), trio.open_nursery() as nursery:
        nursery.start_soon(conversation.run, events)
        await trio.sleep(12)
        nursery.cancel_scope.cancel()
    assert agent.dialogue.memory.messages() == [
        Message(role="assistant", content="Hello, how can I help you?"),
        Message(role="user", content="on thursday in the morning"),
        Message(role="assistant", content="Let me see (cut short)"),
        Message(role="user", content="no on friday"),
        Message(role="assistant", content="Let me see what we have for you."),
    ]
    assert agent.dialogue.interrupted_after == "Let me see"


async def test_a_dialogue_is_told_before_the_call_is_cut(autojump_clock):
    agent = MindfulAgent()
    async with alone(agent) as (conversation, events, notes):
        with trio.fail_after(65):
            assert await conversation.run(events) == HangUp()
    spoken = [(round(e.at), e.text) for e in notes if isinstance(e, AgentSpeaking)]
    assert spoken == [(0, "Hello, how can I help you?"), (5, "We have 60 seconds left.")]


async def test_a_caller_who_never_answers_is_hung_up_on_in_the_end(autojump_clock):
    agent = FunctionAgent(greet=ask("Hello?"), nudge=ask("Are you there?"))
    async with alone(agent, max_prompts=2) as (conversation, events, notes):
        assert await conversation.run(events) == HangUp(nobody_spoke=True)
    spoken = [e.text for e in notes if isinstance(e, AgentSpeaking)]
    assert spoken == ["Hello?", "Are you there?", "Are you there?"]


async def test_a_filler_is_said_while_the_agent_thinks(autojump_clock):
    async def respond(turn, reply):
        await trio.sleep(5)
        await hang_up_after(turn, reply)

    agent = FunctionAgent(greet=ask("Hello?"), respond=respond)
    script = [speech(2.0, 3.0, "what do you have")]
    rules = {"filler_after_s": 1.5, "fillers": ("One moment.",)}
    async with alone(agent, script, **rules) as (conversation, events, notes):
        await conversation.run(events)
    spoken = [(round(e.at, 1), e.text) for e in notes if isinstance(e, AgentSpeaking)]
    assert spoken == [(0.1, "Hello?"), (4.6, "One moment."), (8.9, "Goodbye.")]


async def test_keys_before_and_after_a_conversation_are_let_pass(autojump_clock):
    agent = FunctionAgent(greet=hang_up_after_greeting)
    async with alone(agent) as (conversation, events, _):
        conversation.key_pressed("1", 0.0)
        await conversation.run(events)
        conversation.key_pressed("1", trio.current_time())
    assert agent.dialogues[0].digits == []


async def hang_up_after_greeting(reply):
    await hang_up_after(None, reply)
