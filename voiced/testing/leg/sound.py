"""What `speak` and the playback commands play on a leg, and what is told of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import trio

from voiced.testing.announcer import Announcement
from voiced.testing.media_files import audio_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from voiced.audio.frame import Pcm
    from voiced.testing.announcer import AudioLoader
    from voiced.testing.leg.context import LegContext
    from voiced.testing.leg.phone_leg import PhoneLeg


def speak(leg: PhoneLeg, body: Mapping[str, Any]) -> None:
    """Speak a text to the party."""
    if "stop" in body:
        leg.announcer.stop("all" if body["stop"] == "all" else "current", "cancelled")
    _play(leg, body, speech(leg, body["payload"]), _SpeechTold(leg.context, body["payload"]))


def start_playback(leg: PhoneLeg, body: Mapping[str, Any]) -> None:
    """Play a file to the party."""
    if "stop" in body:
        leg.announcer.stop("all" if body["stop"] == "all" else "current", "cancelled")
    load = file(leg, body)
    if load is not None:
        _play(leg, body, load, PlaybackTold(leg.context, body))


def stop_playback(leg: PhoneLeg, body: Mapping[str, Any]) -> None:
    """Stop what is played or spoken; what waits behind it comes next, or not either."""
    announcer = leg.overlay if body.get("overlay") else leg.announcer
    announcer.stop("current" if body.get("stop") == "current" else "all", "cancelled")


def speech(leg: PhoneLeg, text: str) -> AudioLoader:
    """Return what speaks a text."""

    async def load() -> Pcm:
        return await leg.context.services.speaker(text)

    return load


def file(leg: PhoneLeg, body: Mapping[str, Any], prefix: str = "") -> AudioLoader | None:
    """Return what fetches the file that a body asks for; None when it asks for none."""
    services = leg.context.services
    return audio_of(body, services.deliveries.network, services.media, prefix)


def _play(
    leg: PhoneLeg,
    body: Mapping[str, Any],
    load: AudioLoader,
    told: _SpeechTold | PlaybackTold,
) -> None:
    announcer = leg.overlay if body.get("overlay") else leg.announcer
    loop = body.get("loop", 1)
    forever = str(loop).lower() in ("infinity", "infinite")
    announcer.play(
        Announcement(
            load=load if forever else _repeated(load, int(loop)),
            told=told,
            forever=forever,
            target=body.get("target_legs", "self"),
        )
    )


def _repeated(load: AudioLoader, times: int) -> AudioLoader:
    if times == 1:
        return load

    async def load_all() -> Pcm:
        return np.tile(await load(), times)

    return load_all


class _SpeechTold:
    """Tells of a speech, and keeps its words for the report."""

    def __init__(self, context: LegContext, text: str) -> None:
        self._context = context
        self._text = text

    def started(self) -> None:
        self._context.ledger.spoken_texts.append((trio.current_time(), self._text))
        self._context.tell("call.speak.started")

    def ended(self, status: str) -> None:
        # The official schema knows no status for a speech that was stopped.
        told = status if status == "call_hangup" else "completed"
        self._context.tell("call.speak.ended", status=told)

    def failed(self, detail: str) -> None:
        self._context.ledger.violation(f"speak: {detail}")


class PlaybackTold:
    """Tells of a file that is played."""

    def __init__(self, context: LegContext, body: Mapping[str, Any]) -> None:
        self._context = context
        self._what: dict[str, Any] = {"overlay": bool(body.get("overlay", False))}
        if body.get("audio_url"):
            self._what["media_url"] = body["audio_url"]
        if body.get("media_name"):
            self._what["media_name"] = body["media_name"]

    def started(self) -> None:
        """Take that it can be heard from now on."""
        self._context.tell("call.playback.started", **self._what)

    def ended(self, status: str) -> None:
        """Take that it is over."""
        self._context.tell("call.playback.ended", status=status, status_detail="", **self._what)

    def failed(self, detail: str) -> None:
        """Take that there is no audio to play."""
        status = "file_not_found" if " 404 " in detail else "failed"
        self._context.tell("call.playback.ended", status=status, status_detail=detail, **self._what)
