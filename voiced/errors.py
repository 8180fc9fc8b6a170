"""Every error that voiced raises, in one tree.

Foreign exceptions (httpx, ASGI, OSError, JSON) are mapped to these at the edge of the module that
meets them and never cross a module boundary. Why a *call* ended is not an exception: see
`voiced.leg.leg.EndReason`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator


class VoicedError(Exception):
    """Base of all errors of this package."""


def leaves_of(error: BaseException) -> Iterator[BaseException]:
    """Return the errors in a group of groups, or the one error that is none."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from leaves_of(inner)
    else:
        yield error


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One fault of a configuration.

    `key` is the dotted path (`call.max_duration_s`), `value` is shown as the user wrote it (never a
    secret), `reason` says what is wrong and `remedy` what to write instead ("" when obvious).
    """

    key: str
    value: str
    reason: str
    remedy: str = ""

    def __str__(self) -> str:
        """Return the line a user reads."""
        shown = f" = {self.value}" if self.value else ""
        hint = f" ({self.remedy})" if self.remedy else ""
        return f"{self.key}{shown}: {self.reason}{hint}"


class ConfigError(VoicedError):
    """The configuration cannot be used; `problems` lists every fault found, not only the first."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


class CallListError(VoicedError):
    """A list of numbers, or the file of its progress, cannot be used; `problems` tells them all."""

    SHOWN = 20

    def __init__(self, problems: list[str]) -> None:
        more = len(problems) - self.SHOWN
        shown = [*problems[: self.SHOWN], *([f"and {more} more"] if more > 0 else [])]
        super().__init__("the list cannot be called: " + "; ".join(shown))
        self.problems = problems


class CallNotFound(VoicedError):
    """There is no record of a call, or none that can be read."""


class AmbiguousCall(VoicedError):
    """The beginning of an id fits several calls."""


class StartupError(VoicedError):
    """The daemon cannot start (port taken, voice missing ...); the text names the remedy."""


class TelnyxError(VoicedError):
    """Something between us and Telnyx."""


class LocalProtocolError(TelnyxError):
    """We tried something that the protocol forbids: our bug."""


class RemoteProtocolError(TelnyxError):
    """Telnyx, or whoever holds the other end, sent something that cannot be accepted."""


class WebhookRejected(TelnyxError):
    """A webhook was refused; `status` is the HTTP status to answer."""

    def __init__(self, reason: str, *, status: int) -> None:
        super().__init__(reason)
        self.status = status


class CommandFailed(TelnyxError):
    """A REST command failed for good; `status` is None when no answer came.

    Attributes:
        action: the command's name, `answer`, `hangup` ...
        status: HTTP status of the last answer, or None (transport fault, deadline).
        code: Telnyx's error code as text, "" when there was none (see docs/telnyx-errors.md).
    """

    def __init__(self, action: str, reason: str, *, status: int | None, code: str = "") -> None:
        super().__init__(f"{action}: {reason}")
        self.action = action
        self.status = status
        self.code = code


class CallGone(CommandFailed):
    """The leg had already ended (90018): often not worth an error line."""


class BadRequest(VoicedError):
    """The admin API was asked for something that makes no sense; the text names the field.

    Attributes:
        status: HTTP status to answer. 400: not JSON at all; 415: not sent as JSON.
    """

    def __init__(self, reason: str, *, status: Literal[400, 415, 422] = 422) -> None:
        super().__init__(reason)
        self.status = status


class CannotDial(VoicedError):
    """A call cannot be placed; the text says why, and the remedy where there is one.

    Attributes:
        status: HTTP status to answer. 409: the key has placed another call; 422: the order is
            faulty; 429: too much at once, later it may be well; 503: not by this daemon, as it is.
    """

    def __init__(self, reason: str, *, status: Literal[409, 422, 429, 503] = 503) -> None:
        super().__init__(reason)
        self.status = status


class IndexUnavailable(VoicedError):
    """The index of calls cannot be read or written now; it is tried again."""


class DaemonUnreachable(VoicedError):
    """The running daemon's admin listener does not answer.

    Attributes:
        was_asked: it may have read what it was asked, and done it.
    """

    def __init__(self, reason: str, *, was_asked: bool) -> None:
        super().__init__(reason)
        self.was_asked = was_asked


class AdminRefused(VoicedError):
    """The running daemon did not do what it was asked; `status` is the HTTP status."""

    def __init__(self, reason: str, *, status: int) -> None:
        super().__init__(reason)
        self.status = status


class NotPlaced(VoicedError):
    """A call of a list was certainly not placed, and the next would not be, either."""


class OutcomeUnknown(VoicedError):
    """A call of a list may have been placed; what came of it is not to be known."""


class DownloadFailed(TelnyxError):
    """A recording could not be fetched.

    Attributes:
        status: HTTP status, None when no answer came.
        is_expired: its address is dead (they live 10 minutes): ask for a fresh one.
        may_pass: the same address may well work later.
    """

    def __init__(
        self,
        reason: str,
        *,
        status: int | None = None,
        is_expired: bool = False,
        may_pass: bool = False,
    ) -> None:
        super().__init__(f"download: {reason}")
        self.status = status
        self.is_expired = is_expired
        self.may_pass = may_pass


class MediaStreamClosed(TelnyxError):
    """The media socket has closed; `code` is the WebSocket close code (1006: without a close)."""

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(f"media socket closed ({code}{': ' + reason if reason else ''})")
        self.code = code
        self.reason = reason


class UnsupportedCodec(VoicedError):
    """A stream has an encoding or a rate that we do not speak.

    Attributes:
        encoding: its name as it was given.
        sample_rate: in Hz.
        supported: every (encoding, sample rate) that would do.
    """

    def __init__(
        self,
        encoding: str,
        sample_rate: int,
        *,
        channels: int = 1,
        supported: tuple[tuple[str, int], ...],
    ) -> None:
        given = f"{encoding!r} at {sample_rate} Hz"
        if channels != 1:
            given += f" in {channels} channels"
        known = ", ".join(f"{name}/{rate}" for name, rate in supported)
        super().__init__(f"codec {given} is not supported (use {known}, one channel)")
        self.encoding = encoding
        self.sample_rate = sample_rate
        self.supported = supported


class CodecNotInstalled(VoicedError):
    """A codec that we speak lacks its library; `remedy` is the command that installs it."""

    def __init__(
        self, encoding: str, reason: str, *, remedy: str = "pip install 'voiced[codecs]'"
    ) -> None:
        super().__init__(f"codec {encoding}: {reason} ({remedy})")
        self.encoding = encoding
        self.reason = reason
        self.remedy = remedy


TroubleKind: TypeAlias = Literal[
    "failed",  # anything else
    "refused",  # no connection: nobody listens, no such host, no TLS, no handshake in time
    "unauthorized",  # the key is missing, wrong, or may not do this; or nothing is left to pay with
    "bad_request",  # it does not take what we asked: a setting is wrong
    "rate_limited",  # we ask too often; `retry_after_s` says for how long
    "overloaded",  # it cannot serve at present (5xx)
    "stalled",  # the connection is open, and nothing comes any more
    "closed",  # it ended the connection
    "garbage",  # what came makes no sense
    "too_slow",  # it works, but not in time
]

LASTING: frozenset[TroubleKind] = frozenset({"failed", "unauthorized", "bad_request"})
"""Trouble that does not pass by trying again."""


class ProviderError(VoicedError):
    """A recognizer, synthesizer or agent failed; `provider` names it.

    Attributes:
        provider: its name.
        kind: what happened.
        code: HTTP status or WebSocket close code, None where there was none.
        retry_after_s: for so long it asked to be left alone, None where it did not.
        is_told: the call's journal has it already: a fallback list tells of each of its members.
    """

    default_kind: ClassVar[TroubleKind] = "failed"

    def __init__(
        self,
        provider: str,
        reason: str,
        *,
        kind: TroubleKind | None = None,
        code: int | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(f"{provider}: {reason}")
        self.provider = provider
        self.kind: TroubleKind = kind or self.default_kind
        self.is_told = False
        self.code = code
        self.retry_after_s = retry_after_s

    @property
    def retryable(self) -> bool:
        """Whether the same may well work when it is tried again."""
        return self.kind not in LASTING


class RecognizerFailed(ProviderError):
    """The recognizer cannot go on with this call."""


class SynthesizerFailed(ProviderError):
    """The synthesizer could not speak a text."""


class AgentFailed(ProviderError):
    """The agent could not answer."""


class BudgetSpent(VoicedError):
    """A call has used up what `[budgets]` allows it."""


class ToolRepeated(BudgetSpent):
    """The agent's model calls one tool with the same arguments again and again."""


class ToolFailed(VoicedError):
    """A tool could not do it; the text is for the model to read, who may try something else."""


class ProviderTooSlow(ProviderError):
    """A provider did not keep up or missed its deadline."""

    default_kind = "too_slow"


class AgentTooSlow(ProviderTooSlow):
    """The agent had no words in time."""


class SynthesizerTooSlow(ProviderTooSlow):
    """There was no audio of the agent's words in time."""


class ToolTooSlow(ProviderTooSlow):
    """A tool of the agent took too long."""
