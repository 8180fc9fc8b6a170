"""Every recognizer can be chosen by its name, and is checked before the daemon starts."""

import pytest

from voiced.config import parse_config
from voiced.errors import ConfigError
from voiced.providers import check_providers

KEYS = {
    "deepgram": "DEEPGRAM_API_KEY",
    "assemblyai": "ASSEMBLYAI_API_KEY",
    "telnyx": "TELNYX_API_KEY",
    "openai": "OPENAI_API_KEY",
}


@pytest.mark.parametrize("provider", KEYS)
def test_a_recognizer_is_chosen_by_its_name_and_misses_its_key(provider, monkeypatch):
    monkeypatch.delenv(KEYS[provider], raising=False)
    config = parse_config({"recognizer": {"provider": provider}}, {})
    with pytest.raises(ConfigError, match=f"recognizer.api_key: is missing.*{KEYS[provider]}"):
        check_providers(config)
    monkeypatch.setenv(KEYS[provider], "k")
    check_providers(config)


def test_a_wrong_setting_is_told_with_its_reason():
    table = {"provider": "deepgram", "url": "https://api.deepgram.com", "endpointing_ms": 1}
    with pytest.raises(ConfigError) as info:
        parse_config({"recognizer": table}, {})
    assert {problem.key for problem in info.value.problems} == {
        "recognizer.url",
        "recognizer.endpointing_ms",
    }


def test_a_model_of_ones_own_must_be_named(tmp_path):
    with pytest.raises(ConfigError, match=r"recognizer\.model"):
        parse_config({"recognizer": {"provider": "sherpa"}}, {})
    table = {"provider": "sherpa", "model": str(tmp_path), "kind": "whisper"}
    config = parse_config({"recognizer": table}, {})
    with pytest.raises(ConfigError, match="must have one ONNX file for the encoder"):
        check_providers(config)
