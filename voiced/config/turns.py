"""`[turns]`, `[speech]`, `[budgets]`, `[failover]`: how a call talks, and what it puts up with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from voiced.config.table import Table
from voiced.config.values import Phrases, Spoken
from voiced.spoken_text import Speaker
from voiced.turns.budgets import Budgets
from voiced.turns.rules import BACK_CHANNEL, FAREWELL, UNFINISHED, TurnRules

if TYPE_CHECKING:
    from collections.abc import Callable


class TurnsConfig(Table):
    """`[turns]`: when it is whose go. What each key does is told in docs/turns.md."""

    endpointing: Literal["dynamic", "fixed"] = "dynamic"
    """End a turn sooner or later by what was said, or always after `delay_ms`."""
    min_delay_ms: int = Field(default=450, ge=100, le=5000)
    """Silence after a complete answer, 100 to 5000 ms and at most `delay_ms`."""
    delay_ms: int = Field(default=600, ge=100, le=5000)
    """Silence when nothing is known of how the sentence ends."""
    max_delay_ms: int = Field(default=1800, ge=100, le=10000)
    """Silence after words that go on ("and", "um", half a number), at least `delay_ms`."""
    speculate: bool = True
    """Begin to think before the turn is certain to be over."""
    interrupt_after_ms: int = Field(default=0, ge=0, le=2000)
    """Voice over the agent, beyond the detector's minimum, before he falls silent."""
    interrupt_words: int = Field(default=0, ge=0, le=10)
    """Phrases that it takes; 0 = he falls silent at the voice, and goes on if no words come."""
    false_alarm_ms: int = Field(default=1000, ge=100, le=10000)
    """After speech over the agent its words are waited for so long."""
    sure_ms: int = Field(default=1500, ge=300, le=10000)
    """Speech over the agent that lasts longer is an interruption, understood or not."""
    back_channel: Phrases = BACK_CHANNEL
    """What does not interrupt, as whole utterances in small letters."""
    farewell: Phrases = FAREWELL
    """What does not interrupt a goodbye."""
    unfinished: Phrases = UNFINISHED
    """Last words of a sentence that goes on."""
    max_prompts: int = Field(default=5, ge=1, le=100)
    """Prompts in a row without a word of the caller; then the call is ended."""
    no_words_timeout_s: float = Field(default=30.0, ge=1, le=600)
    """Sounds but no word for so long (music): the caller is prompted too."""
    filler_after_ms: int = Field(default=0, ge=0, le=10000)
    """A filler is said when no answer sounds so long after the turn; 0 = never."""
    fillers: Phrases = ("One moment please.", "Let me see.")
    """Fillers, said in turn."""
    echo_guard: bool = True
    """Take what comes back of the agent's own voice for what it is."""

    def rules(self, *, silence_timeout_s: float, barge_in: bool) -> TurnRules:
        """Return the rules of turn-taking, in their units; `[call]` has the two that are given."""
        return TurnRules(
            silence_timeout_s=silence_timeout_s,
            max_prompts=self.max_prompts,
            no_words_timeout_s=self.no_words_timeout_s,
            barge_in=barge_in,
            interrupt_after_s=self.interrupt_after_ms / 1000,
            interrupt_words=self.interrupt_words,
            sure_s=self.sure_ms / 1000,
            false_alarm_s=self.false_alarm_ms / 1000,
            back_channel=frozenset(self.back_channel),
            farewell=frozenset(self.farewell),
            dynamic=self.endpointing == "dynamic",
            min_delay_s=self.min_delay_ms / 1000,
            delay_s=self.delay_ms / 1000,
            max_delay_s=self.max_delay_ms / 1000,
            unfinished=frozenset(self.unfinished),
            speculate=self.speculate,
            filler_after_s=self.filler_after_ms / 1000,
            fillers=self.fillers if self.filler_after_ms else (),
        )


class SpeechConfig(Table):
    """`[speech]`: how texts are said, whatever synthesizer says them."""

    spell_out: bool = True
    """Say numbers, dates, money, abbreviations and Markdown in words (English)."""
    pronunciations: dict[str, str] = Field(default_factory=dict)
    """Words or phrases, and how they are spelled for the synthesizer."""
    sentence_pause_ms: int = Field(default=200, ge=0, le=1000)
    """Silence between the sentences of an answer, 0 to 1000 ms."""
    phrase_cache: str = ""
    """Directory in which the audio of known phrases is kept; "" = in memory only."""
    phrase_cache_bytes: int = Field(default=100_000_000, ge=1_000_000)
    """So many bytes of them at most, 1 000 000 and more."""
    phrases: Phrases = ()
    """Texts, beside greeting, dialogue and fillers, that are the same in every call."""

    def speaker(self) -> Callable[[str], str]:
        """Return what turns a text into what the synthesizer is given."""
        return Speaker(self.pronunciations) if self.spell_out else str


class BudgetsConfig(Table):
    """`[budgets]`: what a call may take and cost. Each ends it with a reason of its own."""

    first_words_s: float = Field(default=10.0, gt=0, le=120)
    """From the end of the caller's turn to the agent's first words, above 0 to 120 s."""
    first_audio_s: float = Field(default=10.0, gt=0, le=120)
    """From the end of the caller's turn to the first audio of the reply, above 0 to 120 s."""
    tool_s: float = Field(default=20.0, gt=0, le=600)
    """One tool of the agent, above 0 to 600 s."""
    max_tokens: int = Field(default=0, ge=0)
    """Tokens of the agent's model in one call; 0 = no limit."""
    max_characters: int = Field(default=0, ge=0)
    """Characters spoken by the synthesizer in one call; 0 = no limit."""
    max_minutes: float = Field(default=0.0, ge=0, le=240)
    """Minutes that the agent talks with the caller (not with a transfer's target); 0 = no limit."""
    max_same_tool_calls: int = Field(default=5, ge=0, le=1000)
    """Calls of one tool with the same arguments in a row; 0 = no limit."""
    warn_left_s: float = Field(default=60.0, ge=0, le=3600)
    """The agent is told when so much is left of the call or of `max_minutes`; 0 = never."""

    def budgets(self) -> Budgets:
        """Return the limits as the call uses them."""
        return Budgets(**self.model_dump())


class FailoverConfig(Table):
    """`[failover]`: when the next provider of a fallback list is asked. See docs/providers.md."""

    first_words_s: float = Field(default=4.0, gt=0, le=60)
    """An agent may take so long for first words, or for the next piece, above 0 to 60 s."""
    first_audio_s: float = Field(default=2.5, gt=0, le=60)
    """A synthesizer may take so long for first audio, or for the next piece, above 0 to 60 s."""
    final_s: float = Field(default=4.0, gt=0, le=60)
    """A recognizer may take so long for the words of an utterance that has ended."""
    failures: int = Field(default=3, ge=1, le=100)
    """Failures in a row, in all calls, after which new calls begin with the next provider."""
    retry_s: float = Field(default=30.0, ge=1, le=3600)
    """So long after that one call tries it again; longer each time that this fails."""
    apology: Spoken = "I am sorry, one moment please."
    """Said once in a call, where an agent broke off in the middle of an answer; "" = nothing."""
