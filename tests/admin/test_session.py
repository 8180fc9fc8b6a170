"""The cookie that stands for the admin token."""

from hypothesis import given
from hypothesis import strategies as st

from voiced.admin.session import LIVES_S, is_session, make_session

NOW = 1_800_000_000.0


def test_it_is_good_for_some_hours():
    cookie = make_session("secret", NOW)
    assert is_session("secret", cookie, NOW)
    assert is_session("secret", cookie, NOW + LIVES_S - 1)
    assert not is_session("secret", cookie, NOW + LIVES_S)


def test_it_does_not_hold_the_token():
    assert "secret" not in make_session("secret", NOW)


def test_another_token_makes_it_worthless():
    assert not is_session("other", make_session("secret", NOW), NOW)


def test_its_time_cannot_be_changed():
    _, _, proof = make_session("secret", NOW).partition(".")
    assert not is_session("secret", f"{int(NOW) + LIVES_S}.{proof}", NOW + LIVES_S)


def test_one_from_the_future_is_none():
    assert not is_session("secret", make_session("secret", NOW + 3600), NOW)


@given(st.text())
def test_nonsense_is_none(cookie):
    assert not is_session("secret", cookie, NOW)
