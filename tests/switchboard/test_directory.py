"""All names of a call lead to it while it lives, and to nothing afterwards."""

import json
from types import SimpleNamespace

import pytest

import voiced.switchboard.directory
from voiced.call.keys import CallKeys
from voiced.switchboard.directory import Directory
from voiced.telnyx.client_state import client_state
from voiced.telnyx.events import parse_event


def a_call(ref="r1", *, leg_id="v3:own", session_id="s1", is_being_transferred=False):
    """Return what the directory looks at of a call."""
    return SimpleNamespace(
        id=leg_id,
        keys=CallKeys(direction="incoming", ref=ref, token=f"token of {ref}"),
        leg=SimpleNamespace(is_being_transferred=is_being_transferred),
        record=SimpleNamespace(document=lambda: {"call_session_id": session_id}),
    )


def event(kind="call.answered", *, leg_id="v3:other", state=None, session_id="s1"):
    payload = {
        "call_control_id": leg_id,
        "call_leg_id": "l1",
        "call_session_id": session_id,
        "connection_id": "1",
        "client_state": state,
        "from": "+13125550101",
        "to": "+13125550199",
    }
    data = {
        "record_type": "event",
        "event_type": kind,
        "id": "1",
        "occurred_at": "2026-11-30T10:00:00Z",
        "payload": payload,
    }
    return parse_event(json.dumps({"data": data}).encode())


@pytest.fixture
def directory():
    return Directory()


def test_a_call_is_found_by_each_of_its_names_until_it_is_over(directory):
    call = a_call()
    directory.add(call, is_admitted=True)
    assert directory.find("r1") is directory.find("v3:own") is directory.of_leg("v3:own") is call
    assert directory.of_token("token of r1") is call
    assert (list(directory), directory.n_admitted) == ([call], 1)
    directory.remove(call)
    assert directory.find("r1") is directory.find("v3:own") is directory.of_leg("v3:own") is None
    assert directory.of_token("token of r1") is None
    assert (list(directory), directory.n_admitted) == ([], 0)
    assert directory.has_ended("v3:own")


def test_a_call_that_is_refused_takes_no_place_and_gets_no_media_socket(directory):
    directory.add(a_call(), is_admitted=False)
    assert (len(directory), directory.n_admitted) == (1, 0)
    assert directory.of_token("token of r1") is None


def test_a_leg_that_we_dialled_is_found_by_our_state_before_it_has_an_id(directory):
    call = a_call(leg_id="")
    directory.add(call, is_admitted=True)
    told = event(state=call.keys.dialled_state)
    assert directory.of_leg("v3:other") is None
    assert directory.of_dialled(told) is call
    assert directory.knows(told)
    assert directory.of_dialled(event(state=call.keys.target_state)) is None


def test_a_transfers_target_is_found_again_without_the_state_until_it_hangs_up(directory):
    call = a_call()
    directory.add(call, is_admitted=True)
    assert directory.of_target(event(session_id="s2")) is None
    assert directory.of_target(event(state=call.keys.target_state, session_id="s2")) is call
    assert directory.of_target(event(session_id="s2")) is call
    assert directory.of_target(event("call.hangup", session_id="s2")) is call
    assert directory.of_target(event(session_id="s2")) is None


def test_a_target_without_our_state_is_known_by_its_session_while_the_transfer_lasts(directory):
    directory.add(a_call(is_being_transferred=False), is_admitted=True)
    assert not directory.knows(event())
    transferring = a_call("r2", leg_id="v3:2", session_id="s2", is_being_transferred=True)
    directory.add(transferring, is_admitted=True)
    assert directory.knows(event(session_id="s2"))
    assert directory.of_target(event(session_id="s2")) is transferring


def test_a_foreign_state_belongs_to_nobody(directory):
    directory.add(a_call(), is_admitted=True)
    stranger = client_state("target", "r9")
    assert directory.of_target(event(state=stranger)) is None
    assert not directory.knows(event(state=stranger))


def test_only_so_many_ended_calls_are_remembered(directory, monkeypatch):
    monkeypatch.setattr(voiced.switchboard.directory, "REMEMBERED", 2)
    for n in range(3):
        call = a_call(f"r{n}", leg_id=f"v3:{n}")
        directory.add(call, is_admitted=True)
        directory.remove(call)
    assert [directory.has_ended(f"v3:{n}") for n in range(3)] == [False, True, True]
