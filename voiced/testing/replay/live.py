"""The real providers in a replay: those that come with voiced, in place of threads and processes.

The virtual clock runs on while a thread or a process works. So the embedded recognizer decodes in
place, and takes `DECODE_S` of the call's time for it; the embedded synthesizer takes none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import trio

from voiced.server.staff import open_staff
from voiced.services.services import Staff

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AsyncExitStack

    from voiced.config import Config
    from voiced.recognizer.base import Recognizer
    from voiced.synthesizer.phrase import Phrase

DECODE_S = 0.2
"""From the end of an utterance to its words: what one takes on a small machine."""

_EMBEDDED = {
    "recognizer": {"embedded"},
    "agent": {"script", "echo"},
    "synthesizer": {"flite"},
}


def is_embedded(config: Config) -> bool:
    """Whether all providers of `config` can work on the virtual clock."""
    choices = {table: getattr(config, table) for table in _EMBEDDED}
    return all(
        choice.provider in _EMBEDDED[table] and not choice.fallback
        for table, choice in choices.items()
    )


async def open_live_staff(config: Config, stack: AsyncExitStack) -> Staff:
    """Open the providers of `config`; `stack` closes them. Raises StartupError."""
    if not is_embedded(config) or config.agent.provider == "echo":
        return (await open_staff(config, stack))[""]
    # Imported here: they load the speech libraries, which a usual replay does not need.
    from voiced.agent.script import ScriptAgent
    from voiced.recognizer.embedded import EmbeddedRecognizer
    from voiced.recognizer.inline import InlineDecoder
    from voiced.recognizer.silero import SileroNetwork
    from voiced.synthesizer.flite import FliteSynthesizer

    recognizer = EmbeddedRecognizer(
        config.recognizer.settings, InlineDecoder(latency_s=DECODE_S), SileroNetwork()
    )
    return Staff(
        agent=await stack.enter_async_context(ScriptAgent.open(config.agent.settings)),
        recognizer=cast("Recognizer", recognizer),
        synthesizer=await stack.enter_async_context(
            FliteSynthesizer.open(config.synthesizer.settings, run_sync=_in_place)
        ),
    )


async def _in_place(work: Callable[[], Phrase]) -> Phrase:
    await trio.lowlevel.checkpoint()
    return work()
