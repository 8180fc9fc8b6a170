"""What is said the same in every call, known before any: the texts that may be kept. Pure.

They come from the configuration (greeting, fillers, `[speech] phrases`) and from agents that say
what their texts are (`phrases`). A sentence with a place in it for something of the call is left
out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from voiced.agent.sentences import split_sentences

if TYPE_CHECKING:
    from collections.abc import Iterable

    from voiced.config import Config
    from voiced.config.table import ProviderConfig

_SETTINGS = ("greeting", "at_a_loss")
"""Keys of agents that hold a text which is said as it stands."""


def texts_of_config(config: Config, agent: ProviderConfig) -> list[str]:
    """Return the texts of a line's configuration whose agent is `agent`."""
    own = [getattr(agent.settings, name, "") for name in _SETTINGS]
    return [*config.speech.phrases, *config.turns.fillers, *map(str, own)]


def known_phrases(config: Config, texts: Iterable[str]) -> set[str]:
    """Return the sentences of `texts` as a synthesizer is given them."""
    spoken = config.speech.speaker()
    sentences = (sentence for text in texts for sentence in (text, *split_sentences(text)))
    return {spoken(sentence) for sentence in sentences if sentence and "{" not in sentence}
