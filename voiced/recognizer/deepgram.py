"""Deepgram as the recognizer: streaming over a socket, mu-law as it comes from the telephone."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from voiced.recognizer.deepgram_wire import VARIABLE, DeepgramSettings, dialect
from voiced.recognizer.socket_recognizer import SocketRecognizer

if TYPE_CHECKING:
    from pydantic import BaseModel

    from voiced.recognizer.base import Vocabulary
    from voiced.recognizer.dialect import Dialect


class DeepgramRecognizer(SocketRecognizer[DeepgramSettings]):
    """`[recognizer] provider = "deepgram"`."""

    Settings: ClassVar[type[BaseModel]] = DeepgramSettings
    variable = VARIABLE

    @classmethod
    def dialect(cls, settings: DeepgramSettings, key: str, vocabulary: Vocabulary) -> Dialect:
        """Return how it is spoken with."""
        return dialect(settings, key, vocabulary)
