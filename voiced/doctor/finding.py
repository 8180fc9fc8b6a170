"""What `voiced doctor` has to say: one finding for each thing looked at, as lines and as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Sign(Enum):
    """How a thing is."""

    FINE = "fine"
    WARNING = "warning"
    """Works, but probably not as wanted, or not for long."""
    PROBLEM = "problem"
    """Calls fail by this."""
    UNKNOWN = "unknown"
    """Could not be looked at."""


_MARKS = {Sign.FINE: "✓", Sign.WARNING: "!", Sign.PROBLEM: "✗", Sign.UNKNOWN: "?"}
_ASCII_MARKS = {Sign.FINE: "ok", Sign.WARNING: "! ", Sign.PROBLEM: "X ", Sign.UNKNOWN: "? "}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        check: its lasting name, `application.webhook_url`, for programs.
        sign: how it is.
        text: what was seen, a sentence without its full stop.
        remedy: what to do about it, an imperative; "" when nothing.
    """

    check: str
    sign: Sign
    text: str
    remedy: str = ""


def fine(check: str, text: str) -> Finding:
    """Return the finding that something is as it should be."""
    return Finding(check=check, sign=Sign.FINE, text=text)


def warning(check: str, text: str, remedy: str) -> Finding:
    """Return the finding that something needs attention."""
    return Finding(check=check, sign=Sign.WARNING, text=text, remedy=remedy)


def problem(check: str, text: str, remedy: str) -> Finding:
    """Return the finding that calls fail."""
    return Finding(check=check, sign=Sign.PROBLEM, text=text, remedy=remedy)


def unknown(check: str, text: str, remedy: str = "") -> Finding:
    """Return the finding that something could not be looked at."""
    return Finding(check=check, sign=Sign.UNKNOWN, text=text, remedy=remedy)


def all_fine(findings: Sequence[Finding]) -> bool:
    """Tell whether calls can work; warnings are allowed, and so is what could not be looked at."""
    return all(finding.sign is not Sign.PROBLEM for finding in findings)


def lines(findings: Sequence[Finding], *, unicode: bool = True) -> Iterator[str]:
    """Yield the report, line by line: a sign and what was seen, below it what to do.

    `unicode` says whether the reader's terminal can show more than ASCII.
    """
    marks = _MARKS if unicode else _ASCII_MARKS
    arrow = "→" if unicode else "->"
    for finding in findings:
        mark = marks[finding.sign]
        yield f"{mark} {finding.text}"
        if finding.remedy:
            yield f"{' ' * len(mark)}   {arrow} {finding.remedy}"
    yield _summary(findings)


def document(findings: Sequence[Finding]) -> dict[str, Any]:
    """Return the report for programs, ready for JSON."""
    return {
        "fine": all_fine(findings),
        "findings": [
            {"check": f.check, "sign": f.sign.value, "text": f.text, "remedy": f.remedy}
            for f in findings
        ],
    }


def _summary(findings: Sequence[Finding]) -> str:
    parts = []
    for sign, word in ((Sign.PROBLEM, "problem"), (Sign.WARNING, "warning")):
        count = sum(finding.sign is sign for finding in findings)
        if count:
            parts.append(f"{count} {word}{'' if count == 1 else 's'}")
    unseen = sum(finding.sign is Sign.UNKNOWN for finding in findings)
    if unseen:
        parts.append(f"{unseen} not looked at")
    return ", ".join(parts) or "everything is fine"
