import pytest

from tests.recognizer.remote import STREAMING, open_remote, sample
from voiced.testing.recognizer_kit import RECOGNIZER_PROMISES


@pytest.mark.parametrize("kind", STREAMING)
@pytest.mark.parametrize("promise", RECOGNIZER_PROMISES, ids=lambda promise: promise.__name__)
async def test_recognizers_far_away_behave(kind, promise, autojump_clock):
    async with open_remote(kind, lines=("hello there", "goodbye now") * 2) as (recognizer, _, _):
        await promise(recognizer, sample())
