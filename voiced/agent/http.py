"""The agent `http`: asks a server of your own what to say and do (docs/http-agent.md)."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, ClassVar, assert_never

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from voiced.agent.asking import Asker, keep_warm
from voiced.agent.http_wire import (
    DeedParser,
    Expect,
    Fill,
    HangUp,
    PauseRecording,
    Play,
    Press,
    ResumeRecording,
    Say,
    Spend,
    Transfer,
    request_body,
)
from voiced.agent.memory import Memory
from voiced.errors import AgentFailed, CallGone, CommandFailed, LocalProtocolError
from voiced.log import get_logger
from voiced.net.helpers import open_helpers
from voiced.net.http import open_provider_http
from voiced.net.peer import Peer
from voiced.net.secrets import provider_key
from voiced.net.urls import HttpBase
from voiced.net.wire import INTERNET
from voiced.recognizer.base import Vocabulary

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from voiced.agent.asking import Answer
    from voiced.agent.base import CallerTurn, CallInfo, Reply
    from voiced.agent.http_wire import Act, Deed
    from voiced.agent.memory import Entry
    from voiced.net.wire import Wire
    from voiced.record.heard import HeardPiece

MAX_ENTRIES = 1000
"""Of the conversation in a request: hours of talk."""

log = get_logger(__name__)


class HttpAgentSettings(BaseModel):
    """Keys of `[agent]` for `provider = "http"`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: HttpBase = Field(description="where the server is asked, by POST")
    token: SecretStr = Field(
        default=SecretStr(""), description='bearer token, a secret; "": from token_from'
    )
    token_from: str = Field(
        default="", description='environment variable or credential with the token; "": none'
    )
    speculate: bool = Field(
        default=False,
        description="ask before the caller's turn is certain to be over: sooner, but a request may "
        "be dropped and come again with more words",
    )
    vocabulary: tuple[str, ...] = Field(
        default=(), description="words and phrases that the recognizer shall know"
    )
    first_event_s: float = Field(
        default=5.0, gt=0, le=60, description="from a request to the first event of its answer"
    )
    stall_s: float = Field(default=10.0, gt=0, le=120, description="between two events")
    retries: int = Field(
        default=1, ge=0, le=5, description="further tries, while no event of the answer has come"
    )
    keep_warm: bool = Field(default=True, description="keep a connection open between calls")


class HttpAgent:
    """A dialogue agent whose brain is a server of your own."""

    Settings: ClassVar[type[BaseModel]] = HttpAgentSettings

    def __init__(self, settings: HttpAgentSettings, asker: Asker[Deed, None]) -> None:
        self.vocabulary = Vocabulary(settings.vocabulary, settings.vocabulary)
        self._settings = settings
        self._asker = asker

    @classmethod
    @asynccontextmanager
    async def open(
        cls, settings: HttpAgentSettings, wire: Wire = INTERNET
    ) -> AsyncIterator[HttpAgent]:
        """Open it; leaving the context closes its connections. Raises ConfigError: no token."""
        peer = Peer("http", AgentFailed)
        headers = {"accept": "text/event-stream", **_authorization(settings)}
        async with (
            open_provider_http(
                settings.url, peer=peer, headers=headers, stall_s=settings.stall_s, wire=wire
            ) as http,
            open_helpers() as helpers,
        ):
            if settings.keep_warm:
                helpers.start_soon(keep_warm, http, name="warm http agent")
            asker: Asker[Deed, None] = Asker(
                http,
                "",
                DeedParser,
                peer,
                first_s=settings.first_event_s,
                retries=settings.retries,
            )
            yield cls(settings, asker)

    @classmethod
    def check(cls, settings: HttpAgentSettings) -> None:
        """Look for the token; raises ConfigError if there is none where it should be."""
        _authorization(settings)

    def begin(self, call: CallInfo) -> HttpDialogue:
        """Return a fresh dialogue for one call."""
        return HttpDialogue(self._asker, call, speculates=self._settings.speculate)


def _authorization(settings: HttpAgentSettings) -> dict[str, str]:
    if not settings.token_from and not settings.token.get_secret_value():
        return {}
    variable = settings.token_from or "VOICED_AGENT_TOKEN"
    token = provider_key(settings.token, variable=variable, role="agent", key="token")
    return {"authorization": f"Bearer {token.get_secret_value()}"}


class HttpDialogue:
    """One call's. Fits `Dialogue`, `Remembering`, `TakingOver` and `TimeAware`."""

    def __init__(self, asker: Asker[Deed, None], call: CallInfo, *, speculates: bool) -> None:
        self._asker = asker
        self._call = call
        self._speculates = speculates
        self._memory = Memory()
        self._number = 0
        self._refused: list[str] = []

    async def open(self, reply: Reply) -> None:
        """Have the caller greeted."""
        self._memory.happened("The call begins.")
        await self._respond(reply, {"type": "open"})

    async def answer(self, turn: CallerTurn, reply: Reply) -> None:
        """Have a turn answered."""
        if not self._speculates:
            await reply.wait_heard()  # nothing is said yet: it waits until the turn is certain
        self._memory.caller_said(turn)
        said = {"text": turn.text, "confidence": turn.confidence, "digits": turn.digits}
        await self._respond(reply, {"type": "turn", **said})

    async def prompt(self, silences: int, reply: Reply) -> None:
        """Tell of a silence."""
        self._memory.happened("Nobody has spoken for a while.")
        await self._respond(reply, {"type": "silence", "silences": silences})

    async def transfer_failed(self, reason: str, reply: Reply) -> None:
        """Tell that the caller is back."""
        self._memory.happened(f"The transfer failed: {reason}.")
        await self._respond(reply, {"type": "transfer_failed", "reason": reason})

    async def time_is_short(self, left_s: float, reply: Reply) -> None:
        """Tell that the call will be cut soon."""
        self._memory.happened("The call will be cut soon.")
        await self._respond(reply, {"type": "time_is_short", "left_s": round(left_s, 1)})

    def interrupted(self, heard: str) -> None:
        """Need nothing of this: `heard` tells it piece by piece."""

    def take_over(self, past: Sequence[Entry]) -> None:
        """Go on where another agent had to stop."""
        self._memory = Memory(past)

    def withdrawn(self) -> None:
        """Forget the last turn."""
        self._memory.withdrawn()

    def heard(self, pieces: Sequence[HeardPiece]) -> None:
        """Remember what was heard."""
        self._memory.heard(pieces)

    async def _respond(self, reply: Reply, event: Mapping[str, Any]) -> None:
        while len(self._memory.entries) > MAX_ENTRIES and self._memory.forget_oldest():
            pass
        self._number += 1
        refused, self._refused = self._refused, []
        body = request_body(
            self._call,
            number=self._number,
            event=event,
            conversation=self._memory.entries,
            refused=refused,
        )
        async with self._asker.ask(body) as answer:
            deeds = _Deeds(answer)
            while (deed := await deeds.peek()) is not None:
                if isinstance(deed, Say):
                    await reply.say(_Words(deeds, deed.protected), protected=deed.protected)
                else:
                    deeds.take()
                    await self._do(deed, reply)

    async def _do(self, deed: Act, reply: Reply) -> None:
        try:
            await _perform(deed, reply)
        except CallGone:
            raise
        except (CommandFailed, LocalProtocolError) as failed:
            log.warning("the brain's wish was refused", wish=type(deed).__name__)
            self._refused.append(str(failed))


class _Deeds:
    """The deeds of an answer, of which the next can be looked at before it is taken."""

    def __init__(self, answer: Answer[Deed, None]) -> None:
        self._answer = answer
        self._next: Deed | None = None

    async def peek(self) -> Deed | None:
        """Return the next one, None at the end. Raises ProviderError."""
        if self._next is None:
            self._next = await anext(self._answer, None)
        return self._next

    def take(self) -> None:
        """Go on to the one behind."""
        self._next = None


class _Words:
    """The texts that follow each other, as one stream."""

    def __init__(self, deeds: _Deeds, protected: bool) -> None:
        self._deeds = deeds
        self._protected = protected

    def __aiter__(self) -> _Words:
        return self

    async def __anext__(self) -> str:
        deed = await self._deeds.peek()
        if not isinstance(deed, Say) or deed.protected is not self._protected:
            raise StopAsyncIteration
        self._deeds.take()
        return deed.text


async def _perform(deed: Act, reply: Reply) -> None:
    match deed:
        case Fill(text):
            reply.fill(text)
        case Press(digits):
            await reply.wait_heard()
            await reply.phone.press(digits)
        case Play(url):
            await reply.wait_heard()
            await reply.phone.play(url)
        case PauseRecording():
            await reply.phone.pause_recording()
        case ResumeRecording():
            await reply.phone.resume_recording()
        case Expect(what):
            reply.expect(what)
        case Spend(tokens):
            reply.spend(tokens)
        case HangUp():
            reply.hang_up()
        case Transfer(to=to, briefing=briefing):
            reply.transfer(to, briefing)
        case _:
            assert_never(deed)
