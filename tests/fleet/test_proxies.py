"""A call through the proxies that are shipped as examples, and what they let nobody reach."""

import os
import re
import shutil
import ssl
from pathlib import Path

import httpx
import pytest
import trio
import trustme

from tests.fleet.instances import Instance, free_port, start
from voiced.testing.caller import tone_caller
from voiced.testing.emulator import Account, open_emulator
from voiced.testing.network import open_loopback
from voiced.testing.telnyx_api.rest import serve_api

pytestmark = [pytest.mark.socket, pytest.mark.slow]

SHIPPED = Path(__file__).parents[2] / "systemd" / "proxy"
LIMIT_S = 60

CONFIG = """
[server]
bind = "127.0.0.1:{port}"
public_url = "{public}"
[admin]
bind = "127.0.0.1:{admin}"
[agent]
provider = "echo"
[inbound]
max_lag_ms = 0
[records]
path = "{records}"
"""


def nginx(folder, pem, front, back):
    """Return what starts nginx with the shipped file, but for addresses and certificate."""
    text = (SHIPPED / "nginx.conf").read_text()
    text = re.sub(r"ssl_certificate(_key)? .*;", rf"ssl_certificate\1 {pem};", text)
    text = text.replace("listen 443 ssl;", f"listen 127.0.0.1:{front} ssl;")
    text = text.replace("    listen [::]:443 ssl;\n", "").replace("127.0.0.1:8080", back)
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;" if os.getuid() == 0 else ""
    (folder / "nginx.conf").write_text(
        f"{user} daemon off; pid {folder}/pid; error_log stderr;\nevents {{}}\n"
        f"http {{\naccess_log {folder}/access.log;\n{temporary}{text}\n}}\n"
    )
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/sbin")
    return program, ["-c", str(folder / "nginx.conf"), "-p", str(folder)]


def caddy(folder, pem, front, back):
    """Return what starts Caddy with the shipped file, but for addresses and certificate."""
    text = (SHIPPED / "Caddyfile").read_text().replace("127.0.0.1:8080", back)
    site = f"https://127.0.0.1:{front} {{\n\ttls {pem} {pem}\n"
    text = text.replace("voice.example.com {\n", site)
    options = "{\n\tadmin off\n\tauto_https disable_redirects\n}\n"
    (folder / "Caddyfile").write_text(options + text)
    arguments = ["run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")]
    return shutil.which("caddy"), arguments


async def answers(public, trusting):
    async with httpx.AsyncClient(verify=trusting, trust_env=False) as stranger:
        while True:
            try:
                return (await stranger.get(f"{public}/")).status_code
            except httpx.ConnectError:
                await trio.sleep(0.05)


@pytest.mark.parametrize("make", [nginx, caddy])
async def test_a_call_goes_through_it_and_nothing_else(tmp_path, make):
    authority = trustme.CA()
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    pem = tmp_path / "voiced.pem"
    pem.write_bytes(authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.bytes())
    port, admin, front = free_port(), free_port(), free_port()
    public = f"https://127.0.0.1:{front}"
    program, arguments = make(tmp_path, pem, front, f"127.0.0.1:{port}")
    if program is None:
        pytest.skip(f"{make.__name__} is not installed here")
    (tmp_path / "voiced.toml").write_text(
        CONFIG.format(port=port, admin=admin, public=public, records=tmp_path / "records")
    )
    instance = Instance("one", tmp_path, f"127.0.0.1:{admin}")
    log = tmp_path / "proxy.log"
    with trio.fail_after(LIMIT_S):
        async with (
            open_loopback(trusting) as network,
            open_emulator(network, account=Account()) as telnyx,
            serve_api(telnyx.app) as api_url,
        ):
            telnyx.webhook_url = f"{public}/telnyx/webhook"
            environ = {
                **{k: v for k, v in os.environ.items() if not k.startswith(("TELNYX", "VOICED"))},
                "HOME": str(tmp_path),
                "XDG_DATA_HOME": str(tmp_path),
            }
            keys = {
                "TELNYX_API_KEY": telnyx.api_key,
                "TELNYX_PUBLIC_KEY": telnyx.public_key,
                "TELNYX_API_BASE": api_url,
            }
            proxy = None
            try:
                proxy = await start([program, *arguments], log, environ)
                await instance.start(environ | keys)
                assert await answers(public, trusting) == 404
                caller = tone_caller(starts_s=0.3, lasts_s=0.5, hangs_up_s=1.5)
                report = await telnyx.ring(caller)
                async with httpx.AsyncClient(verify=trusting, trust_env=False) as stranger:
                    for path in ("/calls", "/metrics", "/livez", "/telnyx/../calls", "/handover/"):
                        assert (await stranger.get(public + path)).status_code == 404
            finally:
                with trio.CancelScope(shield=True):
                    for process in (proxy, instance.process):
                        if process is not None:
                            process.kill()
                            await process.wait()
    assert report.violations == ()
    assert (
        report.commands[0].body["stream_url"].startswith(f"wss://127.0.0.1:{front}/telnyx/media/")
    )
    assert report.first_audio_s is not None
    logged = log.read_text() + "".join(p.read_text() for p in tmp_path.glob("access.log"))
    assert "/telnyx/media/" not in logged  # whoever read it could take part in a call
