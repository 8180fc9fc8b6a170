"""The system prompt: what the operator has written, filled in, and how a call works. Pure.

In the operator's text `{caller}` and `{called}` stand for the numbers, `{now}` for date and time,
`{name}` for a variable of the call (`POST /calls` with `variables`) or its default in the config.
Anything else in braces is left as it is: prompts hold examples in JSON.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from voiced.agent.base import CallInfo

_PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]*)\}")

MANNERS = """\
You are on a telephone call: your words are spoken to the caller, theirs are recognized for you.
- Say one to three short sentences at a time. No lists, Markdown, emoji or stage directions.
- What the caller said may be recognized wrongly; ask back where it makes no sense.
- The conversation holds only those of your words that were heard. "(cut short)" marks where the \
caller cut in; say again what matters of the rest. "(perhaps not heard: ...)" holds words that \
may not have reached the caller; ask before you rely on them. Never write such a mark yourself.
- Notes in parentheses, such as "(keys: 12)" for pressed keys, come from the telephone.
- Before you use a tool that takes time, say so in a few words."""


def fill(text: str, call: CallInfo, *, variables: Mapping[str, str], now: str) -> str:
    """Return `text` for a call; `variables` are the defaults of the call's own."""
    known = {
        **variables,
        **call.variables,
        "caller": call.caller,
        "called": call.called,
        "now": now,
    }
    return _PLACEHOLDER.sub(lambda found: known.get(found[1], found[0]), text)


def system_prompt(
    text: str, call: CallInfo, *, variables: Mapping[str, str], now: str, manners: bool
) -> str:
    """Return the system prompt of a call; with `manners` it says how telephone calls work."""
    own = fill(text, call, variables=variables, now=now).strip()
    return f"{own}\n\n{MANNERS}".strip() if manners else own
