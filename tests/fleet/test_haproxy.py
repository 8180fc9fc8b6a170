"""Three instances behind a real HAProxy, with the file that is shipped, and one of them killed."""

import os
import ssl
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
import trustme
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.fleet.instances import Instance, free_port, start
from voiced.testing.account import TexmlApplication
from voiced.testing.caller import silent_caller
from voiced.testing.emulator import Account, EmulatedTelnyx, open_emulator
from voiced.testing.faults import Faults
from voiced.testing.network import open_loopback
from voiced.testing.telnyx_api.rest import serve_api

pytestmark = [pytest.mark.socket, pytest.mark.slow]

SHIPPED = Path(__file__).parents[2] / "docs" / "scaling" / "haproxy.cfg"
LIMIT_S = 120
INSTANCES = ("1", "2", "3")
N_CALLS = 18
SIGNING_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
"""Always the same, because the calls' ids, and so HAProxy's choices, are made of it."""

CONFIG = """
[server]
bind = "127.0.0.1:{port}"
public_url = "{public}"
call_url = "{public}/i/{name}"
instance = "{name}"
[admin]
bind = "127.0.0.1:{admin}"
[agent]
provider = "echo"
[call]
apology = ""
[inbound]
max_lag_ms = 0
[log]
format = "json"
[records]
path = "{records}"
"""


@dataclass
class Fleet:
    """Three instances, the proxy in front of them, and who calls."""

    telnyx: EmulatedTelnyx
    instances: dict[str, Instance]
    environ: dict[str, str]
    public: str
    reports: dict[str, Any] = field(default_factory=dict)

    async def ring(self, number, caller):
        faults = Faults(duplicates=frozenset({"call.initiated"}))
        self.reports[number] = await self.telnyx.ring(caller, from_=number, faults=faults)

    async def ring_texml(self, number, caller):
        application = TexmlApplication(
            id="1",
            name="texml",
            voice_url=f"{self.public}/telnyx/texml",
            status_callback=f"{self.public}/telnyx/texml/status",
        )
        self.reports[number] = await self.telnyx.ring_texml(caller, application, from_=number)

    async def streaming(self, n_calls):
        """Wait until so many calls have media, and return who has which, by their numbers."""
        while True:
            shown = {name: await one.calls() for name, one in self.instances.items()}
            up = {
                name: {call["from"] for call in calls if call["leg"] == "streaming"}
                for name, calls in shown.items()
            }
            if sum(map(len, up.values())) == n_calls:
                return up
            await trio.sleep(0.05)


async def accepting(port, process, log):
    while process.poll() is None:
        try:
            return await (await trio.open_tcp_stream("127.0.0.1", port)).aclose()
        except OSError:
            await trio.sleep(0.05)
    raise AssertionError(log.read_text())


@pytest.fixture
def authority():
    return trustme.CA()


@pytest.fixture
def open_fleet(tmp_path, authority, postgres_url):
    """Start everything: `async with open_fleet() as fleet`."""

    @asynccontextmanager
    async def opener():
        ports = {name: (free_port(), free_port()) for name in INSTANCES}
        public = f"https://127.0.0.1:{(front := free_port())}"
        pem = tmp_path / "voiced.pem"
        pem.write_bytes(authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.bytes())
        proxy = tmp_path / "haproxy.cfg"
        proxy.write_text(adapted(SHIPPED.read_text(), front, pem, ports))
        instances = {}
        for name, (port, admin) in ports.items():
            folder = tmp_path / name
            folder.mkdir()
            text = CONFIG.format(
                name=name, port=port, admin=admin, public=public, records=folder / "records"
            )
            (folder / "voiced.toml").write_text(text)
            instances[name] = Instance(name, folder, f"127.0.0.1:{admin}")
        with trio.fail_after(LIMIT_S):
            async with (
                open_loopback(trusting(authority)) as network,
                open_emulator(network, account=Account(signing_key=SIGNING_KEY)) as telnyx,
                serve_api(telnyx.app) as api_url,
            ):
                telnyx.webhook_url = f"{public}/telnyx/webhook"
                environ = {
                    **{k: v for k, v in os.environ.items() if not k.startswith("TELNYX")},
                    "TELNYX_API_KEY": telnyx.api_key,
                    "TELNYX_PUBLIC_KEY": telnyx.public_key,
                    "TELNYX_API_BASE": api_url,
                    "VOICED_INDEX": postgres_url,
                }
                log, haproxy = tmp_path / "haproxy.log", None
                try:
                    async with trio.open_nursery() as nursery:
                        for instance in instances.values():
                            nursery.start_soon(instance.start, environ)
                    # Then the proxy, for which all of them are there from the start.
                    haproxy = await start(["haproxy", "-db", "-f", str(proxy)], log, environ)
                    await accepting(front, haproxy, log)
                    yield Fleet(telnyx, instances, environ, public)
                finally:
                    with trio.CancelScope(shield=True):
                        for process in (haproxy, *(one.process for one in instances.values())):
                            if process is not None:
                                process.kill()
                                await process.wait()
        assert "/telnyx/media/" not in log.read_text()  # whoever reads it could take part in a call

    return opener


def adapted(text, front, pem, ports):
    """Return the shipped file with addresses of ours, and nothing else changed."""
    changes = {
        "maxconn 20000": "maxconn 200",  # what a machine without more descriptors can do
        "bind :443 ": f"bind 127.0.0.1:{front} ",
        "/etc/haproxy/voiced.pem": str(pem),
        **{f"127.0.0.1:808{n}": f"127.0.0.1:{port}" for n, (port, _) in ports.items()},
        **{f"check port 809{n}": f"check port {admin}" for n, (_, admin) in ports.items()},
    }
    for shipped, ours in changes.items():
        assert shipped in text
        text = text.replace(shipped, ours)
    return text


def trusting(authority):
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


class Patient:
    """A caller who says nothing and hangs up when told to."""

    def __init__(self):
        self.is_done = False
        self._silent = silent_caller()
        self.utterances: tuple[Any, ...] = ()
        self.notes: tuple[str, ...] = ()

    def step(self, heard):
        return replace(self._silent.step(heard), hangs_up=self.is_done)


async def callers_at(*instances):
    return {call["from"] for one in instances for call in await one.calls()}


async def test_calls_are_spread_and_a_killed_instance_takes_only_its_own_with_it(open_fleet):
    async with open_fleet() as fleet:
        numbers = [f"+1312555{n:04}" for n in range(N_CALLS)]
        callers = {number: Patient() for number in numbers}
        async with trio.open_nursery() as nursery:
            for number, caller in callers.items():
                ring = fleet.ring_texml if number.endswith("7") else fleet.ring
                nursery.start_soon(ring, number, caller)
            up = await fleet.streaming(N_CALLS)
            assert all(up.values()), up  # calls are spread
            one, two, three = fleet.instances.values()
            two.kill()
            await two.process.wait()
            late = "+13125559999"
            callers[late] = Patient()
            nursery.start_soon(fleet.ring, late, callers[late])
            while late not in await callers_at(one, three):  # noqa: ASYNC110
                await trio.sleep(0.05)
            for other in (one, three):
                assert await callers_at(other) - {late} == up[other.name]
            await two.start(fleet.environ)
            # The restarted one settles its ledger.
            while not up[two.name] <= fleet.reports.keys():  # noqa: ASYNC110
                await trio.sleep(0.05)
            for caller in callers.values():
                caller.is_done = True
        assert fleet.telnyx.zombies == ()
        for number, report in fleet.reports.items():
            ended_by = "agent" if number in up[two.name] else "caller"
            assert (number, report.ended_by) == (number, ended_by)
            if number not in up[two.name]:
                assert report.violations == ()
        # Each instance tells the index, which they share, within a second.
        while len(ended := await one.calls("?state=ended")) < N_CALLS + 1:  # noqa: ASYNC110
            await trio.sleep(0.05)
        assert await two.calls("?state=live") == []
        assert sum(len(other.records()) for other in fleet.instances.values()) == N_CALLS + 1
        reasons = {call["from"]: (call["instance"], call["end"]["reason"]) for call in ended}
        assert reasons == {
            **{n: (name, "caller_hung_up") for name in ("1", "3") for n in up[name]},
            **dict.fromkeys(up["2"], ("2", "daemon_died")),
            late: (reasons[late][0], "caller_hung_up"),
        }
        elsewhere = next(call for call in ended if call["instance"] == "3")
        assert (await one.ask(f"/calls/{elsewhere['id']}")).json()["state"] == "ended"
        async with httpx.AsyncClient(verify=False, trust_env=False) as stranger:
            for path in ("/", "/calls", "/metrics", "/i/4/telnyx/webhook", "/i/1/calls"):
                assert (await stranger.get(fleet.public + path)).status_code == 404
