"""What an agent is: the mind behind the voice.

Two kinds. A *dialogue* agent is given what the caller said and answers in words; recognizer and
synthesizer are ours. An *audio* agent is given frames and answers in audio (echo, speech-to-speech
models). Name the class in the entry-point group `voiced.agents`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager

    import trio
    from pydantic import BaseModel

    from voiced.agent.memory import Entry
    from voiced.audio.frame import Frame, Pcm
    from voiced.recognizer.base import Vocabulary
    from voiced.record.heard import HeardPiece
    from voiced.record.journal import JournalEvent
    from voiced.telnyx.commands import LegCommand
    from voiced.telnyx.events import GatherEnded
    from voiced.turns.budgets import Spending
    from voiced.turns.expect import Expectation
    from voiced.turns.rules import TurnRules


@dataclass(frozen=True, slots=True, kw_only=True)
class CallInfo:
    """What an agent may know of its call. Numbers are personal data: never log them as text."""

    call_id: str
    caller: str
    called: str
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerTurn:
    """What the caller said and keyed in in one turn.

    Attributes:
        text: as the recognizer understood it; "" if no word was.
        confidence: 0..1 of the text; 1 where only keys were pressed.
        digits: keys pressed, of `0-9A-D*#`, without a terminator. Personal data, like the words.
    """

    text: str
    confidence: float
    digits: str = field(default="", repr=False)


class Phone(Protocol):
    """What an agent may do to its call beside speaking; `voiced.leg.phone.Phone` says all of it.

    Methods that wait for an end take `within_s`; what is cancelled or takes longer is stopped. All
    raise CommandFailed where Telnyx refuses; further `arguments` are those of the command.
    """

    async def do(self, kind: type[LegCommand], **arguments: Any) -> Mapping[str, Any]:
        """Send a command of `voiced.telnyx.commands` to this leg; return the answer's `data`."""
        ...

    async def speak(self, text: str, *, protected: bool = False, **arguments: Any) -> bool:
        """Have Telnyx speak `text` in its own voice; True once it was spoken to its end."""
        ...

    async def play(self, audio_url: str, *, protected: bool = False, **arguments: Any) -> bool:
        """Have Telnyx play a file; True once it was played to its end."""
        ...

    async def stop_playing(self) -> None:
        """Stop what Telnyx speaks or plays."""
        ...

    async def press(self, digits: str, **arguments: Any) -> None:
        """Press keys, `0-9A-D*#`, `w` waits half a second, `W` a whole one."""
        ...

    async def gather(self, **arguments: Any) -> GatherEnded | None:
        """Have Telnyx collect keys; its answer has `digits` and `status`. None: never told."""
        ...

    async def gather_using_speak(self, text: str, **arguments: Any) -> GatherEnded | None:
        """Have Telnyx speak `text` and collect keys."""
        ...

    async def gather_using_audio(self, audio_url: str, **arguments: Any) -> GatherEnded | None:
        """Have Telnyx play a file and collect keys."""
        ...

    async def suppress_noise(self, on: bool, **arguments: Any) -> None:
        """Have Telnyx take noise out of the caller's audio, or no longer."""
        ...

    async def refer(self, sip_address: str, **arguments: Any) -> bool:
        """Ask the far end to call `sip_address` instead; True if it has taken that."""
        ...

    async def bridge(self, call_id: str, **arguments: Any) -> None:
        """Join this leg to another live one; returns only if nothing has come of it."""
        ...

    async def set_client_state(self, text: str) -> None:
        """Attach `text` to the leg: Telnyx shows it in webhooks and portal. No secrets."""
        ...

    async def stop_streaming(self) -> None:
        """End the media stream; the call goes on, with nobody to hear or to speak to."""
        ...

    async def start_streaming(self) -> None:
        """Have the media stream back."""
        ...

    async def start_recording(self) -> bool:
        """Have Telnyx record the call; False if it does already, or cannot."""
        ...

    async def stop_recording(self) -> bool:
        """Stop Telnyx's recording; False if there is none, or it goes on."""
        ...

    async def pause_recording(self) -> None:
        """Let nothing of the call be recorded, as while a card number is told."""
        ...

    async def resume_recording(self) -> None:
        """Go on after `pause_recording`."""
        ...

    def recording_paused(self) -> AbstractAsyncContextManager[None]:
        """Let nothing of what happens inside be recorded; goes on however it is left."""
        ...


class Reply(Protocol):
    """The agent's side of one turn. Runs in its own cancel scope: barge-in cancels it."""

    @property
    def phone(self) -> Phone:
        """What the agent may do to the call beside speaking."""
        ...

    async def say(self, text: str | AsyncIterable[str], *, protected: bool = False) -> None:
        """Speak `text`; returns when its audio is queued, not when it has been heard.

        Args:
            text: one or more sentences for the ear; or a model's stream of pieces of any length,
                which is spoken sentence by sentence as it comes. A generator is closed.
            protected: barge-in does not interrupt this passage.
        """
        ...

    async def wait_heard(self) -> None:
        """Wait until the caller has heard what was said so far."""
        ...

    def fill(self, text: str) -> None:
        """Say `text` to bridge a wait, as that for a tool, if nothing else is being said.

        It counts as no answer: no latency is measured by it. Never waits.
        """
        ...

    def spend(self, tokens: int) -> None:
        """Count tokens of a model. Raises BudgetSpent past `[budgets] max_tokens`: let it rise."""
        ...

    def tool(self, name: str, arguments: str = "") -> AbstractAsyncContextManager[None]:
        """Enter a tool's run: `async with reply.tool("lookup", arguments): ...`.

        Raises:
            ProviderTooSlow: it took longer than `[budgets] tool_s`.
            BudgetSpent: it was run with the same arguments too often in a row.
        """
        ...

    def expect(self, what: Expectation) -> None:
        """Say what the caller will answer to this reply; the last call counts.

        It sets how long the caller is waited for, and how keys are put together to a number.
        Without a call, free speech is expected.
        """
        ...

    def hang_up(self) -> None:
        """End the call once everything said in this reply has been heard."""
        ...

    def transfer(self, to: str, briefing: str = "") -> None:
        """Transfer the caller to `to` (E.164 or SIP URI) once everything said has been heard.

        With a `briefing` the transfer is warm: the target is rung, told the briefing, and asked to
        take the call; only then are both connected.
        """
        ...


class Dialogue(Protocol):
    """One conversation of a dialogue agent; made anew for each call."""

    async def open(self, reply: Reply) -> None:
        """Greet the caller."""
        ...

    async def answer(self, turn: CallerTurn, reply: Reply) -> None:
        """Answer one turn of the caller."""
        ...

    async def prompt(self, silences: int, reply: Reply) -> None:
        """Nobody has spoken for the silence timeout, for the `silences`-th time in a row."""
        ...

    async def transfer_failed(self, reason: str, reply: Reply) -> None:
        """The caller is back: the transfer did not come about.

        `reason` says why in a word or two (`busy`, `no answer`, `declined`, `unreachable` ...).
        """
        ...

    def interrupted(self, heard: str) -> None:
        """The last reply was cut by barge-in; `heard` is the part the caller did hear."""
        ...


@runtime_checkable
class Remembering(Protocol):
    """What a dialogue may have beside that, to hold what was heard and no more. Neither waits.

    Without `withdrawn` a dialogue may be asked to answer a turn, and then the same turn with more
    words: `answer` has then been cancelled, and nothing of it was heard.
    """

    def withdrawn(self) -> None:
        """The last reply was dropped before any of it could be heard: it never was, nor its turn.

        The caller went on speaking; `answer` comes again with all the words.
        """
        ...

    def heard(self, pieces: Sequence[HeardPiece]) -> None:
        """Tell what became of the last reply, piece by piece; once for each that sounded."""
        ...


@runtime_checkable
class TakingOver(Protocol):
    """What a dialogue may have to go on where another agent of a fallback list had to stop."""

    def take_over(self, past: Sequence[Entry]) -> None:
        """Learn what was said and heard before; neither waits nor raises.

        Comes before anything else, right after `begin`; `open` may never come then.
        """
        ...


@runtime_checkable
class HandingOver(Protocol):
    """What a dialogue may have to tell the next agent of a fallback list what it has done."""

    def hand_over(self) -> Sequence[Entry]:
        """Return what was said, heard and done so far; neither waits nor raises.

        The turn that it has failed to answer is left out, unless something was done for it: the
        next agent is given that turn again.
        """
        ...


@runtime_checkable
class TimeAware(Protocol):
    """What a dialogue may have to end in time."""

    async def time_is_short(self, left_s: float, reply: Reply) -> None:
        """The call will be cut in `left_s` seconds; comes once, when it is nobody's go."""
        ...


@runtime_checkable
class DialogueAgent(Protocol):
    """One per daemon; `begin` makes a call's dialogue."""

    Settings: ClassVar[type[BaseModel]]
    vocabulary: Vocabulary

    @classmethod
    def open(cls, settings: Any) -> AbstractAsyncContextManager[DialogueAgent]:
        """Acquire what lives as long as the daemon. Raises StartupError with the remedy."""
        ...

    # Optional: `phrases`, texts that it says the same in every call. They may be kept on the disk
    # as audio, so none may hold anything of a caller; sentences with braces are left out.

    # Optional, of any provider: `check(settings)`, a class method that raises ConfigError with all
    # faults of what the settings name (files, libraries); `voiced check` calls it.

    def begin(self, call: CallInfo) -> Dialogue:
        """Return a fresh dialogue for one call; neither waits nor raises."""
        ...


@dataclass(slots=True, kw_only=True)
class Standing:
    """Where a conversation in audio stands, beside what is past: for whoever has to take over.

    Attributes:
        owes_answer: the caller waits for an answer to the last turn that is past.
        settled_at: of what the caller said after that (trio time) nothing is past: whoever takes
            over hears it again, 30 s at most. inf: nothing is to be heard again.
        has_apologized: the caller was apologized to, which is done once in a call.
    """

    owes_answer: bool = False
    settled_at: float = float("inf")
    has_apologized: bool = False


class AudioLine(Protocol):
    """An audio agent's way to the caller."""

    phone: Phone
    """What the agent may do to the call beside speaking."""

    past: list[Entry]
    """What was said and heard so far, in this call: for the agent to add to. It is there still when
    `converse` comes again after a transfer that failed, or for the next agent of a list."""

    failed_transfer: str
    """Why the caller is back from a transfer (`busy` ...); "" if there was none."""

    ends_at: float
    """When the call, or the agent's share of it, will be cut: trio time, inf for never."""

    rules: TurnRules
    """`[call]` and `[turns]`: how long a silence may be, whether the caller may interrupt."""

    spending: Spending
    """What the call has cost, and its `budgets`. Count tokens and tools here; BudgetSpent is to be
    let rise. The time of first audio is the agent's own to keep: AgentTooSlow."""

    standing: Standing
    """Where the conversation stands, for the agent to fill in: whoever takes over goes by it."""

    def note(self, event: JournalEvent, /) -> None:
        """Tell the record what was said and heard: `CallerSaid`, `AgentSpeaking`, `AgentHeard` ...

        Of an agent that notes nothing the record has no words.
        """
        ...

    def transfer(self, to: str, briefing: str = "") -> None:
        """Transfer the caller to `to` once `converse` has returned, warm with a `briefing`."""
        ...

    def nobody_speaks(self) -> None:
        """Say that `converse` returns because the caller has not spoken for too long."""
        ...

    def take_keys(self, take: Callable[[str], None], /) -> None:
        """Have `take` told of each key of the caller, one of `0-9A-D*#`, until `converse` ends."""
        ...

    def mark(self, when_played: Callable[[str], None]) -> object:
        """Be told, with a name, when the caller has heard all that is queued by now.

        Not if it is cleared before.
        """
        ...

    @property
    def position_s(self) -> float:
        """Where audio queued now will begin on the playout timeline, in seconds; see `clear`."""
        ...

    async def play(self, pcm: Pcm, rate_hz: int) -> None:
        """Queue audio for the caller; waits while enough is queued."""
        ...

    def clear(self) -> float:
        """Drop all queued audio, here and at Telnyx; return how far the timeline was played."""
        ...

    @property
    def unplayed_s(self) -> float:
        """Seconds of audio that the caller has still to hear, here and at Telnyx."""
        ...


@runtime_checkable
class AudioAgent(Protocol):
    """One per daemon; `converse` runs once for each call, as its agent task."""

    Settings: ClassVar[type[BaseModel]]
    rate_hz: int

    @classmethod
    def open(cls, settings: Any) -> AbstractAsyncContextManager[AudioAgent]:
        """Acquire what lives as long as the daemon. Raises StartupError with the remedy."""
        ...

    async def converse(
        self, call: CallInfo, frames: trio.MemoryReceiveChannel[Frame], line: AudioLine
    ) -> None:
        """Hold the conversation until `frames` ends; returning earlier hangs the call up."""
        ...
