import pytest

from voiced.leg.leg import EndReason
from voiced.record.end_words import describe_end, is_failure


@pytest.mark.parametrize("reason", EndReason)
def test_every_reason_has_words_of_its_own(reason):
    assert describe_end(reason.value) != reason.value
    assert is_failure(reason.value) is reason.is_failure


def test_a_reason_of_another_version_is_told_as_it_is():
    assert describe_end("moon_phase") == "moon_phase"
    assert not is_failure("moon_phase")
