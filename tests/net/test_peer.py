import pytest

from voiced.errors import ProviderError, ProviderTooSlow, RecognizerFailed
from voiced.net.peer import DEFAULT_HOLD_S, LONGEST_HOLD_S, Peer, kind_of_status, retry_after


@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [
        (400, "bad_request", False),
        (401, "unauthorized", False),
        (402, "unauthorized", False),
        (403, "unauthorized", False),
        (404, "bad_request", False),
        (408, "too_slow", True),
        (429, "rate_limited", True),
        (500, "overloaded", True),
        (503, "overloaded", True),
        (529, "overloaded", True),
        (302, "bad_request", False),
    ],
)
def test_a_status_tells_what_is_wrong_and_whether_it_may_pass(status, kind, retryable):
    error = Peer("acme", RecognizerFailed).answered(status, {}, "no\n such   model", 0.0)
    assert kind_of_status(status) == kind
    assert isinstance(error, RecognizerFailed)
    assert (error.kind, error.code, error.retryable) == (kind, status, retryable)
    assert str(error) == f"acme: HTTP status {status}: no such model"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "86400"}, LONGEST_HOLD_S),
        ({"retry-after": "7", "retry-after-ms": "250"}, 0.25),
        (
            {
                "retry-after": "Wed, 21 Oct 2026 07:28:30 GMT",
                "date": "Wed, 21 Oct 2026 07:28:00 GMT",
            },
            30.0,
        ),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:30 GMT"}, None),
    ],
)
def test_retry_after_is_read_in_all_its_forms(headers, seconds):
    assert retry_after(headers) == seconds


def test_a_peer_that_asked_to_be_left_alone_is_left_alone():
    peer = Peer("acme")
    peer.check_held(99.0)
    peer.answered(429, {"retry-after": "5"}, "", 100.0)
    with pytest.raises(ProviderError, match=r"for 3\.0 s more") as info:
        peer.check_held(102.0)
    assert (info.value.kind, info.value.retry_after_s) == ("rate_limited", 3.0)
    peer.check_held(105.0)


def test_a_429_without_a_time_holds_for_a_moment_and_other_failures_do_not():
    peer = Peer("acme")
    assert peer.answered(429, {}, "", 0.0).retry_after_s == DEFAULT_HOLD_S
    other = Peer("other")
    other.answered(503, {"retry-after": "5"}, "", 0.0)
    other.check_held(0.0)


def test_a_limit_told_within_a_session_holds_too():
    peer = Peer("acme")
    assert peer.limited("rate_limit_exceeded", 12.0, 100.0).retry_after_s == 12.0
    with pytest.raises(ProviderError, match=r"for 2\.0 s more"):
        peer.check_held(110.0)
    peer.check_held(112.0)
    assert peer.limited("rate_limit_exceeded", 0.0, 200.0).retry_after_s == DEFAULT_HOLD_S
    assert peer.limited("rate_limit_exceeded", 1e9, 200.0).retry_after_s == LONGEST_HOLD_S


def test_what_a_provider_says_is_cut_short():
    assert len(str(Peer("acme").answered(500, {}, "x" * 5000, 0.0))) < 300


def test_a_deadline_missed_is_trouble_of_its_own_kind():
    assert ProviderTooSlow("acme", "no words").kind == "too_slow"
    assert ProviderTooSlow("acme", "no words").retryable
    assert not Peer("acme").failed("failed", "odd").retryable
