"""Telnyx as the recognizer: its speech-to-text socket, with one of the engines behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from voiced.recognizer.socket_recognizer import SocketRecognizer
from voiced.recognizer.telnyx_wire import VARIABLE, TelnyxSettings, dialect

if TYPE_CHECKING:
    from pydantic import BaseModel

    from voiced.recognizer.base import Vocabulary
    from voiced.recognizer.dialect import Dialect


class TelnyxRecognizer(SocketRecognizer[TelnyxSettings]):
    """`[recognizer] provider = "telnyx"`."""

    Settings: ClassVar[type[BaseModel]] = TelnyxSettings
    variable = VARIABLE

    @classmethod
    def dialect(cls, settings: TelnyxSettings, key: str, vocabulary: Vocabulary) -> Dialect:
        """Return how it is spoken with."""
        return dialect(settings, key, vocabulary)
