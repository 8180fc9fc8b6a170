import sys

import pytest

from voiced.config import ConfigError, parse_config


def keys_of_problems(document, environ=None):
    with pytest.raises(ConfigError) as caught:
        parse_config(document, environ or {})
    return [problem.key for problem in caught.value.problems]


def test_unsigned_webhooks_are_for_loopback_only():
    assert parse_config({"server": {"insecure": True}}, {}).server.insecure
    for bind in (":8080", "0.0.0.0:8080", "192.0.2.1:8080"):
        document = {"server": {"insecure": True, "bind": bind}}
        assert keys_of_problems(document) == ["server.insecure"]


@pytest.mark.parametrize("given", ["tls_certificate", "tls_key"])
def test_tls_needs_certificate_and_key(tmp_path, given):
    file = tmp_path / "x.pem"
    file.touch()
    (missing,) = {"tls_certificate", "tls_key"} - {given}
    assert keys_of_problems({"server": {given: str(file)}}) == [f"server.{missing}"]


def test_tls_files_must_be_there(tmp_path):
    file = tmp_path / "x.pem"
    file.touch()
    server = {"tls_certificate": str(file), "tls_key": str(file)}
    assert parse_config({"server": server}, {}).server.base_url == "https://127.0.0.1:8080"
    for wrong in (str(tmp_path / "absent"), str(tmp_path), "nul\0"):
        document = {"server": {**server, "tls_key": wrong}}
        assert keys_of_problems(document) == ["server.tls_key"]


def test_an_admin_listener_in_the_open_needs_a_token():
    document = {"admin": {"bind": ":9000"}}
    assert keys_of_problems(document) == ["admin.token"]
    assert parse_config(document, {"VOICED_ADMIN_TOKEN": "t"}).admin.bind == ":9000"


def test_the_two_listeners_need_ports_of_their_own():
    assert keys_of_problems({"admin": {"bind": "127.0.0.1:8080"}}) == ["admin.bind"]
    assert keys_of_problems({"server": {"bind": ":8081"}}) == ["admin.bind"]
    both_any = {"server": {"bind": "127.0.0.1:0"}, "admin": {"bind": "127.0.0.1:0"}}
    assert parse_config(both_any, {}).admin.bind == "127.0.0.1:0"


def test_the_api_key_does_not_leave_the_machine_in_clear_text():
    assert keys_of_problems({"telnyx": {"api_base": "http://192.0.2.1/v2"}}) == ["telnyx.api_base"]
    for base in ("http://localhost:1/v2", "http://127.0.0.1:1/v2", "https://192.0.2.1/v2"):
        assert parse_config({"telnyx": {"api_base": base}}, {}).telnyx.api_base == base


def test_what_is_told_of_calls_does_not_leave_the_machine_in_clear_text():
    secret = {"secret": "whsec_" + "c2VjcmV0" * 4}
    post_call = {"url": "http://192.0.2.1/told", **secret}
    assert keys_of_problems({"post_call": post_call}) == ["post_call.url"]
    for url in ("http://localhost:1/told", "https://192.0.2.1/told?key=x"):
        assert parse_config({"post_call": {"url": url, **secret}}, {}).post_call.url


def test_a_message_is_not_longer_than_the_lead():
    assert parse_config({"media": {"message_ms": 60, "lead_ms": 60}}, {}).media.message_ms == 60
    assert keys_of_problems({"media": {"message_ms": 80, "lead_ms": 60}}) == ["media.message_ms"]


def test_records_go_into_a_directory(tmp_path):
    file = tmp_path / "file"
    file.touch()
    assert keys_of_problems({"records": {"path": str(file)}}) == ["records.path"]
    for path in (tmp_path, tmp_path / "new"):
        assert parse_config({"records": {"path": str(path)}}, {}).records.path == path


@pytest.mark.parametrize(
    ("codec", "rates"),
    [
        ("PCMU", {8000}),
        ("PCMA", {8000}),
        ("G722", {8000}),
        ("OPUS", {8000, 16000}),
        ("L16", {8000, 16000, 22050, 24000, 48000}),
    ],
)
def test_a_codec_is_sent_at_its_own_rates_only(codec, rates):
    for rate_hz in (8000, 16000, 22050, 24000, 48000):
        document = {"media": {"bidirectional_codec": codec, "sample_rate": rate_hz}}
        if rate_hz in rates:
            assert parse_config(document, {}).media.sample_rate == rate_hz
        else:
            assert keys_of_problems(document) == ["media.sample_rate"]


def test_the_rate_of_g722_is_explained():
    with pytest.raises(ConfigError, match="use 8000, which is its clock; its audio has 16000 Hz"):
        parse_config({"media": {"bidirectional_codec": "G722", "sample_rate": 16000}}, {})


def test_the_stream_begins_with_the_answer_only_where_that_can_declare_the_rate():
    def starts_with_answer(**media):
        return parse_config({"media": media}, {}).media.starts_with_answer

    assert starts_with_answer()
    assert starts_with_answer(bidirectional_codec="L16")
    assert not starts_with_answer(bidirectional_codec="L16", sample_rate=16000)
    assert not starts_with_answer(start="answered")


@pytest.mark.parametrize("key", ["codec", "bidirectional_codec"])
def test_a_codec_without_its_library_is_refused_at_start(monkeypatch, key):
    monkeypatch.setitem(sys.modules, "G722", None)
    with pytest.raises(ConfigError) as caught:
        parse_config({"media": {key: "G722"}}, {})
    assert [str(problem) for problem in caught.value.problems] == [
        f"media.{key} = \"G722\": the package G722 is not installed (pip install 'voiced[codecs]')"
    ]


@pytest.mark.parametrize("key", ["codec", "bidirectional_codec"])
def test_amr_wb_is_refused_in_words_of_its_own(key):
    with pytest.raises(ConfigError) as caught:
        parse_config({"media": {key: "AMR-WB"}}, {})
    (problem,) = caught.value.problems
    assert str(problem).startswith(f'media.{key} = "AMR-WB": is not spoken by voiced')


@pytest.mark.parametrize(
    ("recording", "media", "is_sound"),
    [
        ({"telnyx": "from_answer"}, {"start": "answered"}, True),
        ({"telnyx": "from_answer"}, {"start": "answer"}, False),
        ({"telnyx": "on_demand"}, {"start": "answered"}, False),
        ({}, {"start": "answered"}, False),
    ],
)
def test_consent_needs_a_recording_and_its_time(recording, media, is_sound):
    document = {"recording": {"consent": "This call is recorded.", **recording}, "media": media}
    if is_sound:
        assert parse_config(document, {}).recording.consent
    else:
        assert keys_of_problems(document) == ["recording.consent"]


@pytest.mark.parametrize("turns", [{"min_delay_ms": 700}, {"max_delay_ms": 500}])
def test_the_delays_of_turns_are_in_order(turns):
    assert parse_config({"turns": {"min_delay_ms": 600}}, {}).turns.delay_ms == 600
    assert keys_of_problems({"turns": turns}) == ["turns.delay_ms"]


@pytest.mark.parametrize("table", ["inbound", "recording"])
def test_what_telnyx_speaks_can_be_written_into_a_texml_document(table):
    key = {"inbound": "full_message", "recording": "consent"}[table]
    more = {"inbound": {}, "recording": {"telnyx": "from_answer"}}[table]
    document = {"media": {"start": "answered"}, table: {**more, key: "All busy & <closed>\n."}}
    parse_config(document, {})
    document[table][key] = "All busy\x0b."
    assert keys_of_problems(document) == [f"{table}.{key}"]
