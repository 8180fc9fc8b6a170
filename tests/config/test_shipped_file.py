"""config.toml and the models say the same: every key, with its default."""

import re
import tomllib
from importlib.metadata import entry_points
from itertools import pairwise
from pathlib import Path

import pytest
from pydantic import SecretStr

from voiced.config import load_config
from voiced.config.load import PLAIN_TABLES, PROVIDER_TABLES

FILE = Path(__file__).parents[2] / "config.toml"


@pytest.fixture(autouse=True)
def providers():
    """Here the real ones, in place of those of conftest.py."""


def written():
    """Return the file as a document with the keys that are off (`#key = value`) switched on."""
    text = re.sub(r"^#(?=[a-z0-9_]+ = )", "", FILE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return tomllib.loads(text)


def plain(value):
    match value:
        case None:
            return ""
        case SecretStr():
            return value.get_secret_value()
        case Path():
            return str(value)
        case tuple():
            return list(value)
        case _:
            return value


def defaults_of(model):
    return {
        name: plain(field.get_default(call_default_factory=True))
        for name, field in model.model_fields.items()
    }


@pytest.mark.parametrize("name", PLAIN_TABLES)
def test_a_table_of_the_file_has_every_key_of_the_model_with_its_default(name):
    assert written()[name] == defaults_of(PLAIN_TABLES[name])


def test_the_file_has_every_table_and_no_other():
    assert written().keys() == {*PLAIN_TABLES, *PROVIDER_TABLES}


@pytest.mark.parametrize("name", PROVIDER_TABLES)
def test_a_providers_table_has_the_keys_of_the_default_provider(name):
    group, provider = PROVIDER_TABLES[name]
    (offer,) = {point.value: point for point in entry_points(group=group, name=provider)}.values()
    own = defaults_of(offer.load().Settings)
    assert written()[name] == {"provider": provider, **own}


def test_every_key_has_a_comment_above():
    lines = FILE.read_text(encoding="utf-8").splitlines()
    for above, line in pairwise(lines):
        if re.match(r"#?[a-z0-9_]+ = ", line) and not line.startswith("tls_key"):
            assert above.startswith("# "), f"{line!r} has no comment"


def test_secrets_are_off_in_the_file():
    document = tomllib.loads(FILE.read_text(encoding="utf-8"))
    assert "token" not in document["admin"]
    assert "api_key" not in document["telnyx"]


def test_the_file_is_a_configuration():
    config = load_config(FILE, {})
    assert config.server.bind == "127.0.0.1:8080"
