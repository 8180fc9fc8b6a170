"""What a model may choose of an HTTP request, and what not."""

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiced.agent.tools.request_wire import (
    HttpCall,
    build_call,
    fault_of_url,
)
from voiced.errors import ToolFailed

PARAMETERS = ("number", "note", "who")
URL = "https://shop.example.com:8443/orders/{number}"


def call(arguments, *, method="GET", url=URL):
    return build_call(method, url, PARAMETERS, arguments, {"caller": "+15550001"})


def test_arguments_go_into_the_path_and_the_rest_into_the_query():
    assert call({"number": 7, "note": "a b&c"}) == HttpCall(
        method="GET",
        url="https://shop.example.com:8443/orders/7?note=a+b%26c",
        body=None,
    )


def test_arguments_of_a_post_go_into_its_body():
    made = call({"number": 7, "note": "now"}, method="POST", url="https://shop.example.com/orders")
    assert made.body == {"number": 7, "note": "now"}
    assert made.url == "https://shop.example.com/orders"


def test_a_query_of_the_url_stays():
    made = call({"number": 7}, url="https://shop.example.com/find?by={caller}&all=1")
    assert made.url == "https://shop.example.com/find?by=%2B15550001&all=1&number=7"


def test_what_is_no_parameter_is_not_sent():
    assert call({"number": 7, "admin": True}).url.endswith("/orders/7")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({}, "argument 'number' is missing"),
        ({"number": ".."}, "argument 'number' cannot be '..'"),
        ({"number": ""}, "argument 'number' cannot be ''"),
    ],
)
def test_arguments_that_cannot_be(arguments, reason):
    with pytest.raises(ToolFailed, match=reason):
        call(arguments)


@given(st.text(min_size=1) | st.integers() | st.lists(st.text()))
def test_no_argument_leads_anywhere_else(value):
    try:
        made = call({"number": value})
    except ToolFailed:
        return
    parts = urlsplit(made.url)
    assert parts.netloc == "shop.example.com:8443"
    assert parts.path.startswith("/orders/")
    assert parts.path.count("/") == 2
    assert not parts.query
    assert not parts.fragment


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("https://shop.example.com/orders/{number}?c={caller}", None),
        ("http://127.0.0.1:8080/x", None),
        ("ftp://shop.example.com", "is no URL"),
        ("orders", "is no URL"),
        ("https://{number}.example.com/", "leaves the host to the model"),
        ("https://user:word@example.com/", "holds a password"),
        ("https://example.com/{order}", "has {order}, which is no parameter"),
        ("https://example.com/#{number}", "has a fragment"),
        ("https://[shop.example.com/", "is no URL"),
        ("https://shop.example.com:99999/", "has a port that there is not"),
        ("https://shop.example.com:{number}/", "leaves the host to the model"),
        ("https://shop.example.com/a b", "has a space"),
        ("https://shop.example.com/{called}?of={who}", "has {called}, which is the call's own"),
    ],
)
def test_faults_of_declared_urls(url, fault):
    found = fault_of_url(url, {"number", "who", "called"})
    assert (found is None) if fault is None else (found or "").startswith(fault)
