"""Tools that act on the call: hang up, transfer, press keys, hold, recording, voicemail."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import trio

from voiced.agent.model.wire import ToolSpec
from voiced.agent.tools.base import Tool
from voiced.errors import CallGone, CommandFailed, ToolFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from voiced.agent.tools.base import Run, Use

GOODBYE = "Goodbye."
HOLDING = "All right, I will wait."
MOST_HOLD_S = 120

_KEYS = re.compile(r"[0-9A-D*#wW]{1,64}")
_NOT_DONE = "It has not come about: the caller spoke on."


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where a caller may be transferred.

    Attributes:
        to: E.164 or SIP URI.
        description: for whom or what, as the model reads it.
        asks_first: the target is told of the caller, and asked, before both are connected.
    """

    to: str
    description: str
    asks_first: bool


def hang_up() -> Tool:
    """End the call."""

    async def run(arguments: Mapping[str, Any], use: Use) -> str:
        await _say_unless_said(str(arguments.get("goodbye") or GOODBYE), use)
        use.reply.hang_up()
        return _NOT_DONE  # whoever reads this is still on the line

    spec = _spec(
        "hang_up",
        "End the call, once nothing is left to do or the caller says goodbye.",
        goodbye="Your last words, if you have not said them in this answer.",
    )
    return _deed(spec, run, ends_reply=True, when_cut=_NOT_DONE)


def transfer(targets: Mapping[str, Target]) -> Tool:
    """Transfer the caller to one of `targets`, and to nobody else."""

    async def run(arguments: Mapping[str, Any], use: Use) -> str:
        target = targets.get(str(arguments.get("target")))
        if target is None:
            raise ToolFailed(f"there is no such target; there are {', '.join(targets)}")
        if words := str(arguments.get("announcement") or ""):
            await _say_unless_said(words, use)
        briefing = str(arguments.get("briefing") or target.description)
        use.reply.transfer(target.to, briefing if target.asks_first else "")
        return _NOT_DONE

    known = "; ".join(f"{name}: {target.description}" for name, target in targets.items())
    spec = _spec(
        "transfer",
        f"Connect the caller to somebody else. Targets: {known}.",
        target={"type": "string", "enum": list(targets), "description": "Who takes the call."},
        briefing="One sentence for the target: who calls, and why.",
        announcement="What the caller is told, if you have not said it in this answer.",
        required=("target",),
    )
    return _deed(spec, run, ends_reply=True, when_cut=_NOT_DONE)


def press() -> Tool:
    """Press keys."""

    async def run(arguments: Mapping[str, Any], use: Use) -> str:
        digits = str(arguments.get("digits", ""))
        if not _KEYS.fullmatch(digits):
            raise ToolFailed("digits must be 1 to 64 of 0-9 A-D * # and w for half a second")
        await use.reply.wait_heard()
        await use.reply.phone.press(digits)
        return "Pressed."

    spec = _spec(
        "press",
        "Press keys of the telephone, as in the menu of a machine.",
        digits="Keys, of 0-9 A-D * #; w waits half a second.",
        required=("digits",),
    )
    return _deed(spec, run)


def hold(music_url: str) -> Tool:
    """Say nothing for a while; with music if there is some."""

    async def run(arguments: Mapping[str, Any], use: Use) -> str:
        try:
            duration_s = min(max(float(arguments.get("seconds") or 30), 1.0), MOST_HOLD_S)
        except (TypeError, ValueError):
            raise ToolFailed("seconds must be a number") from None
        await _say_unless_said(HOLDING, use)
        await use.reply.wait_heard()
        if music_url:
            with trio.move_on_after(duration_s):
                await use.reply.phone.play(music_url, within_s=duration_s, loop="infinity")
        else:
            await trio.sleep(duration_s)
        return f"{duration_s:g} seconds have passed; the caller has said nothing."

    spec = _spec(
        "hold",
        "Stay silent and wait for the caller, who wants to look something up or fetch somebody. "
        "It ends as soon as the caller speaks.",
        seconds={"type": "integer", "minimum": 1, "maximum": MOST_HOLD_S},
    )
    return _deed(spec, run, when_cut="The caller has spoken: the hold is over.")


def pause_recording() -> Tool:
    """Let nothing be recorded."""

    async def run(arguments: Mapping[str, Any], use: Use) -> str:
        del arguments
        await use.reply.phone.pause_recording()
        return "Nothing is recorded now."

    text = "Pause all recording, before the caller tells a card number or a password."
    return _deed(_spec("pause_recording", text), run)


def resume_recording() -> Tool:
    """Go on recording."""

    async def run(arguments: Mapping[str, Any], use: Use) -> str:
        del arguments
        await use.reply.phone.resume_recording()
        return "Recording goes on."

    return _deed(_spec("resume_recording", "Go on recording after pause_recording."), run)


def leave_message() -> Tool:
    """Leave a message on an answering machine, to its end, and hang up."""

    async def run(arguments: Mapping[str, Any], use: Use) -> str:
        message = str(arguments.get("message") or "").strip()
        if not message:
            raise ToolFailed("argument 'message' is missing")
        await use.reply.say(message, protected=True)
        use.reply.hang_up()
        return _NOT_DONE

    spec = _spec(
        "leave_message",
        "Leave a message where an answering machine has answered, and end the call.",
        message="The whole message, as it is to be spoken.",
        required=("message",),
    )
    return _deed(spec, run, ends_reply=True)


async def _say_unless_said(text: str, use: Use) -> None:
    if not use.has_spoken:
        await use.reply.say(text)


def _deed(spec: ToolSpec, run: Run, **more: Any) -> Tool:
    """Return a tool that acts on the call; a refusal of Telnyx's is told to the model."""

    async def checked(arguments: Mapping[str, Any], use: Use) -> str:
        try:
            return await run(arguments, use)
        except CallGone:
            raise
        except CommandFailed as failed:
            raise ToolFailed(str(failed)) from failed

    return Tool(spec=spec, run=checked, is_deed=True, **more)


def _spec(
    name: str,
    description: str,
    *,
    required: tuple[str, ...] = (),
    **parameters: str | Mapping[str, Any],
) -> ToolSpec:
    """Return a tool's description; a parameter that is a text is one of type string."""
    properties = {
        key: {"type": "string", "description": schema} if isinstance(schema, str) else schema
        for key, schema in parameters.items()
    }
    schema: dict[str, Any] = {"type": "object", "properties": properties}
    if required:
        schema["required"] = list(required)
    return ToolSpec(name=name, description=description, parameters=schema)


PHONE_TOOLS: Mapping[str, Callable[[], Tool]] = {
    "hang_up": hang_up,
    "press": press,
    "pause_recording": pause_recording,
    "resume_recording": resume_recording,
    "leave_message": leave_message,
}
"""Those that need nothing else; `transfer` and `hold` do."""
