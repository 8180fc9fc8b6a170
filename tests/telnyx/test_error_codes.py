"""What codes mean: every one of Telnyx's, in code and docs alike."""

import json
from pathlib import Path

import pytest

from voiced.telnyx import error_codes
from voiced.telnyx.error_codes import ERROR_CODES, Handling, explain

ROOT = Path(__file__).parents[2]
TITLES = json.loads((ROOT / "tests/data/telnyx/error-codes.json").read_text())["codes"]


def test_titles_are_telnyx_own_and_none_is_left_out() -> None:
    assert {code: entry.title for code, entry in ERROR_CODES.items()} == TITLES


@pytest.mark.parametrize("code", ERROR_CODES)
def test_every_code_says_what_it_means_and_what_to_do(code: str) -> None:
    entry = ERROR_CODES[code]
    assert entry.code == code
    assert entry.meaning.endswith(".")
    assert entry.remedy
    assert not entry.remedy.endswith(".")
    assert "|" not in entry.meaning + entry.remedy


def test_too_many_requests_with_status_422_is_about_encryption() -> None:
    throttled, refused = explain("10011", status=429), explain("10011", status=422)
    assert throttled is not None
    assert refused is not None
    assert throttled.handling is Handling.RETRIED
    assert refused.handling is Handling.FAILS
    assert "media_encryption" in refused.remedy


def test_unknown_code_has_no_explanation() -> None:
    assert explain("12345") is None


def test_docs_page_is_the_table() -> None:
    page = (ROOT / "docs/telnyx-errors.md").read_text(encoding="utf-8")
    assert page == error_codes.render_page(), (
        "write it anew: python -c 'from voiced.telnyx.error_codes import render_page;"
        ' print(render_page(), end="")\' > docs/telnyx-errors.md'
    )
