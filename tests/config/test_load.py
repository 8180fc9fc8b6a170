import base64
import os

import pytest
from pydantic import ValidationError

from voiced.config import ConfigError, load_config, parse_config

KEY = base64.b64encode(bytes(range(32))).decode()


def problems(document, environ=None):
    """Return what is wrong with `document`: {key: line}."""
    with pytest.raises(ConfigError) as caught:
        parse_config(document, environ or {})
    lines = {problem.key: str(problem) for problem in caught.value.problems}
    assert len(lines) == len(caught.value.problems), "one problem a key"
    return lines


def secret(value):
    return value.get_secret_value()


def the_problem(document, environ=None):
    (line,) = problems(document, environ).values()
    return line


def test_an_empty_document_gives_the_defaults():
    config = parse_config({}, {})
    assert config.server.bind == "127.0.0.1:8080"
    assert config.telnyx.api_key is None
    assert config.media.lead_ms == 400
    assert config.call.max_duration_s == 3600
    assert config.agent.provider == "script"
    assert config.agent.settings.greeting == "hello"


def test_a_table_takes_the_keys_given_and_keeps_the_other_defaults():
    config = parse_config({"media": {"lead_ms": 200}, "call": {"silence_timeout_s": 7}}, {})
    assert (config.media.lead_ms, config.media.message_ms) == (200, 100)
    assert config.call.silence_timeout_s == 7


def test_the_configuration_is_frozen():
    config = parse_config({}, {})
    with pytest.raises(ValidationError):
        setattr(config.media, "lead_ms", 100)  # noqa: B010  # mypy knows that it cannot be set


def test_every_problem_is_told_at_once():
    found = problems(
        {
            "sever": {},
            "bind": "127.0.0.1:1",
            "server": {"bind": "nowhere", "insecure": 1},
            "media": {"codec": "PCMX", "lead_ms": 10},
            "call": {"max_duration_s": "3600"},
            "agent": {"provider": "scirpt"},
            "log": "info",
        },
        {"TELNYX_PUBLIC_KEY": "%%%"},
    )
    assert set(found) == {
        "sever",
        "bind",
        "server.bind",
        "server.insecure",
        "media.codec",
        "media.lead_ms",
        "call.max_duration_s",
        "agent.provider",
        "log",
        "telnyx.public_key",
    }


@pytest.mark.parametrize(
    ("document", "line"),
    [
        ({"sever": {}}, "sever: unknown table (did you mean server?)"),
        ({"Media": {}}, "Media: unknown table (did you mean media?)"),
        ({"media": {"led_ms": 400}}, "media.led_ms: unknown key (did you mean lead_ms?)"),
        ({"media": {"lead-ms": 400}}, "media.lead-ms: unknown key (did you mean lead_ms?)"),
        ({"call": {"lead_ms": 400}}, "call.lead_ms: unknown key (it belongs in [media])"),
        ({"bind": ":1"}, "bind: unknown key (it belongs in [server] or [admin])"),
        ({"admin": {"zzz": 1}}, "admin.zzz: unknown key (known here: bind, token)"),
        ({"agent": {"greting": ""}}, "agent.greting: unknown key (did you mean greeting?)"),
        (
            {"log": {"a b\x1b": 1}},
            'log."a b\\u001b": unknown key (known here: level, format, personal)',
        ),
        (
            {"log": {"level": "INFO"}},
            'log.level = "INFO": must be debug, info, warning or error (did you mean "info"?)',
        ),
        (
            {"log": {"level": 3}},
            'log.level = 3: must be debug, info, warning or error (default: "info")',
        ),
        (
            {"media": {"sample_rate": 16000}},
            "media.sample_rate = 16000: bidirectional_codec PCMU has no such rate (use 8000)",
        ),
        (
            {"media": {"lead_ms": 59}},
            "media.lead_ms = 59: must be from 60 to 2000 ms (default: 400)",
        ),
        (
            {"media": {"message_ms": 50}},
            "media.message_ms = 50: must be from 20 to 1000 ms, a multiple of 20 (default: 100)",
        ),
        (
            {"call": {"max_duration_s": 14401}},
            "call.max_duration_s = 14401: must be from 10 to 14400 s (default: 3600)",
        ),
        (
            {"call": {"max_concurrent": 1.5}},
            "call.max_concurrent = 1.5: must be a whole number, without quotes (default: 100)",
        ),
        (
            {"call": {"answer_timeout_s": float("nan")}},
            "call.answer_timeout_s = nan: must be a finite number (default: 15)",
        ),
        (
            {"call": {"answer_timeout_s": True}},
            "call.answer_timeout_s = true: must be a number, without quotes (default: 15)",
        ),
        (
            {"call": {"barge_in": "yes"}},
            'call.barge_in = "yes": must be true or false, without quotes (default: true)',
        ),
        ({"call": {"apology_voice": ""}}, None),
        ({"call": {"apology": "  "}}, None),
        (
            {"call": {"max_concurrent": 1 << 70}},
            "call.max_concurrent = (a very large number): must be from 1 to 10000 (default: 100)",
        ),
        (
            {"records": {"path": 3}},
            'records.path = 3: must be a path in quotes (default: "calls")',
        ),
        ({"records": {"path": ""}}, None),
        ({"telnyx": {"api_base": ""}}, None),
        ({"telnyx": {"connection_id": "a b"}}, None),
        (
            {"outbound": {"caller_id": "0312345"}},
            'outbound.caller_id = "0312345": must be E.164: a plus sign, country code and number, '
            "as in +13125550123",
        ),
        ({"outbound": {"caller_id": "+1234567890123456"}}, None),
        (
            {"server": 3},
            "server = 3: must be a table "
            "(write [server] on a line of its own and the keys below it)",
        ),
        ({"server": [{}]}, None),
        (
            {"agent": {"provider": 3}},
            'agent.provider = 3: must be text in quotes (default: "script")',
        ),
        (
            {"agent": {"provider": "scirpt"}},
            'agent.provider = "scirpt": is not installed '
            "(did you mean script? installed: mind, script)",
        ),
    ],
)
def test_a_fault_is_told_with_key_value_reason_and_remedy(document, line):
    told = the_problem(document)
    assert line is None or told == line


@pytest.mark.parametrize("key", [KEY[:-4], "not base64!", KEY + "AAAA", "\u00e9"])
def test_a_public_key_is_base64_of_32_bytes(key):
    assert "telnyx.public_key" in problems({"telnyx": {"public_key": key}})
    assert parse_config({"telnyx": {"public_key": KEY}}, {}).telnyx.public_key == KEY


def test_a_faulty_table_still_gets_its_other_keys_checked_against_the_rules():
    found = problems({"server": {"insecure": True, "bind": ":80", "tls_key": 3}})
    assert set(found) == {"server.insecure", "server.tls_key"}


def test_a_rule_keeps_quiet_when_a_key_that_it_reads_is_faulty_by_itself():
    assert set(problems({"media": {"lead_ms": 70000, "message_ms": 1000}})) == {"media.lead_ms"}


# Where values come from.


def test_the_environment_goes_before_the_file():
    document = {"telnyx": {"connection_id": "file", "api_base": "http://127.0.0.1:1/v2"}}
    environ = {
        "TELNYX_API_KEY": " KEY1\n",
        "TELNYX_APP_ID": "from-env",
        "TELNYX_PUBLIC_KEY": KEY,
        "TELNYX_API_BASE": "http://127.0.0.1:2/v2/",
        "VOICED_ADMIN_TOKEN": "hush",
    }
    config = parse_config(document, environ)
    assert secret(config.telnyx.api_key) == "KEY1"
    assert config.telnyx.connection_id == "from-env"
    assert config.telnyx.public_key == KEY
    assert config.telnyx.api_base == "http://127.0.0.1:2/v2"
    assert config.admin.token.get_secret_value() == "hush"


def test_an_empty_variable_counts_as_unset():
    config = parse_config({"telnyx": {"connection_id": "file"}}, {"TELNYX_APP_ID": " "})
    assert config.telnyx.connection_id == "file"


def test_the_connection_id_has_an_alias_that_must_not_contradict():
    assert parse_config({}, {"TELNYX_CONNECTION_ID": "7"}).telnyx.connection_id == "7"
    both = {"TELNYX_APP_ID": "7", "TELNYX_CONNECTION_ID": "7"}
    assert parse_config({}, both).telnyx.connection_id == "7"
    line = the_problem({}, {"TELNYX_APP_ID": "7", "TELNYX_CONNECTION_ID": "8"})
    assert "TELNYX_APP_ID and TELNYX_CONNECTION_ID" in line


def test_a_fault_from_the_environment_names_the_variable():
    line = the_problem({}, {"TELNYX_PUBLIC_KEY": "AAAA"})
    assert line == (
        'telnyx.public_key = "AAAA": must be base64 of 32 bytes, this is 3; '
        "it comes from the environment variable TELNYX_PUBLIC_KEY"
    )


def test_a_credential_goes_before_the_file_and_after_the_environment(tmp_path):
    (tmp_path / "telnyx_api_key").write_text("credential\n")
    (tmp_path / "telnyx_connection_id").write_text("\n")
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    document = {"telnyx": {"api_key": "file", "connection_id": "file"}}
    config = parse_config(document, environ)
    assert secret(config.telnyx.api_key) == "credential"
    assert config.telnyx.connection_id == "file"
    config = parse_config(document, {**environ, "TELNYX_API_KEY": "environment"})
    assert secret(config.telnyx.api_key) == "environment"


@pytest.mark.parametrize("content", [b"\xff\xfe", b"x" * 100_000, None])
def test_a_credential_that_cannot_be_used_is_a_problem(tmp_path, content):
    path = tmp_path / "telnyx_api_key"
    path.mkdir() if content is None else path.write_bytes(content)
    line = the_problem({}, {"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert line.startswith("telnyx.api_key: ")
    assert "the credential telnyx_api_key" in line


def test_a_fault_from_a_credential_names_the_credential(tmp_path):
    (tmp_path / "admin_token").write_text("two words")
    line = the_problem({}, {"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert line.startswith("admin.token: must be one word")
    assert line.endswith("it comes from the credential admin_token")


# Secrets.


@pytest.mark.parametrize(
    "document",
    [
        {"telnyx": {"api_key": "hush hush"}},
        {"telnyx": {"api_kee": "hush"}},
        {"telnyx": {"api_key": ["hush"]}},
        {"api_key": "hush"},
        {"admin": {"token": "hush\n"}},
        {"admin": ["hush"]},
        {"recognizer": {"api_key": ["hush"]}},
        {"recognizer": {"session_token": ["hush"]}},
        {"recognizer": {"threshold": {"x": "hush"}}},
        {"server": {"public_url": "https://me:hush@h"}},
        {"agent": {"provider": "mind", "model": "m", "low": 5, "voices": [{"key": "hush"}]}},
    ],
)
def test_no_problem_repeats_a_secret(document):
    with pytest.raises(ConfigError) as caught:
        parse_config(document, {})
    assert "hush" not in str(caught.value)
    assert "hush" not in repr(caught.value.problems)


def test_no_configuration_shows_a_secret():
    document = {"telnyx": {"api_key": "hush"}, "recognizer": {"api_key": "hush"}}
    config = parse_config(document, {"VOICED_ADMIN_TOKEN": "hush"})
    assert config.recognizer.settings.api_key.get_secret_value() == "hush"
    assert "hush" not in f"{config} {config!r} {config.model_dump_json()}"


# Providers.


def test_the_keys_of_a_provider_are_checked_by_its_own_model():
    config = parse_config({"agent": {"provider": "mind", "model": "m", "high": 9}}, {})
    assert config.agent.provider == "mind"
    assert (config.agent.settings.model, config.agent.settings.high) == ("m", 9)
    assert the_problem({"recognizer": {"threshold": 2}}) == (
        "recognizer.threshold = 2: must be from 0 to 1 (default: 0.5)"
    )


def test_a_key_that_a_provider_requires_is_missed():
    assert the_problem({"agent": {"provider": "mind"}}) == "agent.model: is required"


def test_a_fault_inside_a_list_is_told_with_its_place():
    line = the_problem({"agent": {"provider": "mind", "model": "m", "voices": [1, "x"]}})
    assert line.startswith('agent.voices.1 = "x": ')


def test_a_rule_of_a_provider_is_told_for_its_table():
    line = the_problem({"agent": {"provider": "mind", "model": "m", "low": 5}})
    assert line == "agent: low must not be above high"


# Files.


def test_a_file_is_read(tmp_path):
    path = tmp_path / "config.toml"
    path.write_bytes(b'\xef\xbb\xbf[call]\r\nbarge_in = false\r\napology = "\xc3\xa9"\r\n')
    config = load_config(path, {})
    assert (config.call.barge_in, config.call.apology) == (False, "\u00e9")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"[call]\nbarge_in = yes\n", "line 2, column 12: not valid TOML: Invalid value"),
        (b"[call]\n[call]\n", "line 2, column 6: not valid TOML: Cannot declare"),
        (b"[call", "not valid TOML: "),
        (b"a = 1\nb = '\xff'\n", "line 2: is not UTF-8 text"),
        (b"a = " + b"[" * 20_000, "is nested too deeply"),
        (b"a = " + b"9" * 5000, "holds a number with too many digits"),
        (b"#" * 1_100_000, "is larger than 1 MiB"),
    ],
)
def test_a_file_that_is_no_toml_is_refused_with_the_place(tmp_path, content, reason):
    path = tmp_path / "config.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load_config(path, {})
    (problem,) = caught.value.problems
    assert problem.key == str(path)
    assert problem.reason.startswith(reason)


def test_a_file_that_cannot_be_read_is_one_problem(tmp_path):
    for path in (tmp_path / "absent.toml", tmp_path, tmp_path / "nul\0"):
        with pytest.raises(ConfigError) as caught:
            load_config(path, {})
        (problem,) = caught.value.problems
        assert problem.key == str(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_one_problem(tmp_path):
    path = tmp_path / "config.toml"
    path.touch(mode=0)
    with pytest.raises(ConfigError, match="permission denied"):
        load_config(path, {})
