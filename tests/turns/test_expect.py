"""What an agent may expect: impossible expectations are refused where they are made."""

import pytest

from voiced.turns.expect import ExpectDigits, ExpectSpeech, ExpectSpelling, ExpectYesNo


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"min_length": 0}, "min_length"),
        ({"min_length": 5, "max_length": 4}, "max_length"),
        ({"max_length": 65}, "64"),
        ({"terminator": "##"}, "terminator"),
        ({"terminator": "x"}, "'x'"),
        ({"inter_digit_timeout_s": 0}, "inter_digit_timeout_s"),
        ({"first_digit_timeout_s": -1}, "first_digit_timeout_s"),
    ],
)
def test_digits_that_can_never_come_are_refused(given, reason):
    with pytest.raises(ValueError, match=reason):
        ExpectDigits(**given)


@pytest.mark.parametrize("kind", [ExpectSpeech, ExpectYesNo, ExpectSpelling, ExpectDigits])
@pytest.mark.parametrize("patience", [0.0, 0.2, 4.5])
def test_patience_has_its_bounds(kind, patience):
    with pytest.raises(ValueError, match=f"patience must be 0.25 to 4, not {patience:g}"):
        kind(patience=patience)
