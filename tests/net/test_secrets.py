import pytest
from pydantic import SecretStr

from voiced.errors import ConfigError
from voiced.net.secrets import provider_key


def key(given="", **environ):
    return provider_key(
        SecretStr(given), variable="ACME_API_KEY", role="recognizer", environ=environ
    ).get_secret_value()


def test_a_key_in_the_table_goes_first_so_that_two_lines_may_have_two_accounts():
    assert key("mine", ACME_API_KEY="other") == "mine"


def test_a_key_comes_from_the_environment_then_from_a_credential(tmp_path):
    (tmp_path / "acme_api_key").write_text("secret\n")
    assert key(ACME_API_KEY=" set ") == "set"
    assert key(ACME_API_KEY="", CREDENTIALS_DIRECTORY=str(tmp_path)) == "secret"


def test_a_missing_key_is_told_with_its_remedy():
    with pytest.raises(ConfigError) as info:
        key()
    assert str(info.value) == (
        "recognizer.api_key: is missing (set the environment variable ACME_API_KEY, or give "
        "systemd the credential acme_api_key)"
    )


def test_a_key_that_no_header_carries_is_told_and_not_shown():
    with pytest.raises(ConfigError, match="one word of visible ASCII") as info:
        key(ACME_API_KEY="two words")
    assert "two words" not in str(info.value)
    assert "ACME_API_KEY" in str(info.value)


def test_a_credential_that_cannot_be_read_is_told(tmp_path):
    (tmp_path / "acme_api_key").mkdir()
    with pytest.raises(ConfigError, match="cannot read the credential acme_api_key"):
        key(CREDENTIALS_DIRECTORY=str(tmp_path))
