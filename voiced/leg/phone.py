"""What an agent may do to its call, beside speaking: Telnyx's commands, and waiting for their end.

`do` sends any command of a leg, checked when it is made. What ends by a webhook (a text that Telnyx
speaks, a file, keys that are gathered, a referral) has a method that waits for it, with a deadline.

The phone of a reply (`Phone.on`) does nothing before the caller's turn is certain, and what it does
counts as sounding: an interruption cancels it, as it does our own voice.
"""

from __future__ import annotations

from base64 import b64encode
from contextlib import (
    AbstractAsyncContextManager,
    asynccontextmanager,
    contextmanager,
    nullcontext,
)
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import trio

from voiced.errors import AgentFailed, CallGone, CommandFailed, LocalProtocolError
from voiced.telnyx import commands
from voiced.telnyx.events import (
    GatherEnded,
    PlaybackEnded,
    ReferCompleted,
    ReferFailed,
    SpeakEnded,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    from voiced.leg.actions import LegActions
    from voiced.telnyx.commands import BaseCommand, LegCommand

_Ended = TypeVar("_Ended", SpeakEnded, PlaybackEnded, GatherEnded)

LETTERS_PER_S = 10.0
"""Slow speech: how long a text may take at most, beside `GRACE_S`."""

GRACE_S = 5.0
"""For Telnyx to begin, and to tell us of the end."""

KEY_MS = 250
BETWEEN_KEYS_S = 0.1
"""Telnyx's default for a key, in milliseconds, and the pause after it."""

_WAITS_S = {"w": 0.5, "W": 1.0}

GATHER_MS = 60_000
GATHER_TRIES = 3
"""Telnyx's defaults of a gather: milliseconds for the keys, rounds of a prompt."""

BRIDGED_S = 3.0
"""An accepted bridge that Telnyx does not tell of has come about after so long."""

PROMPT_S = 60.0
"""How long a file that asks for keys may be."""

_INSTEAD: Mapping[type[BaseCommand], str] = {
    commands.Hangup: "hang_up of the reply",
    commands.Transfer: "transfer of the reply",
    commands.StreamingStart: "start_streaming",
    commands.StreamingStop: "stop_streaming",
    commands.RecordStart: "start_recording",
    commands.RecordPause: "pause_recording",
    commands.RecordResume: "resume_recording",
    commands.RecordStop: "stop_recording",
}
"""What the call must know of, or it would take it for somebody else's doing."""


class Recordings(Protocol):
    """Everything that records the call: Telnyx, when it does, and `audio.wav`."""

    async def start(self) -> bool:
        """Have Telnyx record; False if it does already, or cannot."""
        ...

    async def pause(self) -> None:
        """Let nothing be recorded from now on; raises CommandFailed where Telnyx goes on."""
        ...

    def unpause(self) -> None:
        """Take one pause back; `settle` lets Telnyx go on, too. Never waits."""
        ...

    async def settle(self) -> None:
        """Bring Telnyx to where we are; raises CommandFailed if that is not known to be done."""
        ...

    async def stop(self) -> bool:
        """Stop Telnyx's recording; False if there is none, or it goes on."""
        ...


class PhoneLine(Protocol):
    """The call, as far as what the agent does changes it. None of these waits."""

    def stream_off(self) -> None:
        """Take the stream's end for the agent's doing, from now on."""
        ...

    def stream_on(self) -> None:
        """Start the stream again once it has ended."""
        ...

    def bridged(self) -> None:
        """Our leg was joined to another: only its end is waited for."""
        ...


class Stage(Protocol):
    """Where what the agent does is seen: its reply."""

    def acting(self, *, protected: bool) -> AbstractAsyncContextManager[None]:
        """Enter something that the agent does; `protected` from interruption."""
        ...


class _AnyTime:
    """The stage of agents who have no replies."""

    def acting(self, *, protected: bool) -> AbstractAsyncContextManager[None]:
        del protected
        return nullcontext()


class Phone:
    """One call's telephone.

    All methods raise CommandFailed where Telnyx refuses or cannot be reached (CallGone: the leg has
    ended; then the call ends, too), and LocalProtocolError for arguments that cannot be sent.

    A wait that is cancelled, or lasts longer than `within_s`, ends what it waited for.
    """

    def __init__(
        self,
        actions: LegActions,
        recordings: Recordings,
        line: PhoneLine,
        *,
        voice: str,
        stage: Stage | None = None,
    ) -> None:
        """Act by `actions`; `voice` is Telnyx's own, for `speak`."""
        self._actions = actions
        self._recordings = recordings
        self._line = line
        self._voice = voice
        self._stage = stage or _AnyTime()

    def on(self, stage: Stage) -> Phone:
        """Return the same phone for one reply."""
        return Phone(self._actions, self._recordings, self._line, voice=self._voice, stage=stage)

    async def do(self, kind: type[LegCommand], **arguments: Any) -> Mapping[str, Any]:
        """Send a command of `voiced.telnyx.commands` to this leg; return the answer's `data`.

        Each call of this method is a new command to Telnyx, told apart by its `purpose`. Commands
        that the call must know of (transfer, hangup, streaming, recording) are refused.
        """
        if kind in _INSTEAD:
            raise LocalProtocolError(f"{kind.action}: use {_INSTEAD[kind]}")
        async with self._stage.acting(protected=False):
            return await self._actions.do(kind, **arguments)

    # -- sound ---------------------------------------------------------------------------------

    async def speak(
        self,
        text: str,
        *,
        voice: str | None = None,
        within_s: float | None = None,
        protected: bool = False,
        **arguments: Any,
    ) -> bool:
        """Have Telnyx speak `text` in its own voice; True once it was spoken to its end.

        Args:
            text: 1 to 3000 characters.
            voice: `Provider.Model.Voice`; None for `[call] apology_voice`.
            within_s: it is stopped then; None for as long as the text may take.
            protected: the caller does not interrupt it.
            arguments: more of `commands.Speak`.
        """
        limit_s = speaking_s(text) if within_s is None else within_s
        ended = await self._carry_out(
            commands.Speak,
            SpeakEnded,
            commands.PlaybackStop,
            limit_s,
            protected=protected,
            payload=text,
            voice=voice or self._voice,
            **arguments,
        )
        return ended is not None and ended.status == "completed"

    async def play(
        self,
        audio_url: str | None = None,
        *,
        within_s: float = 600.0,
        protected: bool = False,
        **arguments: Any,
    ) -> bool:
        """Have Telnyx play a file (mp3 or wav); True once it was played to its end.

        Args:
            audio_url: where Telnyx fetches it; None with `media_name` or `playback_content`.
            within_s: it is stopped then.
            protected: the caller does not interrupt it.
            arguments: more of `commands.PlaybackStart`.
        """
        ended = await self._carry_out(
            commands.PlaybackStart,
            PlaybackEnded,
            commands.PlaybackStop,
            within_s,
            protected=protected,
            audio_url=audio_url,
            **arguments,
        )
        return ended is not None and ended.status == "completed"

    async def stop_playing(self) -> None:
        """Stop what Telnyx speaks or plays, and what waits behind it."""
        await self.do(commands.PlaybackStop)

    async def suppress_noise(self, on: bool, **arguments: Any) -> None:
        """Take noise out of the caller's audio, or no longer; arguments of `SuppressionStart`."""
        await self.do(commands.SuppressionStart if on else commands.SuppressionStop, **arguments)

    # -- keys ----------------------------------------------------------------------------------

    async def press(self, digits: str, **arguments: Any) -> None:
        """Press keys, `0-9A-D*#`, `w` waits half a second, `W` a whole one; wait until it is done.

        Arguments of `commands.SendDtmf`: `duration_millis` of each key, 100 to 500.
        """
        key_s = arguments.get("duration_millis", KEY_MS) / 1000 + BETWEEN_KEYS_S
        async with self._stage.acting(protected=False):
            await self._actions.do(commands.SendDtmf, digits=digits, **arguments)
            await trio.sleep(sum(_WAITS_S.get(key, key_s) for key in digits))

    async def gather(
        self, *, within_s: float | None = None, **arguments: Any
    ) -> GatherEnded | None:
        """Have Telnyx collect keys; None if it never told the end.

        Meanwhile keys are Telnyx's and not the dialogue's, and nothing said is a turn. The answer
        has `digits` and a `status`: valid, invalid, timeout, cancelled, call_hangup.

        Args:
            within_s: it is stopped then; None for as long as Telnyx itself may take.
            arguments: of `commands.Gather`: `maximum_digits`, `terminating_digit` ...
        """
        return await self._gather(commands.Gather, within_s, **arguments)

    async def gather_using_speak(
        self,
        text: str,
        *,
        voice: str | None = None,
        within_s: float | None = None,
        **arguments: Any,
    ) -> GatherEnded | None:
        """Have Telnyx speak `text` and collect keys, as `gather`."""
        arguments |= {"payload": text, "voice": voice or self._voice}
        spoken_s = speaking_s(text + arguments.get("invalid_payload", ""))
        return await self._gather(commands.GatherUsingSpeak, within_s, spoken_s, **arguments)

    async def gather_using_audio(
        self, audio_url: str | None = None, *, within_s: float | None = None, **arguments: Any
    ) -> GatherEnded | None:
        """Have Telnyx play a file and collect keys, as `gather`."""
        arguments["audio_url"] = audio_url
        return await self._gather(commands.GatherUsingAudio, within_s, PROMPT_S, **arguments)

    async def _gather(
        self,
        kind: type[LegCommand],
        within_s: float | None,
        prompt_s: float | None = None,
        **arguments: Any,
    ) -> GatherEnded | None:
        if within_s is None:
            tries = 1 if prompt_s is None else arguments.get("maximum_tries", GATHER_TRIES)
            keys_s = arguments.get("timeout_millis", GATHER_MS) / 1000
            within_s = tries * (keys_s + (prompt_s or 0.0)) + GRACE_S
        return await self._carry_out(
            kind, GatherEnded, commands.GatherStop, within_s, protected=True, **arguments
        )

    # -- other legs, the leg itself ------------------------------------------------------------

    async def refer(self, sip_address: str, *, within_s: float = 60.0, **arguments: Any) -> bool:
        """Ask the far end to call `sip_address` instead; True if it has taken that.

        Then it hangs up, which ends the call. Arguments of `commands.Refer`.
        """
        async with self._stage.acting(protected=True):
            told = await self._actions.do_and_wait(
                commands.Refer,
                (ReferCompleted, ReferFailed),
                within_s,
                sip_address=sip_address,
                **arguments,
            )
        return isinstance(told, ReferCompleted)

    async def set_client_state(self, text: str) -> None:
        """Attach `text` to the leg: Telnyx shows it in webhooks and portal. No secrets."""
        state = b64encode(text.encode()).decode()
        await self.do(commands.ClientStateUpdate, client_state=state)

    async def stop_streaming(self) -> None:
        """End the media stream; the call goes on, with nobody to hear or to speak to.

        What is said to the caller meanwhile waits for `start_streaming`. The call is still billed.
        """
        async with self._stage.acting(protected=True):
            self._line.stream_off()
            try:
                await self._actions.do(commands.StreamingStop)
            except CommandFailed:
                self._line.stream_on()
                raise

    async def start_streaming(self) -> None:
        """Have the media stream back after `stop_streaming`; does not wait until it is there.

        A stream that does not come about ends the call, as one that is lost.
        """
        async with self._stage.acting(protected=False):
            self._line.stream_on()

    async def bridge(self, call_id: str, *, within_s: float = 10.0, **arguments: Any) -> None:
        """Join this leg to another live one.

        Returns only if nothing has come of it: once the legs are joined, the agents of both have
        nothing more to say, and each call ends with its leg.

        Args:
            call_id: the `call_id` of the other call (its call_control_id).
            within_s: for Telnyx to take the command and to tell that it is done.
            arguments: more of `commands.Bridge`.
        """
        async with self._stage.acting(protected=True):
            with trio.move_on_after(within_s):
                await self._actions.do(commands.Bridge, other=call_id, **arguments)
                # `call.bridged` makes the call cancel us. If it is lost, both are joined all the
                # same, and the agent must not talk into it.
                await trio.sleep(BRIDGED_S)
                self._line.bridged()
                await trio.sleep_forever()

    # -- recordings ----------------------------------------------------------------------------

    async def start_recording(self) -> bool:
        """Have Telnyx record the call; False if it does already, or cannot ([recording] telnyx).

        The file comes into the call's directory soon after `stop_recording`, or after the call.
        """
        async with self._stage.acting(protected=False):
            return await self._recordings.start()

    async def stop_recording(self) -> bool:
        """Stop Telnyx's recording; False if there is none, or it goes on."""
        async with self._stage.acting(protected=False):
            return await self._recordings.stop()

    async def pause_recording(self) -> None:
        """Let nothing of the call be recorded, as while a card number is told.

        Telnyx pauses, `audio.wav` is silent, words and keys stay out of the record, and the flight
        recording ends there for good. Nothing goes on by itself: call `resume_recording`, or use
        `recording_paused`.

        Raises:
            CommandFailed: Telnyx may go on recording: do not ask for the number.
        """
        async with self._stage.acting(protected=False):
            await self._recordings.pause()

    async def resume_recording(self) -> None:
        """Go on after `pause_recording`: as often as that was called. Not waited for."""
        async with self._stage.acting(protected=False):
            self._go_on_recording()

    @asynccontextmanager
    async def recording_paused(self) -> AsyncIterator[None]:
        """Let nothing of what happens inside be recorded, as `pause_recording`.

            async with reply.phone.recording_paused():
                card = await reply.phone.gather_using_speak("Key in your card number, then pound.")

        Recording goes on however this is left: the call sees to it, not who may be cancelled.
        """
        async with self._stage.acting(protected=False):
            pass
        is_paused = True  # from the first step on, even if the rest of it is cancelled
        try:
            try:
                await self._recordings.pause()
            except CommandFailed:
                is_paused = False
                raise
            yield
        finally:
            if is_paused:
                self._go_on_recording()

    def _go_on_recording(self) -> None:
        self._recordings.unpause()
        self._actions.leave(self._recordings.settle)

    # -- how it is done ------------------------------------------------------------------------

    async def _carry_out(
        self,
        kind: type[LegCommand],
        ends_by: type[_Ended],
        stop_by: type[LegCommand],
        within_s: float,
        *,
        protected: bool,
        **arguments: Any,
    ) -> _Ended | None:
        """Do something that ends by an event, and wait for that; what is given up is stopped."""
        may_go_on = True
        async with self._stage.acting(protected=protected):
            try:
                ended = await self._actions.do_and_wait(kind, (ends_by,), within_s, **arguments)
                may_go_on = ended is None
            except CallGone:
                may_go_on = False
                raise
            finally:
                if may_go_on and not self._actions.leg.is_gone:
                    self._actions.leave(partial(self._stop, stop_by))
        return ended

    async def _stop(self, kind: type[LegCommand]) -> None:
        await self._actions.do_at_once(kind)


@contextmanager
def refusals_are_the_agents() -> Iterator[None]:
    """Make AgentFailed of a refused command that the agent has not caught."""
    try:
        yield
    except CommandFailed as failed:
        raise AgentFailed("agent", str(failed)) from failed


def speaking_s(text: str) -> float:
    """Return how long Telnyx may take to speak `text` and to tell us."""
    return len(text) / LETTERS_PER_S + GRACE_S
