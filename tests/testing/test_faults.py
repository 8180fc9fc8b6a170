from __future__ import annotations

import pytest

from voiced.testing.faults import Faults, MediaPattern, RestFault, RestTroubles


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
