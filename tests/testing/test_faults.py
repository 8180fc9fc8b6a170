from __future__ import annotations

import pytest

from voiced.testing.faults import (
    Faults,
    MediaPattern,
    RestFault,
    RestTroubles,
    SocketTroubles,
)


@pytest.mark.parametrize(
    ("pattern", "sent"),
    [
        ("", "123456"),
        (".", "123456"),
        ("-", ""),
        (".-", "135"),
        ("2..", "11234456"),
        ("x.", "214365"),
        ("xx", "214365"),
        ("x-", "135"),
        ("x2", "212434656"),
        (".....x", "12345"),
    ],
)
def test_messages_are_sent_by_pattern(pattern, sent):
    media = MediaPattern(pattern)
    assert "".join(piece for message in "123456" for piece in media.apply(message)) == sent


def test_a_pattern_of_other_letters_is_refused():
    with pytest.raises(ValueError, match="!"):
        Faults(media="..!")


def test_rest_faults_are_used_up_in_order():
    throttled = RestFault(action="answer", trouble="throttle", times=2)
    dropped = RestFault(action="*", trouble="drop")
    troubles = RestTroubles(Faults(rest=(throttled, dropped)))
    asked = ("answer", "hangup", "answer", "answer", "hangup")
    assert [troubles.next(action) for action in asked] == [
        throttled,
        dropped,
        throttled,
        None,
        None,
    ]


def test_a_plan_names_the_webhooks_it_concerns():
    faults = Faults(
        duplicates=frozenset({"call.hangup"}),
        forgeries=(("call.hangup", "stale"), ("call.hangup", "forged")),
    )
    assert faults.is_duplicated("call.hangup")
    assert not faults.is_duplicated("call.answered")
    assert Faults(duplicates=frozenset({"*"})).is_duplicated("call.answered")
    assert faults.forgeries_before("call.hangup") == ("stale", "forged")
    assert faults.forgeries_before("call.answered") == ()


def test_a_plan_says_which_webhooks_are_late_and_how_far_the_clock_is_off():
    faults = Faults(late=(("call.answered", 1.5),), clock_jumps=((2.0, 60.0), (5.0, -20.0)))
    assert faults.late_by("call.answered") == 1.5
    assert faults.late_by("call.hangup") == 0.0
    assert [faults.clock_offset(at_s) for at_s in (1.0, 2.0, 6.0)] == [0.0, 60.0, 40.0]


def test_a_plan_for_other_legs_holds_what_concerns_webhooks():
    faults = Faults(lost=frozenset({"call.answered"}), hangs_up_s=1.0, media="-")
    assert faults.of_other_legs() == Faults(lost=frozenset({"call.answered"}))


def test_only_the_first_socket_of_a_call_has_troubles():
    faults = Faults(socket_drops_s=3.0, socket_half_open_s=1.0, error_frames=((1.0, 100002),))
    assert SocketTroubles(faults, is_first=True).end == (3.0, False)
    second = SocketTroubles(faults, is_first=False)
    assert (second.end, second.sends_again_s(9.0), second.errors_due(9.0)) == (None, 9.0, ())


def test_a_socket_may_rest_for_a_while_or_for_good():
    troubles = SocketTroubles(
        Faults(media_held=(1.0, 2.0), socket_unread=(4.0, 1.0), socket_half_open_s=10.0),
        is_first=True,
    )
    assert [troubles.sends_again_s(at_s) for at_s in (0.5, 1.0, 2.9, 3.0)] == [0.5, 3.0, 3.0, 3.0]
    assert [troubles.reads_again_s(at_s) for at_s in (3.9, 4.5)] == [3.9, 5.0]
    assert not troubles.is_half_open(9.9)
    assert troubles.is_half_open(10.0)


def test_each_planned_error_comes_once():
    troubles = SocketTroubles(
        Faults(error_frames=((2.0, 100003), (1.0, 100002), (3.0, 100005))), is_first=True
    )
    assert [troubles.errors_due(at_s) for at_s in (0.5, 2.5, 2.6, 3.0)] == [
        (),
        (100002, 100003),
        (),
        (100005,),
    ]
