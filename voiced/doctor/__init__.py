"""`voiced doctor`: looks at account, application, numbers and public URL, and says what to fix.

`ask_account` and `ask_public` gather facts, each with its deadline; the `_findings` modules judge
them, purely; `finding` puts the judgement into lines or JSON. Nothing is changed anywhere.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from voiced.doctor.account_findings import account_findings
from voiced.doctor.ask_account import open_account
from voiced.doctor.ask_public import PublicInquiry
from voiced.doctor.delivery_findings import delivery_findings
from voiced.doctor.facts import AccountFacts, Facts
from voiced.doctor.finding import Finding, Sign, all_fine, document, lines
from voiced.doctor.number_findings import number_findings
from voiced.doctor.public_findings import public_findings
from voiced.doctor.together import ask_together

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    import httpx

    from voiced.config import Config

__all__ = ["Finding", "Sign", "all_fine", "document", "examine", "lines"]

LIMIT_S = 10.0
"""For each fact; the slowest examination waits for four one after the other."""


async def examine(
    config: Config,
    *,
    wall: Callable[[], float] = time.time,  # noqa: TID251  # this command's one source
    limit_s: float = LIMIT_S,
    trust: ssl.SSLContext | None = None,
    api: httpx.AsyncBaseTransport | None = None,
    public: httpx.AsyncBaseTransport | None = None,
) -> tuple[Finding, ...]:
    """Look at everything that `config` needs outside of this machine, and judge it.

    Args:
        config: what to examine.
        wall: unix time, seconds.
        limit_s: for each fact.
        trust: which certificate authorities count; the machine's own by default.
        api: what to speak to Telnyx through instead of TCP, for tests.
        public: what to speak to the public URL through instead of TCP, for tests.
    """

    async def ask_account() -> AccountFacts:
        if config.telnyx.api_key is None:
            return AccountFacts()
        async with open_account(config, wall, limit_s=limit_s, transport=api) as account:
            return await account.facts()

    inquiry = PublicInquiry(
        config=config, wall=wall, limit_s=limit_s, trust=trust, transport=public
    )
    account, reachable = await ask_together(ask_account, inquiry.facts)
    return judge(config, Facts(now=wall(), account=account, public=reachable))


def judge(config: Config, facts: Facts) -> tuple[Finding, ...]:
    """Return every finding; pure."""
    return (
        *account_findings(config, facts.account),
        *number_findings(config, facts.account),
        *public_findings(config, facts.public, facts.now),
        *delivery_findings(config, facts.account.failed_deliveries, facts.now),
    )
