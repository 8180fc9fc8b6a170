"""Everybody who serves a call, noted."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from voiced.agent.base import AudioAgent
from voiced.flight.header import is_repeatable
from voiced.flight.taps.audio_agent import TappedAudioAgent
from voiced.flight.taps.dialogue import TappedDialogueAgent
from voiced.flight.taps.recognizer import TappedRecognizer
from voiced.flight.taps.synthesizer import TappedSynthesizer
from voiced.services.services import Staff

if TYPE_CHECKING:
    from voiced.agent.base import DialogueAgent
    from voiced.flight.notes import Notes
    from voiced.recognizer.base import Recognizer
    from voiced.synthesizer.base import Synthesizer


def tap_staff(staff: Staff, notes: Notes) -> Staff:
    """Return `staff` with everything noted in `notes`."""
    recognizer, synthesizer, stand_in = staff.recognizer, staff.synthesizer, staff.stand_in
    # The casts: taps are made, not opened, and so lack `Settings` and `open`.
    return Staff(
        agent=_tap_agent(staff.agent, notes),
        stand_in=stand_in and cast("DialogueAgent", TappedDialogueAgent(stand_in, notes)),
        recognizer=recognizer and cast("Recognizer", TappedRecognizer(recognizer, notes)),
        synthesizer=synthesizer and cast("Synthesizer", TappedSynthesizer(synthesizer, notes)),
    )


def _tap_agent(agent: DialogueAgent | AudioAgent, notes: Notes) -> DialogueAgent | AudioAgent:
    if not isinstance(agent, AudioAgent):
        return cast("DialogueAgent", TappedDialogueAgent(agent, notes))
    return agent if is_repeatable(agent) else cast("AudioAgent", TappedAudioAgent(agent, notes))
