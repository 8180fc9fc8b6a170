"""A daemon's configuration for calls on this machine: your own, but with an emulated account."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr

from voiced.config import load_config, parse_config
from voiced.testing.speech import speak_all

if TYPE_CHECKING:
    from voiced.audio.frame import Pcm
    from voiced.config import Config
    from voiced.testing.emulator import EmulatedTelnyx

_TELNYX_VOICE = "slt"
_DEFAULT_FILE = Path("config.toml")


async def speak_as_telnyx(text: str) -> Pcm:
    """Return what the emulated Telnyx itself says to the caller."""
    (pcm,) = await speak_all([text], voice=_TELNYX_VOICE)
    return pcm


def read_config(given: Path | None) -> Config:
    """Read the configuration; the account's variables are not for an emulated account."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("TELNYX_")}
    if given is None and not _DEFAULT_FILE.exists():
        return parse_config({}, environ)
    return load_config(given or _DEFAULT_FILE, environ)


def local_config(config: Config, telnyx: EmulatedTelnyx, api_url: str, folder: Path) -> Config:
    """Return `config` on free loopback ports, with the emulated account and records in `folder`."""
    loopback = {"bind": "127.0.0.1:0"}
    plain = loopback | {"public_url": "", "tls_certificate": "", "tls_key": "", "insecure": False}
    account = {
        "api_key": SecretStr(telnyx.api_key),
        "public_key": telnyx.public_key,
        "api_base": api_url,
    }
    records = {"path": folder / "records", "index": SecretStr("")}  # no calls for others to see
    return config.model_copy(
        update={
            "server": config.server.model_copy(update=plain),
            "admin": config.admin.model_copy(update=loopback),
            "telnyx": config.telnyx.model_copy(update=account),
            # The emulated Telnyx shares the loop: its lateness is not the daemon's.
            "inbound": config.inbound.model_copy(update={"max_lag_ms": 0}),
            "records": config.records.model_copy(update=records),
        }
    )
