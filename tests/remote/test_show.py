from datetime import UTC, datetime

import pytest

from voiced.remote.show import call_table, milestone_of, news_of, webhook_table, went_well

NOW = datetime(2026, 11, 22, 11, 1, 5, tzinfo=UTC)


def test_calls_stand_in_columns():
    incoming = {
        "id": "0123456789abcdef",
        "direction": "incoming",
        "from": "+13125550101",
        "to": "+13125550199",
        "line": "sales",
        "state": "live",
        "leg": "streaming",
        "started_at": "2026-11-22T10:00:00.000+00:00",
    }
    waiting = {"id": "f" * 16, "from": "+13125550199", "to": "sip:a@b", "state": "waiting"}
    assert list(call_table([incoming, {**waiting, "started_at": None}], NOW)) == [
        "ID                WAY  FROM          TO            LINE   STATE      FOR",
        "0123456789abcdef  in   +13125550101  +13125550199  sales  streaming  1:01:05",
        "ffffffffffffffff  out  +13125550199  sip:a@b       -      waiting    -",
    ]


def test_no_calls_are_told_in_words():
    assert list(call_table([], NOW)) == ["no calls"]


RINGING = {"id": "i", "state": "live", "call_control_id": "v3:x", "leg": "ringing"}
ENDED = {"id": "i", "state": "ended", "end": {"reason": "unreached", "evidence": "why"}}


@pytest.mark.parametrize(
    ("call", "milestone", "news"),
    [
        ({"id": "i", "state": "waiting", "call_control_id": ""}, None, "i  waiting"),
        ({**RINGING, "call_control_id": ""}, None, "i  waiting"),
        (RINGING, "placed", "i  placed"),
        ({**RINGING, "leg": "streaming"}, "answered", "i  answered"),
        ({**ENDED, "outcome": "busy"}, "ended", "i  ended: busy (why)"),
        ({**ENDED, "outcome": None}, "ended", "i  ended: outcome unknown (why)"),
    ],
)
def test_how_far_a_call_has_come(call, milestone, news):
    assert (milestone_of(call), news_of(call)) == (milestone, news)


@pytest.mark.parametrize(
    ("call", "wanted", "well"),
    [
        (RINGING, "placed", True),
        ({**ENDED, "outcome": "busy", "call_control_id": "v3:x"}, "placed", True),
        ({**ENDED, "outcome": "account_problem", "call_control_id": ""}, "placed", False),
        ({**ENDED, "outcome": "busy", "call_control_id": "v3:x"}, "answered", False),
        ({**ENDED, "outcome": "completed"}, "answered", True),
        ({**ENDED, "outcome": "completed"}, "ended", True),
        ({**ENDED, "outcome": None}, "ended", False),
    ],
)
def test_whether_it_went_well(call, wanted, well):
    assert went_well(call, wanted) is well


def test_webhooks_are_listed_with_why_they_were_not_taken():
    waiting = {"id": "ended_a", "host": "crm.example", "attempts": 0, "failure": "", "dead": False}
    dead = waiting | {"id": "ended_b", "attempts": 3, "failure": "answered with 500", "dead": True}
    assert [line.split(maxsplit=4) for line in webhook_table([waiting, dead])] == [
        ["ID", "HOST", "STATE", "ATTEMPTS", "FAILURE"],
        ["ended_a", "crm.example", "waiting", "0", "-"],
        ["ended_b", "crm.example", "given", "up", "3         answered with 500"],
    ]
