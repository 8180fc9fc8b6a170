"""A dialogue agent that goes on where one in audio has failed, in the same call.

It is told what was said, heard and done. If the caller waits for an answer it apologizes, in its
own voice, and gives it; if not, it waits for the caller as the one before did. What the caller said
of which there are no words yet its recognizer hears from the beginning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from voiced.agent.base import CallerTurn, TakingOver
from voiced.agent.memory import CallerSpoke, UsedTools
from voiced.errors import ProviderError
from voiced.resilience.roster import trouble_in

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import trio

    from voiced.agent.base import Dialogue, Standing
    from voiced.agent.memory import Entry
    from voiced.audio.frame import Frame
    from voiced.call.conversation import Opening
    from voiced.call.reply import SpokenReply, Transfer
    from voiced.call.talkers import AudioTalker, DialogueTalker
    from voiced.leg.leg import EndReason
    from voiced.media.frame_pump import FramePump


class StandInTalker:
    """Fits `voiced.call.talkers.Talker`: an audio agent, and a dialogue agent once it has failed.

    Args:
        audio: who begins.
        stand_in: puts the other one to work on what the caller has said since a time.
        apology: said where the caller waits for an answer, once in a call; "" for nothing.
    """

    def __init__(
        self, audio: AudioTalker, stand_in: Callable[[float], DialogueTalker], apology: str
    ) -> None:
        self._audio = audio
        self._stand_in = stand_in
        self._apology = apology
        self._now: AudioTalker | DialogueTalker = audio
        self._words: DialogueTalker | None = None

    @property
    def unheard(self) -> trio.MemoryReceiveChannel[Any]:
        """What comes from the caller, for whoever talks now."""
        return self._now.unheard

    async def talk(self, failed_transfer: str | None) -> Transfer | EndReason:
        """Talk; raises what the stand-in raises."""
        if self._words is not None:
            return await self._words.talk(failed_transfer)
        try:
            return await self._audio.talk(failed_transfer)
        except (ProviderError, ExceptionGroup) as error:
            if trouble_in(error) is None:
                raise
        words, opening = self._take_over()
        return await words.talk(failed_transfer, opening)

    def _take_over(self) -> tuple[DialogueTalker, Opening | None]:
        line = self._audio.line
        self._audio.unheard.close()
        self._now = self._words = words = self._stand_in(line.standing.settled_at)
        return words, take_over(words.dialogue, line.past, line.standing, self._apology)

    async def leave_message(self, text: str) -> None:
        """Have whoever talks now leave it."""
        await self._now.leave_message(text)

    def key_pressed(self, key: str, at: float) -> None:
        """Tell whoever talks now."""
        self._now.key_pressed(key, at)


async def pump_all(pump: FramePump, frames: trio.MemoryReceiveChannel[Frame]) -> None:
    """Pump the caller's frames until they end; a task of the call. Closes `frames`."""
    with frames:
        await pump.run(frames)


def take_over(
    dialogue: Dialogue, past: Sequence[Entry], standing: Standing, apology: str
) -> Opening | None:
    """Tell a dialogue what is past; return its first reply, None where it has to greet."""
    if not past:
        return None
    told, turn = resume_point(past) if standing.owes_answer else (past, None)
    if isinstance(dialogue, TakingOver):
        dialogue.take_over(told)
    apology = "" if standing.has_apologized else apology

    async def go_on(reply: SpokenReply) -> None:
        if not standing.owes_answer:
            return  # it is the caller's go
        if apology:
            await reply.say(apology)
        if turn is None:
            await dialogue.prompt(1, reply)
        else:
            await dialogue.answer(turn, reply)

    return go_on


def resume_point(past: Sequence[Entry]) -> tuple[Sequence[Entry], CallerTurn | None]:
    """Return what was before the last turn of the caller, and that turn, to be answered again.

    What was done for it by tools stays in what was before, so that it is not done twice.
    """
    for index in reversed(range(len(past))):
        entry = past[index]
        if isinstance(entry, CallerSpoke):
            was_acted_on = any(isinstance(later, UsedTools) for later in past[index:])
            turn = CallerTurn(text=entry.text, confidence=1.0, digits=entry.digits)
            return (past if was_acted_on else past[:index]), turn
    return past, None
