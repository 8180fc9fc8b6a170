"""The virtual environment of the servers that are not ours: built once, with the newest releases.

It lies in the environment that runs the benchmark, so that nothing of it is ever committed and
`make clean` takes it away. `--renew` builds it anew.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

PACKAGES = (
    "pipecat-ai[websocket,silero]",
    "uvicorn[standard]",  # uvloop, httptools and websockets, as its documentation advises
    "picows",
)
_TOLD = (
    "pipecat-ai", "uvicorn", "uvloop", "websockets", "fastapi", "soxr", "onnxruntime", "picows"
)  # fmt: skip
_LIST = """
import json
from importlib.metadata import version
print(json.dumps({{name: version(name) for name in {}}}))
"""


class RivalsMissing(Exception):
    """The environment could not be built; the text says why and what can be measured without."""


def rivals_home() -> Path:
    """Return where the environment is."""
    if sys.prefix == sys.base_prefix:
        raise RivalsMissing("run the benchmark from a virtual environment: make bench")
    return Path(sys.prefix) / "benchmarks"


def build_rivals(*, renew: bool = False) -> Path:
    """Return the environment's Python, after building it where needed.

    Raises:
        RivalsMissing: not in a virtual environment, or the packages could not be installed.
    """
    home = rivals_home()
    python, stamp = home / "bin" / "python", home / "installed"
    if renew or not stamp.exists() or stamp.read_text() != repr(PACKAGES):
        print(f"Installing {', '.join(PACKAGES)} into {home}", file=sys.stderr)
        shutil.rmtree(home, ignore_errors=True)
        try:
            subprocess.run([sys.executable, "-m", "venv", home], check=True)
            subprocess.run([python, "-m", "pip", "install", "-qq", *PACKAGES], check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise RivalsMissing(
                f"{error}; without the package registry, `--servers voiced,voiced-recording` runs"
            ) from error
        stamp.write_text(repr(PACKAGES))
    return python


def rival_versions(python: Path) -> dict[str, str]:
    """Return the versions that matter."""
    code = _LIST.format(_TOLD)
    run = subprocess.run([python, "-c", code], check=True, capture_output=True, text=True)
    versions: dict[str, str] = json.loads(run.stdout)
    return versions
