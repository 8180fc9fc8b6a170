import sys
from importlib.metadata import EntryPoint, EntryPoints, entry_points
from types import ModuleType

import pytest
from pydantic import BaseModel

from voiced.errors import ConfigError
from voiced.providers import AGENTS, RECOGNIZERS, SYNTHESIZERS, load_provider


class Settings(BaseModel):
    pass


@pytest.fixture
def offer(monkeypatch):
    """Return a function that makes `name = value` installed agents."""
    module = ModuleType("voiced_test_agent")
    vars(module).update(
        Agent=type("Agent", (), {"Settings": Settings}),
        Bare=type("Bare", (), {}),
        Odd=type("Odd", (), {"Settings": dict}),
        instance=type("Agent", (), {"Settings": Settings})(),
    )
    monkeypatch.setitem(sys.modules, module.__name__, module)

    def make_installed(*offers):
        points = EntryPoints(EntryPoint(name, value, AGENTS) for name, value in offers)
        monkeypatch.setattr(
            "voiced.providers.entry_points", lambda *, group: points.select(group=group)
        )

    return make_installed


def the_problem(name, group=AGENTS):
    with pytest.raises(ConfigError) as caught:
        load_provider(group, name)
    (problem,) = caught.value.problems
    return str(problem)


def test_a_provider_is_found_by_its_name(offer):
    offer(("mine", "voiced_test_agent:Agent"), ("other", "absent:Agent"))
    assert load_provider(AGENTS, "mine").__name__ == "Agent"


def test_the_same_class_offered_twice_is_one_provider(offer):
    offer(("mine", "voiced_test_agent:Agent"), ("mine", "voiced_test_agent:Agent"))
    assert load_provider(AGENTS, "mine").__name__ == "Agent"


def test_an_unknown_name_is_answered_with_those_installed(offer):
    offer(("script", "voiced_test_agent:Agent"), ("echo", "voiced_test_agent:Agent"))
    assert the_problem("Scirpt") == (
        'agent.provider = "Scirpt": is not installed (did you mean script? installed: echo, script)'
    )
    assert the_problem("zzz").endswith("is not installed (installed: echo, script)")


def test_without_any_provider_the_remedy_is_to_install_voiced(offer):
    offer()
    assert "install voiced itself" in the_problem("script", SYNTHESIZERS)


def test_a_module_that_is_missing_is_named(offer):
    offer(("mine", "no_such_module_here.sub:Agent"))
    assert the_problem("mine") == (
        'agent.provider = "mine": cannot be imported: there is no module no_such_module_here '
        "(install what provides it)"
    )


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("voiced_test_agent:Absent", "cannot be imported from voiced_test_agent:Absent"),
        ("voiced_test_agent:Bare", "is not a provider"),
        ("voiced_test_agent:Odd", "is not a provider"),
        ("voiced_test_agent:instance", "is not a provider"),
    ],
)
def test_what_is_no_provider_class_is_refused(offer, value, reason):
    offer(("mine", value))
    assert reason in the_problem("mine")


def test_a_name_claimed_by_two_packages_is_refused(offer):
    offer(("mine", "voiced_test_agent:Agent"), ("mine", "elsewhere:Agent"))
    assert "is offered twice: elsewhere:Agent, voiced_test_agent:Agent" in the_problem("mine")


@pytest.mark.parametrize(
    ("group", "name"),
    [(RECOGNIZERS, "embedded"), (AGENTS, "script"), (AGENTS, "echo"), (SYNTHESIZERS, "flite")],
)
def test_the_providers_in_the_box_are_offered_by_the_package(group, name):
    assert name in entry_points(group=group).names
    assert load_provider(group, name).Settings


def test_a_provider_that_is_not_packaged_is_named_by_module_and_class(offer):
    offer()
    assert load_provider(AGENTS, "voiced_test_agent:Agent").__name__ == "Agent"


@pytest.mark.parametrize("name", ["a:b:c", ":Agent", "module:", "a.:Agent", "a-b:Agent", "a: B"])
def test_a_class_path_that_is_none_is_refused(name):
    assert the_problem(name) == (
        f'agent.provider = "{name}": is not written module:Class (as in my_agents.support:Agent)'
    )


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("no_such_module_here:Agent", "there is no module no_such_module_here (correct the module"),
        ("voiced_test_agent:Absent", "cannot be imported from voiced_test_agent:Absent"),
        ("voiced_test_agent:Odd", "is not a provider: voiced_test_agent:Odd is no class with"),
    ],
)
def test_a_class_path_to_what_is_no_provider_is_refused(offer, name, reason):
    offer()
    assert reason in the_problem(name)
