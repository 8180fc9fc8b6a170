"""AssemblyAI as the recognizer: Universal-Streaming over a socket."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from voiced.recognizer.assemblyai_wire import VARIABLE, AssemblyAiSettings, dialect
from voiced.recognizer.socket_recognizer import SocketRecognizer

if TYPE_CHECKING:
    from pydantic import BaseModel

    from voiced.recognizer.base import Vocabulary
    from voiced.recognizer.dialect import Dialect


class AssemblyAiRecognizer(SocketRecognizer[AssemblyAiSettings]):
    """`[recognizer] provider = "assemblyai"`."""

    Settings: ClassVar[type[BaseModel]] = AssemblyAiSettings
    variable = VARIABLE

    @classmethod
    def dialect(cls, settings: AssemblyAiSettings, key: str, vocabulary: Vocabulary) -> Dialect:
        """Return how it is spoken with."""
        return dialect(settings, key, vocabulary)
