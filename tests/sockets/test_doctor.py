"""The doctor looks at the real daemon and an emulated account, over real sockets."""

import pytest

from voiced.config import parse_config
from voiced.doctor import Sign, examine
from voiced.testing.emulator import CONNECTION_ID
from voiced.testing.telnyx_api.rest import serve_api

pytestmark = pytest.mark.socket


async def test_our_own_daemon_and_account_are_in_good_health(open_house):
    async with open_house() as house, serve_api(house.telnyx.app) as api_url:
        config = parse_config(
            {
                "server": {"public_url": f"http://{house.daemon.public.address}"},
                "telnyx": {
                    "api_key": house.telnyx.api_key,
                    "public_key": house.telnyx.public_key,
                    "connection_id": CONNECTION_ID,
                    "api_base": api_url,
                },
            },
            {},
        )
        findings = await examine(config)
    signs = {finding.check: finding.sign for finding in findings}
    assert signs.pop("public_url") is Sign.PROBLEM  # loopback
    assert {check for check, sign in signs.items() if sign is not Sign.FINE} == set()
    assert {"webhook", "media", "clock", "application.webhook_url"} <= signs.keys()
