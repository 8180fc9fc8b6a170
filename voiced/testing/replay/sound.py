"""What caller and agent would have heard of each other in a replayed call, as stereo audio."""

from __future__ import annotations

import json
from binascii import a2b_base64
from typing import TYPE_CHECKING, Any

from voiced.audio.codec import open_decoder
from voiced.stereo_timeline import StereoTimeline
from voiced.testing.replay.playout import Playout

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from voiced.audio.codec import Decoder
    from voiced.flight.entries import Entry
    from voiced.stereo_timeline import Stereo


def sound_of(entries: Sequence[Entry], media: Mapping[str, Any]) -> tuple[Stereo, int]:
    """Return the call's audio, the caller left and the agent right, and its rate in Hz.

    Args:
        entries: of the call, in order.
        media: the table `[media]` that it was held with.
    """
    messages = list(_messages(entries))
    caller = _caller_decoder(messages)
    agent = open_decoder(media["bidirectional_codec"], media["sample_rate"])
    caller_hz = caller.rate_hz if caller is not None else agent.rate_hz
    timeline = StereoTimeline(0.0, caller_hz=caller_hz, agent_hz=agent.rate_hz)
    playout = Playout({}, ends_at=float("inf"))
    for at_s, is_ours, message in messages:
        event = message.get("event")
        if event == "clear":
            playout.cleared(at_s)
            timeline.cleared(at_s)
        elif event == "media":
            payload = a2b_base64(message["media"]["payload"])
            if is_ours:
                pcm = agent.decode(payload)
                timeline.agent(pcm, playout.audio(len(pcm) / agent.rate_hz, at_s))
            elif caller is not None and message["media"]["track"].startswith("inbound"):
                timeline.caller(caller.decode(payload), at_s)
    return timeline.take(entries[-1].at_s if entries else 0.0), timeline.rate_hz


def _messages(entries: Sequence[Entry]) -> Iterator[tuple[float, bool, dict[str, Any]]]:
    """Return time, whether it is ours, and content of each media-socket message."""
    for entry in entries:
        if entry.kind in {"rx", "tx"}:
            try:
                message = json.loads(entry.data["m"])
            except ValueError:
                continue
            if isinstance(message, dict):
                yield entry.at_s, entry.kind == "tx", message


def _caller_decoder(messages: Sequence[tuple[float, bool, dict[str, Any]]]) -> Decoder | None:
    """Return what reads the caller's audio, as `start` announced it."""
    for _, is_ours, message in messages:
        if not is_ours and message.get("event") == "start":
            given = message["start"]["media_format"]
            channels = given.get("channels", 1)
            return open_decoder(given["encoding"], given["sample_rate"], channels=channels)
    return None
