"""The agent `openai-realtime`: speech to speech by OpenAI, G.711 straight through both ways.

It takes the place of recognizer, model and synthesizer. The caller's mu-law goes to the API and its
mu-law to the caller at 8000 Hz, without a resampler: our frames are linear, and what a table has
decoded a table encodes to the same sample (6 us a frame, there and back), which is less than a way
for coded audio past the frames would cost in parts.

`wire` has the messages, `spoken` what was heard of which item, `talk` the conversation.
"""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, ClassVar
from zoneinfo import ZoneInfo

from voiced.agent.model.prompt import system_prompt
from voiced.agent.model.settings import prompt_text
from voiced.agent.realtime.api import Api
from voiced.agent.realtime.settings import RealtimeSettings
from voiced.agent.realtime.talk import Talk
from voiced.agent.realtime.wire import SessionWish, transcription
from voiced.agent.tools.chest import check_tools, open_tools
from voiced.errors import AgentFailed
from voiced.net.helpers import open_helpers
from voiced.net.peer import Peer
from voiced.net.secrets import provider_key
from voiced.net.socket import open_provider_socket
from voiced.net.spares import Spares
from voiced.net.urls import with_query
from voiced.net.wire import INTERNET

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    import trio
    from pydantic import BaseModel

    from voiced.agent.base import AudioLine, CallInfo
    from voiced.agent.tools.base import Tool
    from voiced.audio.frame import Frame
    from voiced.net.wire import Wire

PROVIDER = "openai-realtime"


class RealtimeAgent:
    """An audio agent; each call has a session of its own."""

    Settings: ClassVar[type[BaseModel]] = RealtimeSettings
    rate_hz = 8000

    def __init__(
        self, settings: RealtimeSettings, prompt: str, api: Api, tools: Mapping[str, Tool]
    ) -> None:
        self._settings = settings
        self._prompt = prompt
        self._api = api
        self._tools = tools

    @classmethod
    @asynccontextmanager
    async def open(
        cls, settings: RealtimeSettings, wire: Wire = INTERNET
    ) -> AsyncIterator[RealtimeAgent]:
        """Find key, prompt and tools; connections are made by calls.

        Raises:
            ConfigError: the key is missing, the prompt's file cannot be read, a tool is faulty.
        """
        key = provider_key(settings.api_key, variable="OPENAI_API_KEY", role="agent")
        open_socket = partial(
            open_provider_socket,
            with_query(settings.url, [("model", settings.model)]),
            peer=(peer := Peer(PROVIDER, AgentFailed)),
            headers={"Authorization": f"Bearer {key.get_secret_value()}"},
            connect_s=settings.connect_s,
            wire=wire,
        )
        async with open_tools(settings, wire) as tools, open_helpers() as helpers:
            spares = Spares(helpers, lambda _: open_socket())
            api = Api(peer, open_socket, spares)
            yield cls(settings, prompt_text(settings), api, tools)

    def anticipate(self) -> None:
        """Open the next call's session while it rings; nothing is paid for one that is not used."""
        self._api.spares.expect()

    @classmethod
    def check(cls, settings: RealtimeSettings) -> None:
        """Look at key, prompt and tools; raises ConfigError with what is wrong with them."""
        provider_key(settings.api_key, variable="OPENAI_API_KEY", role="agent")
        prompt_text(settings)
        check_tools(settings, os.environ)

    async def converse(
        self, call: CallInfo, frames: trio.MemoryReceiveChannel[Frame], line: AudioLine
    ) -> None:
        """Hold the conversation.

        Raises:
            AgentFailed: the API refused, or was lost and could not be had back.
        """
        talk = Talk(self._settings, self._api, self._wish(call), self._tools, call, line)
        with frames:
            await talk.run(frames)

    def _wish(self, call: CallInfo) -> SessionWish:
        settings = self._settings
        now = datetime.now(UTC).astimezone(ZoneInfo(settings.timezone))
        return SessionWish(
            instructions=system_prompt(
                self._prompt,
                call,
                variables=settings.variables,
                now=f"{now:%A, %d %B %Y, %H:%M} ({settings.timezone})",
                manners=settings.manners,
            ),
            voice=settings.voice,
            speed=settings.speed,
            turn_detection=settings.turns(),
            noise_reduction="" if settings.noise_reduction == "off" else settings.noise_reduction,
            transcription=transcription(settings.transcription, settings.language),
            tools=[
                {
                    "type": "function",
                    "name": tool.spec.name,
                    "description": tool.spec.description,
                    "parameters": tool.spec.parameters,
                }
                for tool in self._tools.values()
            ],
            max_output_tokens=settings.max_tokens,
            reasoning_effort=settings.reasoning_effort,
        )
