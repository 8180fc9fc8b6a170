"""The doctor against an emulated account, in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from voiced.config import Config, parse_config
from voiced.doctor import judge
from voiced.doctor.ask_account import open_account
from voiced.doctor.facts import Facts, PublicFacts
from voiced.testing.emulator import CONNECTION_ID, Account, EmulatedTelnyx, open_emulator
from voiced.testing.network import AsgiNetwork
from voiced.testing.rules import Latencies

if TYPE_CHECKING:
    from voiced.doctor import Finding

PUBLIC_URL = "https://agent.example.com"
WALL = 1_770_000_000.0


def wall() -> float:
    return WALL


@dataclass
class Practice:
    """An emulated Telnyx, and a doctor who asks it."""

    telnyx: EmulatedTelnyx

    @property
    def as_it_should_be(self):
        return self.telnyx.usual_possessions()

    def config(self, tables: dict[str, Any] | None = None) -> Config:
        telnyx = {
            "api_key": self.telnyx.api_key,
            "public_key": self.telnyx.public_key,
            "connection_id": CONNECTION_ID,
            "api_base": "https://api.telnyx.test/v2",
        }
        tables = tables or {}
        server = {"public_url": PUBLIC_URL} | tables.get("server", {})
        return parse_config(
            tables | {"telnyx": telnyx | tables.get("telnyx", {}), "server": server}, {}
        )

    async def facts(self, config: Config, app: Any = None):
        transport = httpx.ASGITransport(app=app or self.telnyx.app)
        async with open_account(config, wall, limit_s=10, transport=transport) as account:
            return await account.facts()

    async def findings(self, tables: dict[str, Any] | None = None) -> list[Finding]:
        """What is said of the account; the public URL is left out."""
        config = self.config(tables)
        facts = Facts(now=wall(), account=await self.facts(config), public=PublicFacts())
        return [finding for finding in judge(config, facts) if finding.check != "public_url"]

    async def about(self, check: str, tables: dict[str, Any] | None = None) -> Finding:
        """The one finding of `check`."""
        (finding,) = [found for found in await self.findings(tables) if found.check == check]
        return finding


@pytest.fixture
async def practice():
    account = Account(wall=wall, latencies=Latencies(reply_s=0))
    url = f"{PUBLIC_URL}/telnyx/webhook"
    async with open_emulator(AsgiNetwork(), url, account=account) as telnyx:
        yield Practice(telnyx)
