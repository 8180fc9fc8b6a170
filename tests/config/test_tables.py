import pytest

from voiced.config import parse_config


def config_of(**server):
    return parse_config({"server": server}, {})


@pytest.mark.parametrize(
    ("server", "webhook_url", "media_url"),
    [
        (
            {},
            "http://127.0.0.1:8080/telnyx/webhook",
            "ws://127.0.0.1:8080/telnyx/media/tok",
        ),
        (
            {"bind": ":80"},
            "http://127.0.0.1:80/telnyx/webhook",
            "ws://127.0.0.1:80/telnyx/media/tok",
        ),
        (
            {"public_url": "https://voice.example.org/"},
            "https://voice.example.org/telnyx/webhook",
            "wss://voice.example.org/telnyx/media/tok",
        ),
        (
            {"public_url": "http://h:81/a"},
            "http://h:81/a/telnyx/webhook",
            "ws://h:81/a/telnyx/media/tok",
        ),
    ],
)
def test_urls_for_telnyx_follow_from_the_public_one(server, webhook_url, media_url):
    config = config_of(**server)
    assert config.webhook_url == webhook_url
    assert config.media_url("tok") == media_url


def test_a_token_cannot_leave_its_place_in_the_media_url():
    assert config_of().media_url("../a?b").endswith("/telnyx/media/..%2Fa%3Fb")


def test_the_port_really_taken_stands_in_the_urls():
    config = config_of(bind="127.0.0.1:0").with_public_address("127.0.0.1:43210")
    assert config.media_url("t") == "ws://127.0.0.1:43210/telnyx/media/t"
    assert config.server.address == ("127.0.0.1", 43210)


def test_tls_of_our_own_makes_the_urls_secure(tmp_path):
    file = tmp_path / "x.pem"
    file.touch()
    config = config_of(tls_certificate=str(file), tls_key=str(file))
    assert config.media_url("t") == "wss://127.0.0.1:8080/telnyx/media/t"


def test_a_call_goes_to_its_own_instance_where_that_has_an_address_of_its_own():
    config = config_of(public_url="https://all.example.org", call_url="https://two.example.org/")
    assert config.webhook_url == "https://all.example.org/telnyx/webhook"
    assert config.call_webhook_url == "https://two.example.org/telnyx/webhook"
    assert config.texml_status_url == "https://two.example.org/telnyx/texml/status"
    assert config.media_url("t") == "wss://two.example.org/telnyx/media/t"
    assert config_of(public_url="https://all.example.org").call_webhook_url is None


def test_an_empty_api_key_is_none():
    assert parse_config({"telnyx": {"api_key": ""}}, {}).telnyx.api_key is None
