import pytest

from voiced.address import Bind, is_loopback, parse_bind, parse_url, url_host_is_loopback


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:8080", "127.0.0.1", 8080),
        ("[::1]:8080", "::1", 8080),
        (":0", "", 0),
        ("0.0.0.0:65535", "0.0.0.0", 65535),
        ("localhost:80", "localhost", 80),
        ("my-host.example.org:1", "my-host.example.org", 1),
    ],
)
def test_a_bind_address_is_read_and_written_back(text, host, port):
    assert parse_bind(text) == (host, port)
    assert str(parse_bind(text)) == text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "needs a port"),
        ("127.0.0.1", "needs a port"),
        ("127.0.0.1:", "number"),
        ("127.0.0.1:http", "number"),
        ("127.0.0.1:-1", "number"),
        ("127.0.0.1:\u0663", "number"),
        ("127.0.0.1:65536", "0 to 65535"),
        ("127.0.0.1:999999999", "0 to 65535"),
        ("::1:8080", "brackets"),
        ("[127.0.0.1]:80", "IPv6"),
        ("[nonsense]:80", "IPv6"),
        ("127.0.0.256:80", "IPv4"),
        ("1.2.3:80", "IPv4"),
        ("a..b:80", "host name"),
        ("-a:80", "host name"),
        ("with space:80", "host name"),
        ("http://127.0.0.1:80", "brackets"),
    ],
)
def test_what_is_no_bind_address_is_refused_with_a_reason(text, reason):
    with pytest.raises(ValueError, match=reason):
        parse_bind(text)


@pytest.mark.parametrize(
    ("bind", "expected"),
    [
        ("127.0.0.1:80", True),
        ("127.8.9.1:80", True),
        ("[::1]:80", True),
        ("LocalHost:80", True),
        (":80", False),
        ("0.0.0.0:80", False),
        ("[::]:80", False),
        ("10.0.0.1:80", False),
        ("localhost.example.org:80", False),
    ],
)
def test_loopback_is_what_only_this_machine_can_reach(bind, expected):
    assert is_loopback(bind) is expected


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("127.0.0.1:80", "127.0.0.1:80", True),
        ("127.0.0.1:80", "127.0.0.1:81", False),
        ("127.0.0.1:80", "127.0.0.2:80", False),
        (":80", "127.0.0.1:80", True),
        ("127.0.0.1:80", "0.0.0.0:80", True),
        (":0", ":0", False),
    ],
)
def test_listeners_overlap_on_one_port_unless_it_is_any_port(one, other, expected):
    assert parse_bind(one).overlaps(parse_bind(other)) is expected


@pytest.mark.parametrize(
    ("bind", "expected"),
    [
        (Bind("", 80), "127.0.0.1:80"),
        (Bind("0.0.0.0", 80), "127.0.0.1:80"),
        (Bind("::", 80), "[::1]:80"),
        (Bind("10.0.0.1", 80), "10.0.0.1:80"),
    ],
)
def test_a_wildcard_is_reached_by_way_of_loopback(bind, expected):
    assert bind.reachable == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("https://voice.example.org", "https://voice.example.org"),
        ("HTTPS://voice.example.org/a/", "https://voice.example.org/a"),
        ("http://[::1]:8080//", "http://[::1]:8080"),
        ("https://crm_1.example.org.:1/x", "https://crm_1.example.org.:1/x"),
    ],
)
def test_a_url_loses_only_its_trailing_slash(text, expected):
    assert parse_url(text, schemes=("https", "http")) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("voice.example.org", "must begin with https:// or http://"),
        ("ws://voice.example.org", "must begin with"),
        ("https://", "names no host"),
        ("https://:80", "names no host"),
        ("https://a..b/x", "host must be an address or a host name"),
        ("https://crm%2Eexample/", "host must be"),
        ("https://*/", "host must be"),
        (f"https://{'a' * 64}.example/", "host must be"),
        ("https://h:port", "port must be a number"),
        ("https://h:99999", "port must be a number"),
        ("https://h/a b", "spaces"),
        ("https://h/\x1b[31m", "control characters"),
        ("https://h/?a=b", "query"),
        ("https://h/#", "fragment"),
        ("https://[h", "IPv6"),
    ],
)
def test_what_is_no_base_url_is_refused_with_a_reason(text, reason):
    with pytest.raises(ValueError, match=reason):
        parse_url(text, schemes=("https", "http"))


@pytest.mark.parametrize("text", ["http://me:hush@h/", "http://me:hush/", "http://me:hu/sh@h"])
def test_a_password_in_a_url_is_refused_and_not_repeated(text):
    with pytest.raises(ValueError, match=r"password|port") as caught:
        parse_url(text, schemes=("http",))
    assert "hu" not in str(caught.value).replace("number", "")


def test_the_host_of_a_url_may_be_this_machine():
    assert url_host_is_loopback("http://127.0.0.1:9/v2")
    assert url_host_is_loopback("http://[::1]:9/v2")
    assert not url_host_is_loopback("http://api.example.org/v2")
