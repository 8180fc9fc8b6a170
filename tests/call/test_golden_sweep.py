"""Every golden call is ended wherever its tasks can stand, in six ways, and leaves nothing.

`make sweep` takes every call in every way (`tests/sweep`); the suite takes some, so that each call
and each way is swept here, too.
"""

import os

import pytest

from tests.sweep.__main__ import NAMES, RECORDINGS
from tests.sweep.sweeper import strike, sweep
from tests.sweep.ways import WAYS
from voiced.flight.reading import read_flight
from voiced.leg.goodbye import Goodbye
from voiced.leg.leg import EndReason
from voiced.media.place import MediaPlace

SWEPT = [
    ("barge_in", "hangup webhook"),
    ("early_hangup", "socket reset"),
    ("caller_hangs_up", "socket closed"),
    ("voicemail", "daemon stopped"),
    ("outbound", "drain limit"),
    ("texml_get", "max duration"),
]


def golden(name):
    return read_flight(RECORDINGS / f"{name}.jsonl.gz")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize(("name", "way"), SWEPT)
def test_a_golden_call_leaves_nothing_wherever_it_is_ended(name, way):
    swept = sweep(golden(name), [way], "state", os.cpu_count() or 1)
    assert swept.failures == []
    assert swept.ends[way] >= 5


def test_each_way_is_swept():
    assert {way for _, way in SWEPT} == WAYS.keys()
    assert {name for name, _ in SWEPT} <= set(NAMES)


# The judge itself: it must be able to find fault.


def test_a_call_that_hangs_up_nobody_is_found(monkeypatch):
    async def hang_up(self, *args, **kwargs):
        return True

    monkeypatch.setattr(Goodbye, "hang_up", hang_up)
    assert "0 hangups, drain_limit" in strike(golden("barge_in"), "drain limit", 30)


def test_a_wrong_reason_is_found(monkeypatch):
    def end_all(self, reason, evidence):
        for _, call in self.live():
            call.end(EndReason.AGENT_HUNG_UP, "by mistake")

    monkeypatch.setattr("voiced.switchboard.switchboard.Switchboard.end_all", end_all)
    (said,) = strike(golden("barge_in"), "drain limit", 30)
    assert said == "agent_hung_up, and not one of ['drain_limit']"


def test_a_channel_that_stays_open_is_found(monkeypatch):
    monkeypatch.setattr(MediaPlace, "close", lambda self: self._released.set())
    assert strike(golden("barge_in"), "hangup webhook", 30) == ["2 channels left open"]


def test_a_point_that_there_is_not_is_told():
    with pytest.raises(LookupError, match="of 12"):
        strike(golden("early_hangup"), "hangup webhook", 13)
