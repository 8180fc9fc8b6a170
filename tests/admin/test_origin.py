"""Which requests were made by somebody else's page."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiced.admin.origin import Provenance, is_path_of_ours, origin_fault


def provenance(method="POST", host="127.0.0.1:8081", **given):
    empty = dict.fromkeys(("origin", "site", "mode", "dest"))
    return Provenance(method=method, host=host, **{**empty, **given})


@pytest.mark.parametrize(
    ("given", "by_cookie"),
    [
        ({}, False),  # a program
        ({"method": "GET"}, True),
        ({"site": "same-origin", "origin": "http://127.0.0.1:8081"}, True),
        ({"site": "same-origin", "origin": "https://proxy.example"}, True),  # it changed Host
        ({"site": "none", "method": "GET"}, True),
        ({"origin": "http://127.0.0.1:8081"}, True),
        ({"origin": "https://voice.example", "host": "voice.example"}, True),
        ({"site": "cross-site", "method": "GET", "mode": "navigate", "dest": "document"}, True),
    ],
)
def test_requests_of_ours_are_served(given, by_cookie):
    assert origin_fault(provenance(**given), by_cookie=by_cookie) == ""


@pytest.mark.parametrize(
    "given",
    [
        {"site": "cross-site", "origin": "https://evil.example"},
        {"site": "same-site", "origin": "http://127.0.0.1:3000"},  # another port of this machine
        {"site": "cross-site", "mode": "navigate", "dest": "document"},  # a form that posts itself
        {"site": "cross-site", "method": "GET", "mode": "no-cors", "dest": "image"},
        {"site": "cross-site", "method": "GET", "mode": "navigate", "dest": "iframe"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:3000"},
        {"origin": "http://127.0.0.1:8081.evil.example"},
    ],
)
@pytest.mark.parametrize("by_cookie", [True, False])
def test_requests_of_other_pages_are_not(given, by_cookie):
    assert origin_fault(provenance(**given), by_cookie=by_cookie)


def test_a_cookie_alone_changes_nothing():
    assert origin_fault(provenance(), by_cookie=True)
    assert not origin_fault(provenance(), by_cookie=False)


@pytest.mark.parametrize("path", ["/", "/dashboard/calls?number=%2B1", "/a/b#c"])
def test_paths_of_ours(path):
    assert is_path_of_ours(path)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "x",
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "/\t/evil.example",
        "/\n",
    ],
)
def test_paths_that_lead_elsewhere(path):
    assert not is_path_of_ours(path)


@given(st.text(), st.text())
def test_whatever_a_request_says_is_judged(origin, host):
    assert isinstance(origin_fault(provenance(origin=origin, host=host), by_cookie=True), str)
