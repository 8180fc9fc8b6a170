"""Whose circuit is open, of all lists of a staff."""

from voiced.agent.echo import EchoAgent
from voiced.resilience.agent import AgentList
from voiced.resilience.audio_agent import AudioAgentList
from voiced.resilience.circuits import circuits_of
from voiced.resilience.recognizer import RecognizerList
from voiced.resilience.synthesizer import SynthesizerList
from voiced.services.services import Staff
from voiced.testing.providers import FunctionAgent, ScriptedRecognizer, ToneSynthesizer


def test_each_member_is_told_once_and_open_until_a_trial_has_gone_well(members):
    voices = members(ToneSynthesizer(), ToneSynthesizer(), failures=1)
    ears = RecognizerList(members(ScriptedRecognizer()))
    line = Staff(
        agent=AudioAgentList(members(EchoAgent()), ""),
        stand_in=AgentList(members(FunctionAgent()), ""),
        recognizer=ears,
        synthesizer=SynthesizerList(voices),
    )
    staff = [line, line, Staff(agent=EchoAgent())]

    def told(now):
        return [(c.role, c.provider, c.is_open) for c in circuits_of(staff, now)]

    closed = [
        *(("recognizer", "one", False), ("agent", "one", False), ("agent", "one", False)),
        *(("synthesizer", "one", False), ("synthesizer", "two", False)),
    ]
    assert told(0.0) == closed
    voices[0].breaker.failed(1.0)
    is_open = [*closed[:3], ("synthesizer", "one", True), closed[4]]
    assert told(2.0) == is_open
    assert told(100.0) == is_open  # a trial may be made, and has not
    assert voices[0].breaker.may_try(100.0)
    voices[0].breaker.succeeded()
    assert told(101.0) == closed
