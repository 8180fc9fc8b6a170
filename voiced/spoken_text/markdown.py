"""Marks for the eye taken out of a text: Markdown, addresses of the web. Pure."""

from __future__ import annotations

import re

_RULES = (
    (re.compile(r"```.*?(```|\Z)", re.DOTALL), " "),  # nobody listens to a program
    (re.compile(r"!?\[([^\]]*)\]\([^)\s]*\)"), r"\1"),  # links and pictures: their text
    (re.compile(r"^\s{0,3}#{1,6}\s+", re.MULTILINE), ""),
    (re.compile(r"^\s*(?:[-*+•]|\d{1,2}[.)])\s+(?=\S)", re.MULTILINE), ""),
    (re.compile(r"^\s*[|:\-\s]{3,}$", re.MULTILINE), ""),  # rules of tables, of pages
    (re.compile(r"^\s{0,3}>\s?", re.MULTILINE), ""),
    (re.compile(r"\s*\|\s*"), ", "),
    (re.compile(r"(\*\*|__)(?=\S)(.+?)(?<=\S)\1"), r"\2"),
    (re.compile(r"(?<![\w*])\*(?=\S)([^*\n]+?)(?<=\S)\*(?![\w*])"), r"\1"),
    (re.compile(r"(?<!\w)_(?=\S)([^_\n]+?)(?<=\S)_(?!\w)"), r"\1"),
    (re.compile(r"`([^`\n]*)`"), r"\1"),
)
_URL = re.compile(r"\b(?:https?://|www\.)([\w.-]+)[^\s,;)]*", re.IGNORECASE)
_EMAIL = re.compile(r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b")
_SAID = {".": " dot ", "-": " dash ", "_": " underscore ", "+": " plus ", "@": " at "}


def without_marks(text: str) -> str:
    """Return `text` without Markdown; addresses as they are said, without path."""
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    text = _EMAIL.sub(lambda found: _said(found[0]), text)
    return _URL.sub(lambda found: _said(found[1].removeprefix("www.")), text)


def _said(address: str) -> str:
    return re.sub(r"[.\-_+@]", lambda sign: _SAID[sign[0]], address.rstrip("."))
