"""The files for a VM: units, proxies, the installer; judged by the programs that they are for."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from voiced.config.load import load_config

FILES = Path(__file__).parents[1] / "systemd"
UNITS = ("voiced.service", "voiced@.service", "voiced.socket")

MOST_EXPOSED = 2.0
"""`systemd-analyze security` gives 0 (nothing allowed) to 10; 1.5 was measured with systemd 252."""


def peer(name):
    """Return the path of a program, or skip: `make test` installs what is missing."""
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if path is None:
        pytest.skip(f"{name} is not installed here")
    return path


def run(*command, **kept):
    return subprocess.run(command, capture_output=True, text=True, check=False, **kept)


def directives(unit):
    """Return what a unit says, in order, without comments."""
    lines = (FILES / unit).read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_units_are_accepted_by_systemd(tmp_path):
    program = tmp_path / "voiced"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for name in UNITS:
        text = (FILES / name).read_text()
        text = text.replace("/opt/voiced/current/venv/bin/voiced", str(program))
        unit = tmp_path / name.replace("@", "@1")
        unit.write_text(text)
        done = run(peer("systemd-analyze"), "verify", "--man=no", str(unit))
        assert (done.returncode, done.stderr) == (0, "")


def test_a_service_can_do_little_beside_its_work():
    done = run(
        peer("systemd-analyze"),
        "security",
        "--offline=true",
        f"--threshold={MOST_EXPOSED * 10:.0f}",
        "--no-pager",
        str(FILES / "voiced.service"),
    )
    assert done.returncode == 0, done.stdout[-300:]


def test_the_template_is_the_same_service_under_other_names():
    single = [
        line.replace("/etc/voiced/config.toml", "/etc/voiced/%i.toml")
        for line in directives("voiced.service")
    ]
    single = [
        re.sub(r"^((State|Runtime)Directory=voiced|WorkingDirectory=/var/lib/voiced)$", r"\1-%i", s)
        for s in single
    ]
    single = [
        s.replace("Description=voiced, a telephone voice agent", s + " (%i)")
        if s.startswith("Description=")
        else s
        for s in single
    ]
    assert directives("voiced@.service") == single


def test_nginx_takes_its_example(tmp_path):
    nginx = peer("nginx")
    text = (FILES / "proxy" / "nginx.conf").read_text()
    certificate, key = self_signed(tmp_path)
    text = re.sub(r"ssl_certificate .*;", f"ssl_certificate {certificate};", text)
    text = re.sub(r"ssl_certificate_key .*;", f"ssl_certificate_key {key};", text)
    (tmp_path / "nginx.conf").write_text(
        f"pid {tmp_path}/pid; error_log stderr;\nevents {{}}\nhttp {{\n{text}\n}}\n"
    )
    done = run(nginx, "-t", "-c", str(tmp_path / "nginx.conf"), "-p", str(tmp_path))
    assert done.returncode == 0, done.stderr


def self_signed(folder):
    import trustme

    authority = trustme.CA()
    made = authority.issue_cert("voice.example.com")
    made.private_key_and_cert_chain_pem.write_to_path(str(folder / "both.pem"))
    return folder / "both.pem", folder / "both.pem"


def test_caddy_takes_its_example(tmp_path):
    caddy = peer("caddy")
    environ = {**os.environ, "HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)}
    done = run(
        caddy,
        "adapt",
        "--config",
        str(FILES / "proxy" / "Caddyfile"),
        "--adapter",
        "caddyfile",
        "--validate",
        env=environ,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert "127.0.0.1:8080" in json.dumps(json.loads(done.stdout))


# The installer.


@pytest.fixture
def installer(tmp_path):
    """Run the installer below a directory; a stand-in for Python makes releases in no time."""
    stand_in = tmp_path / "python3"
    stand_in.write_text(STAND_IN.format(python=sys.executable))
    stand_in.chmod(0o755)
    root = tmp_path / "root"

    def install(*arguments, stdin=""):
        done = run(
            str(FILES / "install.sh"),
            *arguments,
            "--destdir",
            str(root),
            "--python",
            str(stand_in),
            input=stdin,
        )
        return root, done

    return install


STAND_IN = """#!/bin/bash
# `python3 -m venv DIR` without pip's work; everything else is Python's.
if [ "$1 $2" = "-m venv" ]; then
    mkdir -p "$3/bin"
    printf '#!/bin/bash\\n[ "$2" = pip ] && exit 0\\nexec {python} "$@"\\n' >"$3/bin/python"
    printf '#!/bin/bash\\nexec {python} -m voiced "$@"\\n' >"$3/bin/voiced"
    chmod +x "$3/bin/python" "$3/bin/voiced"
else
    exec {python} "$@"
fi
"""


def releases(root):
    return sorted((root / "opt/voiced/releases").iterdir())


@pytest.mark.slow
def test_an_installation_puts_everything_in_its_place_and_leaves_changes_alone(installer):
    root, done = installer("install")
    assert done.returncode == 0, done.stderr
    config = root / "etc/voiced/config.toml"
    assert config.read_text() == (FILES.parent / "config.toml").read_text()
    for unit in UNITS:
        assert (root / "etc/systemd/system" / unit).read_text() == (FILES / unit).read_text()
    assert (root / "opt/voiced/current/venv/bin/voiced").exists()
    config.write_text('[server]\nbind = "127.0.0.1:9000"\n')
    _, done = installer()
    assert done.returncode == 0, done.stderr
    assert "9000" in config.read_text()
    assert (root / "opt/voiced/current").resolve() == releases(root)[-1]
    assert len(releases(root)) == 2


@pytest.mark.slow
def test_an_upgrade_that_does_not_take_the_configuration_changes_nothing(installer):
    root, _ = installer()
    before = (root / "opt/voiced/current").resolve()
    (root / "etc/voiced/config.toml").write_text("[server]\nbogus = 1\n")
    _, done = installer()
    assert done.returncode == 1
    assert "server.bogus" in done.stderr
    assert "what runs is as it was" in done.stderr
    assert (root / "opt/voiced/current").resolve() == before
    assert releases(root) == [before]


@pytest.mark.slow
def test_secrets_are_for_root_only_and_the_unit_loads_them(installer):
    root, _ = installer("credential", "telnyx_api_key", stdin="KEY0123\n")
    _, done = installer("credential", "admin_token", stdin="word\n")
    assert done.returncode == 0, done.stderr
    assert "KEY0123" not in done.stdout + done.stderr
    kept = root / "etc/voiced/credentials/telnyx_api_key"
    assert (kept.read_text(), kept.stat().st_mode & 0o777) == ("KEY0123\n", 0o600)
    assert kept.parent.stat().st_mode & 0o777 == 0o700
    loads = (root / "etc/systemd/system/voiced.service.d/credentials.conf").read_text()
    assert [line for line in loads.splitlines() if line.startswith("Load")] == [
        "LoadCredential=admin_token:/etc/voiced/credentials/admin_token",
        "LoadCredential=telnyx_api_key:/etc/voiced/credentials/telnyx_api_key",
    ]
    _, done = installer("credential", "admin_token", stdin="")
    assert done.returncode == 1


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [("uninstall",), ("uninstall", "--purge")])
def test_records_stay_unless_they_are_purged(installer, arguments):
    root, _ = installer("--instance", "1", "--instance", "2")
    assert {path.name for path in (root / "etc/voiced").glob("*.toml")} == {"1.toml", "2.toml"}
    for n in (1, 2):
        config = load_config(root / f"etc/voiced/{n}.toml", {})
        assert config.server.bind == f"127.0.0.1:808{n}"  # as haproxy.cfg has it
        assert config.admin.bind == f"127.0.0.1:809{n}"
        assert config.server.instance == f"{n}"
    record = root / "var/lib/voiced-1/calls/call.json"
    record.parent.mkdir(parents=True)
    record.touch()
    _, done = installer(*arguments)
    assert done.returncode == 0, done.stderr
    assert not (root / "opt/voiced").exists()
    assert not list((root / "etc/systemd/system").glob("voiced*"))
    assert record.exists() is (arguments == ("uninstall",))
    assert (root / "etc/voiced/1.toml").exists() is (arguments == ("uninstall",))
