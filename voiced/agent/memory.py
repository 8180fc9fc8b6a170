"""What was said in a call and what of it was heard, for an agent that has to know. Pure.

A language model that believes it has said what the caller never heard talks past him. So a memory
holds the caller's turns, and of the agent's words those that reached him, and no more. Give it what
a dialogue is told (`voiced.agent.base.Dialogue`, `Remembering`) and hand `messages` to the model.

While a reply is in the making, what it has said so far stands as it was generated: nobody can know
yet what will be heard, and the model goes on from its own words. Once the reply is over only the
heard words stay, each where it belongs: before the tools of the reply, between them, or after.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeAlias, assert_never

from voiced.agent.messages import Message, ModelMessage, ToolCall, ToolResult, ToolRound
from voiced.agent.sentences import split_sentences
from voiced.record.heard import unheard_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from voiced.agent.base import CallerTurn
    from voiced.record.heard import HeardPiece

UNFINISHED = "Interrupted by the caller: it is not known whether it was done."
"""Result of a call that was cut before it had one."""

LEFT_OUT = "(Earlier parts of this call are left out.)"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerSpoke:
    """A turn of the caller: words, or keys, or both."""

    text: str
    digits: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """Something else that the agent was asked to react to: a silence, a transfer that failed."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSpoke:
    """A reply as far as it was heard.

    Attributes:
        heard: what is known to have been.
        unheard: what it would have gone on with.
        doubtful: what may have been heard or not: marks did not come back, or the stream was lost.
    """

    heard: str
    unheard: str = ""
    doubtful: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedTools:
    """What the agent did between words.

    Attributes:
        said: the words of the same reply before it; until the reply is over, all of them.
        calls: what was called.
        results: what came of it; calls that were cut have none.
        native: see `ToolRound`; only until the next reply is over. Anthropic wants thinking in
            front of the last calls, also where the caller has cut in on them.
    """

    said: AgentSpoke
    calls: tuple[ToolCall, ...]
    results: tuple[ToolResult, ...] = ()
    native: tuple[Mapping[str, Any], ...] = ()


Entry: TypeAlias = CallerSpoke | Happened | AgentSpoke | UsedTools


@dataclass(slots=True)
class _Reply:
    """The reply in the making: what it answers, and the tools that it has used."""

    cause: CallerSpoke | Happened | None = None
    rounds: list[UsedTools] = field(default_factory=list)


class Memory:
    """One call's. Bounded by the call's own length limit, and by `forget_oldest`."""

    def __init__(self, past: Sequence[Entry] = ()) -> None:
        """Begin with what is known of the conversation so far."""
        self._past: list[Entry] = list(past)
        self._reply = _Reply()
        self._has_forgotten = False

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Everything, in order."""
        cause = self._reply.cause
        return (*self._past, *(() if cause is None else (cause,)), *self._reply.rounds)

    def handed_over(self) -> tuple[Entry, ...]:
        """Return everything for another agent, who will be given the present turn again.

        That turn is in it only where something was done for it, so that it is not done twice.
        """
        entries = self.entries if self._reply.rounds else tuple(self._past)
        return tuple(_without_native(entry) for entry in entries)

    # -- what a dialogue is told -------------------------------------------------------------------

    def caller_said(self, turn: CallerTurn) -> None:
        """Note a turn, at the beginning of `Dialogue.answer`."""
        self._begin(CallerSpoke(text=turn.text, digits=turn.digits))

    def happened(self, text: str) -> None:
        """Note something else that asks for a reply, in a sentence for the model."""
        self._begin(Happened(text=text))

    def _begin(self, cause: CallerSpoke | Happened) -> None:
        if self._reply.cause is not None or self._reply.rounds:
            self._settle(())  # of a reply that nobody told about, nothing was heard
        self._reply = _Reply(cause)

    def withdrawn(self) -> None:
        """Forget the last turn: it was not over, and comes again with more words.

        What was done stays: a tool that has run may have changed the world.
        """
        if self._reply.rounds:
            self._settle(())
        self._reply = _Reply()

    def heard(self, pieces: Sequence[HeardPiece]) -> None:
        """Note what became of a reply, as `Remembering.heard` is told."""
        self._settle(pieces)

    def _settle(self, pieces: Sequence[HeardPiece]) -> None:
        reply, self._reply = self._reply, _Reply()
        shares = _shares(pieces, [used.said.heard for used in reply.rounds])
        self._past = [_without_native(entry) for entry in self._past]
        if reply.cause is not None:
            self._past.append(reply.cause)
        self._past += [
            replace(used, said=_spoken(share))
            for used, share in zip(reply.rounds, shares, strict=False)
        ]
        spoken = _spoken(shares[-1])
        if spoken != AgentSpoke(heard=""):
            self._past.append(spoken)

    # -- tools -------------------------------------------------------------------------------------

    def tools_asked(
        self, said: str, calls: Sequence[ToolCall], native: Sequence[Mapping[str, Any]] = ()
    ) -> None:
        """Note that the reply has `said` something since its last tools, and now calls some."""
        used = UsedTools(said=AgentSpoke(heard=said), calls=tuple(calls), native=tuple(native))
        self._reply.rounds.append(used)

    def tool_done(self, result: ToolResult) -> None:
        """Note a result of one of the last calls."""
        used = self._reply.rounds[-1]
        self._reply.rounds[-1] = replace(used, results=(*used.results, result))

    # -- for the model -----------------------------------------------------------------------------

    def messages(self) -> list[ModelMessage]:
        """Return the conversation for a chat model: what was not heard is not in it."""
        first = [Message(role="user", content=LEFT_OUT)] if self._has_forgotten else []
        messages = (_message(entry) for entry in self.entries)
        return [*first, *(message for message in messages if message is not None)]

    def forget_oldest(self) -> bool:
        """Forget the oldest turn and all that answered it; False if only the last is left."""
        starts = [n for n, entry in enumerate(self._past) if _begins_exchange(entry) and n > 0]
        if not starts and (self._reply.cause is None or not self._past):
            return False
        del self._past[: starts[0] if starts else len(self._past)]
        self._has_forgotten = True
        return True


def _without_native(entry: Entry) -> Entry:
    return replace(entry, native=()) if isinstance(entry, UsedTools) and entry.native else entry


def _begins_exchange(entry: Entry) -> bool:
    return isinstance(entry, CallerSpoke | Happened)


def _shares(pieces: Sequence[HeardPiece], before: Sequence[str]) -> list[list[HeardPiece]]:
    """Divide a reply's pieces among its parts: the words `before` each use of tools, and the rest.

    A piece is a sentence of its part; or what was left of one that fell silent and went on; or a
    filler, which comes with the words that follow it.
    """
    expected = deque(
        (part, text) for part, said in enumerate(before) for text in split_sentences(said)
    )
    shares: list[list[HeardPiece]] = [[] for _ in range(len(before) + 1)]
    rests: list[tuple[int, str]] = []
    for piece in pieces:
        part = expected[0][0] if expected else len(before)
        if rests and rests[0][1] == piece.text:
            part, _ = rests.pop(0)
        elif expected and expected[0][1] == piece.text:
            expected.popleft()
        shares[part].append(piece)
        if rest := unheard_text(piece):
            rests.append((part, rest))
    return shares


def _spoken(pieces: Sequence[HeardPiece]) -> AgentSpoke:
    heard = " ".join(piece.heard_text for piece in pieces if piece.heard_text)
    rests = _rests(pieces)
    return AgentSpoke(
        heard=heard,
        unheard=" ".join(words for words, is_doubtful in rests if not is_doubtful),
        doubtful=" ".join(words for words, is_doubtful in rests if is_doubtful),
    )


def _rests(pieces: Sequence[HeardPiece]) -> list[tuple[str, bool]]:
    """Return what was not heard, or may not have been (True), and was not said again.

    A piece that was held is followed by its rest.
    """
    rests: list[tuple[str, bool]] = []
    for piece in pieces:
        if rests and piece.text == rests[0][0]:
            rests.pop(0)
        if words := unheard_text(piece):
            rests.append((words, piece.heard == "unknown"))
    return rests


def _message(entry: Entry) -> ModelMessage | None:
    match entry:
        case CallerSpoke(text=text, digits=digits):
            keyed = f"(keys: {digits})" if digits else ""
            content = " ".join(part for part in (text, keyed) if part)
            return Message(role="user", content=content or "(not understood)")
        case Happened(text=text):
            return Message(role="user", content=f"({text})")
        case AgentSpoke():
            content = shown(entry)
            return Message(role="assistant", content=content) if content else None
        case UsedTools(said=said, calls=calls, native=native):
            return ToolRound(
                content=shown(said), calls=calls, results=_results(entry), native=native
            )
        case _:
            assert_never(entry)


def shown(said: AgentSpoke) -> str:
    """Return a reply as a model is shown it; "" where it has reached nobody."""
    doubtful = f"(perhaps not heard: {said.doubtful})" if said.doubtful else ""
    words = " ".join(part for part in (said.heard, doubtful) if part)
    return f"{words} (cut short)" if words and said.unheard else words


def _results(used: UsedTools) -> tuple[ToolResult, ...]:
    known = {result.call_id: result for result in used.results}
    return tuple(
        known.get(call.id) or ToolResult(call_id=call.id, content=UNFINISHED, is_error=True)
        for call in used.calls
    )
