"""What may be set about turn-taking, in seconds and words. Pure."""

from __future__ import annotations

from dataclasses import dataclass

BACK_CHANNEL = (
    "mhm", "mm", "mmm", "hm", "hmm", "uh huh", "aha", "ah", "oh", "yes", "yeah", "yep", "ok",
    "okay", "right", "sure", "i see", "all right", "alright", "great", "good", "fine",
)  # fmt: skip

FAREWELL = (
    "bye", "goodbye", "good bye", "bye bye", "thanks", "thank you", "you too", "have a nice day",
    "thanks bye", "thank you bye", "thank you goodbye", "thank you very much",
)  # fmt: skip

# Left out is what may well be the end: "yes it is", "what for", "come on in".
UNFINISHED = (
    "a", "an", "and", "because", "but", "er", "erm", "from", "i", "my", "of", "or", "the", "to",
    "uh", "um", "with", "your",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnRules:
    """What the operator may set. Delays count from the caller's last voice.

    Attributes:
        silence_timeout_s: nobody spoke for so long: the caller is prompted.
        max_prompts: with so many in a row without a word of the caller, the call is ended.
        no_words_timeout_s: somebody makes sounds, but no word came for so long: prompted too.
        barge_in: the caller may interrupt at all.
        interrupt_after_s: voice beyond the detector's own minimum, before the agent falls silent.
        interrupt_words: words that it takes; 0: the agent falls silent at the voice, and goes on
            if no words come.
        sure_s: speech over the agent is an interruption, understood or not, if its end has not been
            decided so long after it silenced him; the silence that decides it is part of that.
        false_alarm_s: after speech over the agent its words are waited for so long.
        back_channel: what does not interrupt, as whole utterances.
        farewell: what does not interrupt a goodbye.
        dynamic: end a turn sooner or later by what was said, else always after `delay_s`.
        min_delay_s: after a complete answer.
        delay_s: when nothing is known about it.
        max_delay_s: after words that go on, and in spelling; less if the last word is doubtful.
        unfinished: last words of what is not finished.
        speculate: begin to think before the turn is certain to be over.
        stable_s: a transcript that has not changed for so long is thought about.
        filler_after_s: say a filler when no answer sounds so long after the turn; inf: never.
        fillers: said in turn.
    """

    silence_timeout_s: float = 10.0
    max_prompts: int = 5
    no_words_timeout_s: float = 30.0
    barge_in: bool = True
    interrupt_after_s: float = 0.0
    interrupt_words: int = 0
    sure_s: float = 1.5
    false_alarm_s: float = 1.0
    back_channel: frozenset[str] = frozenset(BACK_CHANNEL)
    farewell: frozenset[str] = frozenset(FAREWELL)
    dynamic: bool = True
    min_delay_s: float = 0.45
    delay_s: float = 0.6
    max_delay_s: float = 1.8
    unfinished: frozenset[str] = frozenset(UNFINISHED)
    speculate: bool = True
    stable_s: float = 0.3
    filler_after_s: float = float("inf")
    fillers: tuple[str, ...] = ()
