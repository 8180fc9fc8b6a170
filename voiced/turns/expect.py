"""What an agent expects the caller to answer: it sets endpointing and the digit collector.

Pure values. An agent gives one to `Reply.expect`; it holds from the end of that reply until the
caller's turn is over. Without one, free speech is expected. `patience` is by how much longer than
`[turns]` has it the caller is waited for at the end of what he says, 0.25 to 4 times: he looks
something up, or is known to answer at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

KEYS = frozenset("0123456789ABCD*#")
"""The keys there are: ITU-T Q.23."""

MAX_DIGITS = 64

LEAST_PATIENCE = 0.25
MOST_PATIENCE = 4.0


@dataclass(frozen=True, slots=True)
class ExpectSpeech:
    """Anything: a sentence, or several."""

    patience: float = 1.0

    def __post_init__(self) -> None:
        _check_patience(self.patience)


@dataclass(frozen=True, slots=True)
class ExpectYesNo:
    """A short answer, complete with its first word: taken as soon as the caller falls silent."""

    patience: float = 1.0

    def __post_init__(self) -> None:
        _check_patience(self.patience)


@dataclass(frozen=True, slots=True)
class ExpectSpelling:
    """Letters or digits one by one, with pauses to look them up: waited for patiently."""

    patience: float = 1.0

    def __post_init__(self) -> None:
        _check_patience(self.patience)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectDigits:
    """A number, keyed in or spoken.

    Attributes:
        min_length: fewer digits are not complete, 1..64; spoken ones are waited for patiently.
        max_length: with so many the number is complete at once, min_length..64.
        terminator: key that completes the number and is no part of it, one of `KEYS`; "" for none.
        first_digit_timeout_s: without any answer for so long the dialogue may prompt; None for the
            silence timeout.
        inter_digit_timeout_s: after a key, for so long without another the number is taken as it
            is, above 0.
        patience: see above.
    """

    min_length: int = 1
    max_length: int = 32
    terminator: str = "#"
    first_digit_timeout_s: float | None = None
    inter_digit_timeout_s: float = 3.0
    patience: float = 1.0

    def __post_init__(self) -> None:
        _check_patience(self.patience)
        if not 1 <= self.min_length <= self.max_length <= MAX_DIGITS:
            raise ValueError(
                f"1 <= min_length <= max_length <= {MAX_DIGITS} is needed, not "
                f"{self.min_length} and {self.max_length}"
            )
        if self.terminator and self.terminator not in KEYS:
            raise ValueError(f"terminator must be one key or '', not {self.terminator!r}")
        for name in ("first_digit_timeout_s", "inter_digit_timeout_s"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise ValueError(f"{name} must be above 0, not {value}")


def _check_patience(patience: float) -> None:
    if not LEAST_PATIENCE <= patience <= MOST_PATIENCE:
        raise ValueError(
            f"patience must be {LEAST_PATIENCE:g} to {MOST_PATIENCE:g}, not {patience:g}"
        )


Expectation: TypeAlias = ExpectSpeech | ExpectYesNo | ExpectSpelling | ExpectDigits
