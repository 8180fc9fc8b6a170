import pytest
from pydantic import TypeAdapter, ValidationError

from voiced.net.urls import HttpBase, SocketUrl, with_query


def test_a_query_is_written_as_providers_read_it():
    query: list[tuple[str, str | int | bool]] = [
        ("model", "nova-3"),
        ("keyterm", "a b"),
        ("keyterm", "c&d"),
        ("n", 8000),
        ("on", True),
    ]
    assert with_query("wss://a/b", query) == (
        "wss://a/b?model=nova-3&keyterm=a+b&keyterm=c%26d&n=8000&on=true"
    )
    assert with_query("wss://a/b", []) == "wss://a/b"


@pytest.mark.parametrize(
    ("kind", "text", "reason"),
    [
        (HttpBase, "", "must not be empty"),
        (HttpBase, "wss://a", "must begin with https:// or http://"),
        (SocketUrl, "https://a", "must begin with wss:// or ws://"),
        (SocketUrl, "wss://user:secret@a", "must not carry a user name"),
    ],
)
def test_an_address_that_cannot_be_is_told(kind, text, reason):
    with pytest.raises(ValidationError, match=reason):
        TypeAdapter(kind).validate_python(text)


def test_addresses_lose_their_trailing_slash():
    assert TypeAdapter(HttpBase).validate_python("http://10.0.0.5:8000/v1/") == (
        "http://10.0.0.5:8000/v1"
    )
