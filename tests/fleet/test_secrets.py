"""No secret is to be seen anywhere after whole calls: logs, records, API, process list, errors."""

import gzip
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
import trio

from tests.fleet.instances import Instance, free_port
from voiced.testing.callees import human
from voiced.testing.caller import silent_caller, tone_caller
from voiced.testing.emulator import CALLED_NUMBER, Account, open_emulator
from voiced.testing.network import open_loopback
from voiced.testing.telnyx_api.rest import serve_api

pytestmark = [pytest.mark.socket, pytest.mark.slow]

LIMIT_S = 90
MARK = "s3cr3t-never-to-be-seen"
ORDERED = "whom-an-order-wants-told"
WHSEC = "whsec_" + "bmV2ZXJzZWVu" * 3
SECRETS = (MARK, WHSEC, WHSEC.removeprefix("whsec_"))

CONFIG = """
[server]
bind = "127.0.0.1:{port}"
[admin]
bind = "127.0.0.1:{admin}"
[telnyx]
connection_id = "1494404757140276705"
[outbound]
caller_id = "{caller_id}"
answering_machine_detection = "disabled"
[agent]
provider = "echo"
[recording]
audio = true
[log]
level = "debug"
format = "json"
[records]
path = "{records}"
"""


def secret_environment(api_url):
    """Every secret that there is, each with the mark in it."""
    return {
        "TELNYX_API_KEY": f"KEY-{MARK}",
        "TELNYX_API_BASE": api_url,
        "VOICED_ADMIN_TOKEN": f"admin-{MARK}",
        "VOICED_POST_CALL_URL": f"{api_url}/{MARK}?key={MARK}",
        "VOICED_POST_CALL_SECRET": WHSEC,
        "VOICED_INDEX": f"postgresql://voiced:{MARK}@127.0.0.1:1/voiced",
    }


def everything_below(folder):
    """Yield what was written, unpacked where it was packed."""
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            yield path, gzip.decompress(content) if path.suffix == ".gz" else content


def process_list():
    """What `ps` shows of all processes to every user."""
    return b"".join(
        path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()
    )


async def test_whole_calls_leave_no_secret_and_no_file_for_others(tmp_path):
    old_umask = os.umask(0)
    try:
        await hold_calls(tmp_path)
    finally:
        os.umask(old_umask)
    tokens = set()
    for path, content in everything_below(tmp_path / "records"):
        for secret in SECRETS:
            assert secret.encode() not in content, path
        # Whom an order wants told is kept until that is done, and where that is done from only.
        assert ORDERED.encode() not in content or path.name == "webhooks.jsonl"
        tokens |= set(re.findall(rb"/telnyx/media/([A-Za-z0-9_-]{20,})", content))
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
        assert stat.S_IMODE(path.parent.stat().st_mode) & 0o077 == 0, path.parent
    assert tokens == set()  # what admits a media socket, either
    names = {path.name for path, _ in everything_below(tmp_path / "records")}
    assert {"call.json", "wire.jsonl.gz", "audio.wav", "legs.jsonl", "webhooks.jsonl"} <= names


async def hold_calls(tmp_path):
    """Hold an incoming and an outgoing call, and look at all that can be seen meanwhile."""
    port, admin = free_port(), free_port()
    instance = Instance("one", tmp_path, f"127.0.0.1:{admin}")
    account = Account(api_key=f"KEY-{MARK}")
    with trio.fail_after(LIMIT_S):
        async with (
            open_loopback() as network,
            open_emulator(network, account=account) as telnyx,
            serve_api(telnyx.app) as api_url,
        ):
            text = CONFIG.format(
                port=port, admin=admin, records=tmp_path / "records", caller_id=CALLED_NUMBER
            )
            (tmp_path / "voiced.toml").write_text(text)
            telnyx.webhook_url = f"http://127.0.0.1:{port}/telnyx/webhook"
            telnyx.directory.otherwise = human(after_s=0.1, hangs_up_s=0.5)
            clean = {k: v for k, v in os.environ.items() if not k.startswith(("TELNYX", "VOICED"))}
            secrets = {**secret_environment(api_url), "TELNYX_PUBLIC_KEY": telnyx.public_key}
            try:
                await instance.start(clean | secrets)
                await telnyx.ring(tone_caller(starts_s=0.1, lasts_s=0.2, hangs_up_s=0.5))
                await telnyx.ring(silent_caller(hangs_up_s=0.3))
                seen = await ask_everything(instance, telnyx)
                seen += process_list()
                instance.process.terminate()
                await instance.process.wait()
            finally:
                with trio.CancelScope(shield=True):
                    instance.kill()
                    await instance.process.wait()
    seen += (tmp_path / "log").read_bytes()
    for secret in (*SECRETS, ORDERED):
        assert secret.encode() not in seen
    assert b"/telnyx/media/" not in (tmp_path / "log").read_bytes()


async def ask_everything(instance, telnyx):
    """Place a call, and return what the admin API says of all that it knows, refusals included."""
    headers = {"Authorization": f"Bearer admin-{MARK}"}
    said = b""
    async with httpx.AsyncClient(trust_env=False, timeout=20, headers=headers) as client:
        base = f"http://{instance.admin}"
        order = {"to": "+13125550101", "webhook": f"http://127.0.0.1:1/{ORDERED}", "wait": "ended"}
        placed = await client.post(f"{base}/calls", json=order)
        assert placed.status_code == 202, placed.text
        await telnyx.dialled(1)
        paths = ("/calls", "/metrics", "/webhooks", "/openapi.json", "/calls?state=any", "/")
        for path in (*paths, f"/calls/{placed.json()['id']}", "/livez", "/readyz"):
            said += (await client.get(base + path)).content
        said += placed.content
    async with httpx.AsyncClient(trust_env=False, timeout=20) as stranger:
        for token in ("", "wrong", f"admin-{MARK}x"):
            answer = await stranger.get(f"{base}/calls", headers={"Authorization": token})
            assert answer.status_code == 401
            said += answer.content
    return said


@pytest.mark.parametrize("command", ["check", "serve"])
def test_a_faulty_configuration_is_told_without_its_secrets(tmp_path, command):
    (tmp_path / "voiced.toml").write_text("[call]\nmax_concurrent = 0\n")
    bad = {
        "TELNYX_API_KEY": f"two words {MARK}",
        "TELNYX_PUBLIC_KEY": MARK,
        "VOICED_ADMIN_TOKEN": f"two words {MARK}",
        "VOICED_POST_CALL_URL": f"ftp://{MARK}",
        "VOICED_POST_CALL_SECRET": f"whsec_{MARK}",
        "VOICED_INDEX": f"mysql://voiced:{MARK}@db/x",
    }
    done = subprocess.run(
        [sys.executable, "-m", "voiced", command, "--config", "voiced.toml"],
        cwd=tmp_path,
        env={**os.environ, **bad},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 2
    lines = [line.removeprefix("voiced: ") for line in done.stderr.splitlines()]
    told = {re.split(r" = |: ", line)[0] for line in lines}
    assert {"telnyx.api_key", "admin.token", "records.index"} <= told
    assert {"post_call.url", "post_call.secret"} <= told
    assert MARK not in done.stderr.replace(f'telnyx.public_key = "{MARK}"', "")
