import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiced.synthesizer.plain_text import plain_text


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Hello there.", "Hello there."),
        ("It\u2019s \u201cfine\u201d", 'It\'s "fine"'),
        ("open \u2013 or closed \u2014 today\u2026", "open - or closed - today..."),
        ("Zo\u00eb, Bj\u00f8rn and \u0141ukasz", "Zoe, Bjorn and Lukasz"),
        ("20 \u00b0C for \u20ac5", "20 degrees C for euros 5"),
        ("one\ntwo\tthree\x00four", "one two three four"),
        ("\u65e5\u672c hello \U0001f600", "hello"),
        ("", ""),
        (" \n\t ", ""),
        ("... ?!", ""),
        ("\u65e5\u672c", ""),
    ],
)
def test_text_becomes_ascii_that_can_be_spoken(text, plain):
    assert " ".join(plain_text(text).split()) == plain


@given(st.text())
def test_any_text_becomes_printable_ascii(text):
    plain = plain_text(text)
    assert plain.isascii()
    assert plain.isprintable()
    assert plain == plain_text(plain)
