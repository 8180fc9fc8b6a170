"""Providers are told of a call while it rings, so that none of their connections is waited for."""

from voiced.recognizer.base import Vocabulary
from voiced.synthesizer.base import Synthesizer
from voiced.testing.providers import ScriptedRecognizer, ToneSynthesizer


class Early(ToneSynthesizer):
    """Notes what had been commanded when it was told of a call."""

    def __init__(self):
        super().__init__()
        self.told = []
        self.commands = []

    def anticipate(self):
        self.told.append(list(self.commands))


class EarlyEars(ScriptedRecognizer):
    """Notes what it is told to expect."""

    def __init__(self):
        super().__init__()
        self.expected = []

    def anticipate_words(self, vocabulary):
        self.expected.append(vocabulary)


async def test_a_recognizer_learns_what_the_calls_agent_expects(open_line, greeter, autojump_clock):
    ears = EarlyEars()
    greeter.vocabulary = Vocabulary(terms=("calzone",))
    async with open_line(agent=greeter, recognizer=ears, synthesizer=ToneSynthesizer()) as line:
        await line.ring()
        assert ears.expected == [greeter.vocabulary]
        await line.webhook("call.hangup", hangup_cause="normal_clearing")


async def test_a_provider_learns_of_each_call_before_it_is_answered(
    open_line, greeter, autojump_clock
):
    voice = Early()
    fits: Synthesizer = voice
    async with open_line(agent=greeter, recognizer=ScriptedRecognizer(), synthesizer=fits) as line:
        voice.commands = line.commands
        await line.ring()
        assert [action for action, _ in line.commands] == ["answer"]
        assert voice.told == [[]]
        await line.webhook("call.hangup", hangup_cause="normal_clearing")
