"""Who serves the lines: providers, lists of them, and what they share."""

import sys
from contextlib import AsyncExitStack
from types import ModuleType

import pytest

from voiced.config import parse_config
from voiced.errors import ConfigError, StartupError
from voiced.providers import check_providers
from voiced.resilience.agent import AgentList
from voiced.resilience.audio_agent import AudioAgentList
from voiced.resilience.recognizer import RecognizerList
from voiced.resilience.synthesizer import SynthesizerList
from voiced.server.staff import open_staff
from voiced.synthesizer.kept_phrases import PhraseKeepingSynthesizer
from voiced.testing.providers import FunctionAgent, ScriptedRecognizer, ToneSynthesizer

NUMBER = "+13125550199"
EAR, MIND, VOICE = (f"voiced_test_staff:{name}" for name in ("Ear", "Mind", "Voice"))
PLAIN = {
    "recognizer": {"provider": EAR},
    "agent": {"provider": MIND},
    "synthesizer": {"provider": VOICE},
}


@pytest.fixture(autouse=True)
def opened(monkeypatch):
    """Test providers by class path; returns the names of those that were opened."""
    names = []
    module = ModuleType("voiced_test_staff")

    def counted(name, base):
        def open_counted(cls, settings):
            names.append(name)
            return base.open.__func__(cls, settings)

        return type(name, (base,), {"open": classmethod(open_counted)})

    vars(module).update(
        Ear=counted("Ear", ScriptedRecognizer),
        Mind=counted("Mind", FunctionAgent),
        Voice=counted("Voice", ToneSynthesizer),
    )
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return names


async def staff_of(**tables):
    async with AsyncExitStack() as stack:
        return await open_staff(parse_config({**PLAIN, **tables}, {}), stack)


async def test_without_lists_providers_serve_by_themselves():
    staff = (await staff_of())[""]
    assert type(staff.recognizer).__name__ == "Ear"
    assert type(staff.agent).__name__ == "Mind"
    assert isinstance(staff.synthesizer, PhraseKeepingSynthesizer)
    assert type(staff.synthesizer._synthesizer).__name__ == "Voice"
    assert staff.for_call(print) == staff


async def test_a_list_is_served_by_its_members(opened):
    staff = (
        await staff_of(
            recognizer={"provider": EAR, "fallback": [{"provider": EAR, "patience_s": 1}]},
            agent={"provider": MIND, "fallback": [{"provider": "script"}]},
            synthesizer={"provider": VOICE, "fallback": [{"provider": VOICE}]},
        )
    )[""]
    assert isinstance(staff.recognizer, RecognizerList)
    assert isinstance(staff.agent, AgentList)
    assert isinstance(staff.synthesizer, SynthesizerList)
    assert opened == ["Mind", "Ear", "Voice"]  # those alike are one
    ears, minds = staff.recognizer.members, staff.agent.members
    assert [(member.name, member.patience_s) for member in ears] == [(EAR, 4.0), (f"{EAR} 2", 1.0)]
    assert [(member.name, member.patience_s) for member in minds] == [(MIND, 4.0), ("script", 4.0)]
    assert [member.patience_s for member in staff.synthesizer.members] == [2.5, 2.5]


async def test_lines_share_circuits_and_lists_that_are_alike(opened):
    shared = {"provider": VOICE, "fallback": [{"provider": "flite"}]}
    other = {"provider": VOICE, "fallback": [{"provider": VOICE, "patience_s": 1}]}
    staff = await staff_of(
        synthesizer=shared,
        lines={
            "a": {"numbers": [NUMBER], "synthesizer": dict(shared)},
            "b": {"numbers": ["+13125550198"], "synthesizer": other},
        },
    )
    assert staff[""].synthesizer is staff["a"].synthesizer
    assert staff[""].synthesizer is not staff["b"].synthesizer
    assert staff[""].synthesizer.members[0] is staff["b"].synthesizer.members[0]
    assert opened.count("Voice") == 1


async def test_each_call_has_its_own_way_through_a_list():
    staff = (await staff_of(synthesizer={"provider": VOICE, "fallback": [{"provider": VOICE}]}))[""]
    one, other = staff.for_call(print), staff.for_call(print)
    assert one.synthesizer is not other.synthesizer
    assert one.synthesizer.members is other.synthesizer.members
    assert one.agent is other.agent


async def test_audio_agents_are_a_list_of_their_own_kind():
    agent = {"provider": "echo", "fallback": [{"provider": "echo"}]}
    staff = (await staff_of(agent=agent))[""]
    assert isinstance(staff.agent, AudioAgentList)
    assert staff.recognizer is None


MIXED = {"agent": {"provider": "echo", "fallback": [{"provider": MIND}]}}


async def test_agents_in_words_stand_in_for_those_in_audio():
    staff = (await staff_of(**MIXED))[""]
    assert isinstance(staff.agent, AudioAgentList)
    assert isinstance(staff.stand_in, AgentList)
    assert staff.recognizer is not None
    assert staff.synthesizer is not None
    bound = staff.for_call(print)
    assert bound.stand_in is not staff.stand_in
    check_providers(parse_config({**PLAIN, **MIXED}, {}))


TURNED = {"agent": {"provider": MIND, "fallback": [{"provider": "echo"}]}}


async def test_agents_in_audio_do_not_stand_in_for_those_in_words():
    with pytest.raises(StartupError, match="come before those in words in a list"):
        await staff_of(**TURNED)
    with pytest.raises(ConfigError) as raised:
        check_providers(parse_config({**PLAIN, **TURNED}, {}))
    (problem,) = raised.value.problems
    assert problem.key == "agent.fallback.0.provider"
    assert problem.remedy == "put agents in audio before those in words"


def test_a_faulty_file_of_a_list_is_told_by_its_place(tmp_path, monkeypatch):
    def check(cls, settings):
        from voiced.errors import Problem

        raise ConfigError([Problem(key="synthesizer.voice", value="", reason="there is none")])

    monkeypatch.setattr(
        sys.modules["voiced_test_staff"].Voice, "check", classmethod(check), raising=False
    )
    tables = {
        "synthesizer": {"provider": "flite", "fallback": [{"provider": VOICE}]},
        "lines": {"a": {"numbers": [NUMBER], "synthesizer": {"provider": VOICE}}},
    }
    with pytest.raises(ConfigError) as raised:
        check_providers(parse_config({**PLAIN, **tables}, {}))
    assert [problem.key for problem in raised.value.problems] == [
        "synthesizer.fallback.0.voice",
        "lines.a.synthesizer.voice",
    ]
