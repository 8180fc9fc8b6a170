"""When the account may send again."""

import pytest

from voiced.telnyx.rate_limit import RateLimit, asked_wait_s


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({"x-ratelimit-reset": "2", "retry-after": "4"}, 2),
        ({"retry-after": "4"}, 4),
        ({"x-ratelimit-reset": "x", "retry-after": "4"}, 4),
        ({"x-ratelimit-reset": "1770071101"}, 5),
        ({"x-ratelimit-reset": "-1"}, None),
        ({"x-ratelimit-reset": "inf"}, None),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, None),
        ({}, None),
    ],
)
def test_wait_is_read_and_bounded(headers: dict[str, str], wait_s: float | None) -> None:
    assert asked_wait_s(headers, 5) == wait_s


@pytest.mark.parametrize(
    ("status", "headers", "wait_s"),
    [
        (200, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "2"}, 2),
        (200, {"x-ratelimit-remaining": " 0 ", "x-ratelimit-reset": "2"}, 2),
        (429, {"x-ratelimit-reset": "2"}, 2),
        (429, {}, 0),
        (200, {"x-ratelimit-remaining": "1", "x-ratelimit-reset": "2"}, 0),
        (200, {"x-ratelimit-reset": "2"}, 0),
        (200, {"x-ratelimit-remaining": "0"}, 0),
    ],
)
def test_account_waits_when_nothing_is_left(
    status: int, headers: dict[str, str], wait_s: float
) -> None:
    rate = RateLimit(5)
    assert rate.wait_s(100) == 0
    rate.note(status, headers, 100)
    assert rate.wait_s(100) == wait_s
    assert rate.wait_s(103) == 0


def test_later_answer_never_shortens_the_wait() -> None:
    rate = RateLimit(5)
    rate.note(429, {"x-ratelimit-reset": "4"}, 100)
    rate.note(429, {"x-ratelimit-reset": "1"}, 100)
    assert rate.wait_s(100) == 4
