from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import pytest

from voiced.record.journal import (
    AgentHeard,
    AgentSpeaking,
    BargeIn,
    CallAnswered,
    CallEnded,
    CallerSaid,
    CallRinging,
    Cleared,
    FalseAlarm,
    ProviderFailed,
    ProviderSwitched,
    Silenced,
)
from voiced.record.latency import Latency
from voiced.testing.caller import silent_caller, tone_caller
from voiced.testing.playback import Gap, PlaybackStatistics
from voiced.testing.story import (
    Teller,
    draw,
    find_faults,
    latency_summary,
    underrun_summary,
)

RINGING = CallRinging(caller="+13125550101", called="+13125550199", at=100.0)


def told(teller_numbered, *events):
    lines: list[str] = []
    teller = Teller(numbered=teller_numbered, write=lines.append)
    teller.sees_daemon = True
    for side, event in events:
        (teller.telnyx if side == "telnyx" else teller.daemon).note("v3:x", event)
    return teller, lines


WAIT = Latency(
    endpointing_s=0.6,
    recognizer_s=0.06,
    model_s=0.0,
    synthesizer_s=0.001,
    pacing_s=0.0,
    lead_in_s=0.05,
)


def test_the_waits_that_the_daemon_tells_of_are_kept():
    teller, _ = told(
        False,
        ("telnyx", RINGING),
        ("daemon", AgentSpeaking(text="Hello.", at=100.5, latency_s=None)),
        ("daemon", AgentSpeaking(text="Yes.", at=102.7, latency_s=0.71, latency=WAIT)),
    )
    story = teller.story("v3:x")
    assert story is not None
    assert story.waits == [asdict(WAIT)]


def test_what_becomes_of_providers_is_told():
    names: Any = {"role": "synthesizer", "provider": "first", "at": 101.0}
    _, lines = told(
        False,
        ("telnyx", RINGING),
        ("daemon", ProviderFailed(kind="too_slow", **names)),
        ("daemon", ProviderSwitched(to="second", **names)),
    )
    assert [line.split("s  ")[-1].strip() for line in lines[1:]] == [
        "the synthesizer first fails: too slow",
        "second is the synthesizer now",
    ]


def test_a_conversation_is_told_from_both_sides():
    _, lines = told(
        False,
        ("telnyx", RINGING),
        ("daemon", RINGING),
        ("telnyx", CallAnswered(at=100.04)),
        ("telnyx", AgentSpeaking(text="", at=100.3, latency_s=None)),
        ("daemon", AgentSpeaking(text="Good day.", at=100.31, latency_s=None)),
        ("telnyx", CallerSaid(text="Are you open?", confidence=1.0, at=102.0)),
        ("daemon", CallerSaid(text="are you open", confidence=0.87, at=102.6)),
        ("daemon", AgentSpeaking(text="Yes we are.", at=102.7, latency_s=0.71, latency=WAIT)),
        ("daemon", BargeIn(at=103.0, voice_at=102.9)),
        ("daemon", Cleared(at=103.01)),
        ("daemon", Silenced(at=103.06)),
        ("daemon", AgentHeard(text="Yes we are.", heard="part", heard_text="Yes", at=103.0)),
        ("daemon", CallerSaid(text="", confidence=0.0, at=104.0)),
        ("daemon", FalseAlarm(at=104.0)),
        ("telnyx", CallEnded(reason="normal_clearing", evidence="caller hung up", at=110.0)),
    )
    assert lines == [
        "   0.0 s          +13125550101 rings +13125550199",
        "   0.0 s          answered",
        "   0.3 s  agent   Good day.",
        "   2.0 s  caller  Are you open?",
        '   2.6 s                  understood "are you open", 87%',
        "   2.7 s  agent   Yes we are."
        "  [after 0.71 s: endpointing 0.60, recognizer 0.06, lead-in 0.05]",
        "   3.0 s                  the caller interrupts",
        "   3.0 s                  cleared 0.11 s after that began",
        "   3.1 s                  silent at the caller's, after 0.16 s",
        '   3.0 s                  the caller heard only "Yes"',
        "   4.0 s                  not understood",
        "   4.0 s                  it was nothing: the agent goes on",
        "  10.0 s          caller hung up",
    ]


@pytest.mark.parametrize(
    ("heard", "line"),
    [
        ("none", 'the caller heard nothing of "Bye."'),
        ("unknown", 'it is not known whether the caller heard "Bye."'),
    ],
)
def test_a_passage_that_may_not_have_been_heard_is_named(heard, line):
    event = AgentHeard(text="Bye.", heard=heard, heard_text="", at=101.0)
    _, lines = told(False, ("telnyx", RINGING), ("daemon", event))
    assert lines[1].endswith(line)


def test_calls_are_numbered_when_there_are_several():
    _, lines = told(True, ("telnyx", RINGING), ("telnyx", CallAnswered(at=100.1)))
    assert lines[1] == "call 1      0.1 s          answered"


def test_of_an_unseen_daemon_the_line_tells_what_it_can():
    lines: list[str] = []
    teller = Teller(numbered=False, write=lines.append)
    teller.telnyx.note("v3:x", RINGING)
    teller.telnyx.note("v3:x", AgentSpeaking(text="", at=101.0, latency_s=0.5))
    assert lines[1] == "   1.0 s  agent   (speaks)  [after 0.50 s]"


async def echo_late(daemon, socket):
    """Answer each 20 ms a second later, so that there is a turn."""
    waiting = []
    while (frame := await socket.next()) is not None:
        if frame["event"] == "media":
            waiting.append(frame["media"]["payload"])
        if len(waiting) > 50:
            await socket.send({"event": "media", "media": {"payload": waiting.pop(0)}})


async def ring_well(tiny):
    tiny.talk = echo_late
    return await tiny.telnyx.ring(tone_caller(starts_s=0.5, lasts_s=0.5, hangs_up_s=4.0))


async def test_a_good_call_has_no_faults(tiny, autojump_clock):
    report = await ring_well(tiny)
    assert find_faults(report) == []
    assert latency_summary([report]).startswith("1 turn, answered after 0.5")
    assert underrun_summary(report) == "no underruns"


async def test_what_went_wrong_is_named(tiny, autojump_clock):
    good = await ring_well(tiny)

    def with_gap(length_s):
        return PlaybackStatistics(underruns=1, gaps=(Gap(at=1.0, length_s=length_s),))

    assert find_faults(replace(good, playback=with_gap(0.04))) == []
    for change, words in (
        ({"playback": with_gap(0.06)}, "1 holes inside utterances, the longest 60 ms"),
        ({"answered_s": None}, "the call was not answered"),
        ({"agent_utterances": ()}, "the agent never answered the caller"),
        ({"zombie": True}, "nobody hung the call up"),
        ({"ended_by": "emulator", "cause": "time_limit"}, "nobody hung the call up"),
        ({"cause": "originator_cancel"}, "the call ended with originator_cancel"),
        ({"violations": ("speak: 10004 ...",)}, "speak: 10004 ..."),
    ):
        assert find_faults(replace(good, **change)) == [words]
    gapped = replace(good, playback=with_gap(0.06))
    assert underrun_summary(gapped) == "1 underruns (1 x 60 ms)"


async def test_the_picture_has_the_words_of_both_sides(tiny, autojump_clock):
    report = await ring_well(tiny)
    (heard,) = report.agent_utterances
    at = report.rang_at + heard.start_s
    answer = AgentSpeaking(text="Good day.", at=at - 0.05, latency_s=0.6, latency=WAIT)
    teller, _ = told(
        False,
        ("telnyx", replace(RINGING, at=report.rang_at)),
        ("daemon", answer),
        ("daemon", AgentHeard(text="Good day.", heard="part", heard_text="Good", at=at + 0.1)),
        ("daemon", AgentSpeaking(text="Goodbye.", at=at + 0.2, latency_s=None)),
        ("daemon", BargeIn(at=at + 0.3)),
    )
    drawing = draw(report, teller.story("v3:x"))
    assert [(p.text, p.heard) for p in drawing.of("agent")] == [
        ("Good day.", "part"),
        ("Goodbye.", "unknown"),
    ]
    assert {marker.kind for marker in drawing.markers} == {"answer", "hangup", "barge-in"}
    (wait,) = drawing.waits
    assert wait.seconds == report.turns[0].latency_s
    assert dict(wait.parts)["endpointing"] == 0.6


async def test_a_call_that_never_came_to_anything_can_be_drawn(tiny, autojump_clock):
    tiny.answers = False
    report = await tiny.telnyx.ring(silent_caller())
    assert latency_summary([report]) == "no turns"
    assert [marker.kind for marker in draw(report, None).markers] == ["hangup"]
