"""The decoder in this process: for tests on a virtual clock and for replay.

Not for a daemon: while it decodes, which takes up to 0.3 s, nothing else runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from voiced.recognizer.worker_wire import vocabulary_key

if TYPE_CHECKING:
    from voiced.audio.frame import Pcm
    from voiced.recognizer.base import Vocabulary
    from voiced.recognizer.worker_wire import Loaded, Transcript


class InlineDecoder:
    """The same decoding as in a worker; takes no time on trio's virtual clock unless told to.

    Args:
        latency_s: how long each decode seems to take.
    """

    def __init__(self, *, latency_s: float = 0.0) -> None:
        from voiced.recognizer.sphinx import SphinxDecoder

        self._decoder = SphinxDecoder()
        self._latency_s = latency_s

    async def prepare(self, vocabulary: Vocabulary) -> Loaded:
        """Load the vocabulary."""
        await trio.lowlevel.checkpoint()
        return self._decoder.load(vocabulary_key(vocabulary), vocabulary.sentences)

    async def decode(self, pcm: Pcm, vocabulary: Vocabulary) -> Transcript:
        """Return the words of 8 kHz `pcm`."""
        await trio.sleep(self._latency_s)
        self._decoder.load(vocabulary_key(vocabulary), vocabulary.sentences)
        return self._decoder.decode(vocabulary_key(vocabulary), pcm)
