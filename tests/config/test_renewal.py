"""What of a configuration may change while the daemon runs."""

from voiced.config import parse_config
from voiced.config.renewal import FIXED, renewed


def configs(before, after, running=None):
    as_read = parse_config(before, {})
    fresh = parse_config(after, {})
    return running or as_read, as_read, fresh


def test_what_belongs_to_a_call_is_taken_over():
    running, as_read, fresh = configs({}, {"call": {"max_concurrent": 7}})
    config, stale = renewed(running, as_read, fresh)
    assert (config.call.max_concurrent, stale) == (7, [])


def test_what_belongs_to_the_process_stays_and_is_named():
    changed = {
        "server": {"bind": "127.0.0.1:9000"},
        "records": {"path": "elsewhere"},
        "telnyx": {"api_key": "KEY2"},
    }
    running, as_read, fresh = configs({"telnyx": {"api_key": "KEY1"}}, changed)
    config, stale = renewed(running, as_read, fresh)
    assert stale == ["server.bind", "telnyx.api_key", "records.path"]
    for table in FIXED:
        assert getattr(config, table) == getattr(running, table)


def test_a_free_port_that_was_taken_is_no_change():
    before = {"server": {"bind": "127.0.0.1:0"}}
    _, as_read, fresh = configs(before, before)
    running = as_read.with_public_address("127.0.0.1:43211")
    config, stale = renewed(running, as_read, fresh)
    assert stale == []
    assert config.server.bind == "127.0.0.1:43211"
