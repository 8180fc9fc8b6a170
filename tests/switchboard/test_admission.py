"""Who is answered."""

import pytest

from voiced.config import parse_config
from voiced.leg.leg import EndReason
from voiced.loop.overload import Load
from voiced.switchboard.admission import Admit, Refuse, admit

CALLER, OURS = "+13125550100", "+13125550199"


def judge(caller=CALLER, called=OURS, live_calls=0, *, load=None, **tables):
    config = parse_config({"agent": {"provider": "echo"}, **tables}, {})
    load = load or Load(live_calls=live_calls)
    return admit(config, caller=caller, called=called, load=load)


def test_everybody_is_answered_by_default():
    assert judge() == Admit(line="")
    assert judge(caller="anonymous", called="") == Admit(line="")


def test_a_called_number_belongs_to_its_line():
    lines = {"sales": {"numbers": [OURS]}, "help": {"numbers": ["+13125550777"]}}
    assert judge(lines=lines) == Admit(line="sales")
    assert judge(lines=lines, called="+13125550777") == Admit(line="help")
    assert judge(lines=lines, called="+13125550000") == Admit(line="")


@pytest.mark.parametrize("pattern", [CALLER, "+1312*", "*"])
def test_a_blocked_caller_is_rejected_even_if_allowed(pattern):
    refusal = judge(inbound={"block": [pattern], "allow": [CALLER], "blocked": "USER_BUSY"})
    assert refusal == Refuse(
        reason=EndReason.REFUSED_BLOCKED, evidence="[inbound] block", cause="USER_BUSY"
    )


@pytest.mark.parametrize(
    ("allow", "admitted"), [([CALLER], True), (["+1312*"], True), (["+44*"], False)]
)
def test_only_allowed_callers_are_answered_where_there_is_a_list(allow, admitted):
    assert isinstance(judge(inbound={"allow": allow}), Admit) is admitted


def test_a_lines_own_lists_stand_instead_of_the_common_ones():
    lines = {"sales": {"numbers": [OURS], "block": []}}
    assert judge(inbound={"block": ["*"]}, lines=lines) == Admit(line="sales")
    lines = {"sales": {"numbers": [OURS], "allow": ["+44*"]}}
    refusal = judge(lines=lines)
    assert isinstance(refusal, Refuse)
    assert refusal.evidence == "[lines.sales] allow"


def test_a_lines_own_cause_stands_instead_of_the_common_one():
    lines = {"sales": {"numbers": [OURS], "block": ["*"], "blocked": "USER_BUSY"}}
    refusal = judge(lines=lines)
    assert isinstance(refusal, Refuse)
    assert refusal.cause == "USER_BUSY"


def test_numbers_without_a_line_can_be_rejected():
    tables = {"lines": {"sales": {"numbers": [OURS]}}, "inbound": {"unknown_numbers": "reject"}}
    assert isinstance(judge(**tables), Admit)
    assert isinstance(judge(called="+13125550000", **tables), Refuse)


def test_callers_beyond_the_limit_are_busy_or_told_so():
    call = {"max_concurrent": 2}
    assert isinstance(judge(live_calls=1, call=call), Admit)
    busy = judge(live_calls=2, call=call)
    assert isinstance(busy, Refuse)
    assert (busy.reason, busy.cause, busy.message) == (EndReason.REFUSED_BUSY, "USER_BUSY", "")
    told = judge(
        live_calls=2, call=call, inbound={"when_full": "message", "full_message": "Later."}
    )
    assert isinstance(told, Refuse)
    assert told.message == "Later."


def test_a_draining_daemon_is_busy_and_says_nothing():
    load = Load(live_calls=0, draining=True)
    refusal = judge(load=load, inbound={"when_full": "message"})
    assert isinstance(refusal, Refuse)
    assert refusal.message == ""


@pytest.mark.parametrize(
    ("load", "key"),
    [
        (Load(live_calls=0, too_fast=True), "[inbound] calls_per_second"),
        (Load(live_calls=0, lagging=True), "[inbound] max_lag_ms"),
    ],
)
def test_callers_who_come_too_fast_or_to_a_late_loop_are_busy_or_told_so(load, key):
    busy = judge(load=load)
    assert isinstance(busy, Refuse)
    assert (busy.reason, busy.cause, busy.message) == (EndReason.REFUSED_BUSY, "USER_BUSY", "")
    assert key in busy.evidence
    told = judge(load=load, inbound={"when_full": "message", "full_message": "Later."})
    assert isinstance(told, Refuse)
    assert told.message == "Later."


def test_a_blocked_caller_is_blocked_however_full_it_is():
    refusal = judge(load=Load(live_calls=0, lagging=True), inbound={"block": ["*"]})
    assert isinstance(refusal, Refuse)
    assert refusal.reason is EndReason.REFUSED_BLOCKED
